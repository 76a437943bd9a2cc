//! Calls and transcripts by id.

use aftercall::{
    clients::http::UpstreamError,
    domain::{
        call::{Account, Side},
        transcript::StoredTurn,
    },
};
use serde_json::{Value, json};

use super::{Gong, call, ids, words};
use crate::{
    support::Fault,
    support::gong_api::{GongApiStandIn, NotReady, generated_id},
};

const STARTED: &str = "2031-05-06T09:30:00.250+02:00";

#[tokio::test]
async fn a_call_comes_with_those_who_took_part_and_the_customer() {
    let gong = Gong::start().await;
    gong.stand_in.add_call(call("314", STARTED), None);
    let calls = gong.api.calls(&ids(&["314"])).await.unwrap();
    let parties: Vec<_> = calls[0].parties.iter().map(|party| (party.name.as_deref(), party.side)).collect();
    assert_eq!(parties, [(Some("Dana Reyes"), Side::Ours), (Some("Ingrid Vale"), Side::Theirs)]);
    assert_eq!(calls[0].crm_account, Some(Account { name: "Halden Freight".to_owned(), number: None }));
}

#[tokio::test]
async fn ids_are_asked_for_alone_and_everything_but_media_with_them() {
    let gong = Gong::start().await;
    gong.stand_in.add_call(call("314", STARTED), None);
    gong.api.calls(&ids(&["314"])).await.unwrap();
    gong.api.transcripts(&ids(&["314"])).await.unwrap();
    let asked = gong.stand_in.server.asked();
    for asked in &asked {
        assert_eq!(asked.body["filter"], json!({"callIds": ["314"]}));
        assert_eq!((asked.query.as_str(), asked.header("content-type")), ("", "application/json"));
    }
    let selector = &asked[0].body["contentSelector"];
    assert_eq!((&selector["context"], &selector["contextTiming"]), (&json!("Extended"), &json!(["Now", "TimeOfCall"])));
    let fields = selector["exposedFields"].as_object().unwrap();
    assert_eq!((&fields["parties"], &fields["media"]), (&json!(true), &json!(false)));
    for block in ["content", "interaction", "collaboration"] {
        assert!(fields[block].as_object().unwrap().values().all(|wanted| wanted == true), "{block}");
    }
}

#[tokio::test]
async fn calls_come_in_the_order_they_were_asked_for_and_an_unknown_one_is_missing() {
    let gong = Gong::with_generated(9).await;
    let wanted = [generated_id(7), "404".to_owned(), generated_id(2), generated_id(7)];
    let found: Vec<String> = gong.api.calls(&wanted).await.unwrap().into_iter().map(|call| call.id).collect();
    assert_eq!(found, [generated_id(7), generated_id(2)]);
    assert_eq!(gong.api.calls(&ids(&["404", "405"])).await.unwrap(), []);
}

#[tokio::test]
async fn no_ids_are_no_question() {
    let gong = Gong::with_generated(9).await;
    assert!(gong.api.calls(&[]).await.unwrap().is_empty());
    assert!(gong.api.transcripts(&[]).await.unwrap().is_empty());
    assert_eq!((gong.requests(), gong.pace.turns()), (0, 0));
}

#[tokio::test]
async fn calls_that_were_not_asked_for_are_left_out() {
    let gong = Gong::start().await;
    let body = json!({"records": {}, "calls": [{"metaData": {"id": "1"}}, {"metaData": {"id": "2"}}, null, {}]});
    gong.stand_in.server.fail_next("POST", Fault::status(200, body.to_string()));
    let found = gong.api.calls(&ids(&["2"])).await.unwrap();
    assert_eq!((found.len(), found[0].id.as_str()), (1, "2"));
}

#[tokio::test]
async fn the_pages_of_an_answer_are_followed_with_the_cursor_at_the_top_of_the_body() {
    let gong = Gong::with_generated(9).await;
    gong.stand_in.page_size(2);
    let wanted: Vec<String> = (0..5).map(generated_id).collect();
    assert_eq!(gong.api.calls(&wanted).await.unwrap().len(), 5);
    assert_eq!(gong.api.transcripts(&wanted).await.unwrap().len(), 5);
    assert_eq!((gong.requests(), gong.pace.turns()), (6, 6));
    for asked in gong.stand_in.server.asked() {
        assert!(asked.body["filter"].get("cursor").is_none() && asked.query.is_empty());
    }
}

#[tokio::test]
async fn a_dead_cursor_begins_anew_once() {
    let gong = Gong::with_generated(9).await;
    gong.stand_in.page_size(2);
    let wanted: Vec<String> = (0..5).map(generated_id).collect();
    gong.stand_in.cursors_die_after(1, 1);
    assert_eq!(gong.api.calls(&wanted).await.unwrap().len(), 5);
    assert_eq!((gong.requests(), gong.pace.turns()), (5, 5), "two pages in vain, three of which all arrived");
    gong.stand_in.cursors_die_after(1, 2);
    let died = gong.api.transcripts(&wanted).await.unwrap_err();
    assert!(matches!(died, UpstreamError::Retry(text) if text.contains("expired")));
}

#[tokio::test]
async fn three_ways_of_not_being_ready_look_alike() {
    for form in [NotReady::NotFound, NotReady::NoEntry, NotReady::Empty] {
        let gong = Gong::start().await;
        gong.stand_in.add_call(call("1", STARTED), Some(words("Good morning.")));
        gong.stand_in.add_call(call("2", STARTED), Some(words("Good evening.")));
        gong.stand_in.transcript_not_ready("1", form, 2);
        assert!(gong.api.transcripts(&ids(&["1"])).await.unwrap().is_empty(), "{form:?}");
        let both = gong.api.transcripts(&ids(&["1", "2"])).await.unwrap();
        assert_eq!(both.keys().collect::<Vec<_>>(), ["2"], "{form:?}");
        let ready = gong.api.transcripts(&ids(&["1"])).await.unwrap();
        let turn = StoredTurn {
            speaker_id: Some("901".to_owned()),
            speaker_name: None,
            start_ms: 1200,
            sentences: ids(&["Good morning."]),
        };
        assert_eq!(ready["1"], [turn], "{form:?}");
    }
}

#[tokio::test]
async fn words_without_a_speaker_are_kept() {
    let gong = Gong::with_generated(1).await;
    let transcripts = gong.api.transcripts(&[generated_id(0)]).await.unwrap();
    let speakers: Vec<_> = transcripts[&generated_id(0)].iter().map(|turn| turn.speaker_id.as_deref()).collect();
    assert_eq!(speakers, [Some("901"), None]);
}

#[tokio::test]
async fn a_call_that_is_not_known_yet_is_missing_and_the_others_come() {
    let gong = Gong::with_generated(3).await;
    gong.stand_in.details_unknown(&generated_id(1), 1);
    let wanted: Vec<String> = (0..3).map(generated_id).collect();
    assert_eq!(gong.api.calls(&wanted).await.unwrap().len(), 2);
    assert_eq!(gong.api.calls(&wanted).await.unwrap().len(), 3);
}

#[tokio::test]
async fn an_id_that_is_named_as_unknown_is_missing_and_the_others_come() {
    let gong = Gong::with_generated(3).await;
    let unknown = |text: &str| gong.stand_in.server.fail_next("POST", GongApiStandIn::error(404, text));
    unknown("Call ID 404 was not found");
    assert_eq!(gong.api.calls(&ids(&["404"])).await.unwrap(), []);
    unknown("Call ID 404 was not found");
    let wanted = [generated_id(0), "404".to_owned(), generated_id(1)];
    assert_eq!(gong.api.calls(&wanted).await.unwrap().len(), 2);
    // Without its name it is found by asking for fewer.
    unknown("Some call ID was not found");
    assert_eq!(gong.api.calls(&wanted).await.unwrap().len(), 2);
    assert_eq!(gong.requests(), gong.pace.turns());
}

#[tokio::test]
async fn twenty_digits_survive_as_text_and_as_numbers() {
    let id = "31400000000000001590";
    for as_numbers in [false, true] {
        let gong = Gong::start().await;
        gong.stand_in.add_call(call(id, STARTED), Some(words("Good morning.")));
        if as_numbers {
            gong.stand_in.ids_as_numbers();
        }
        let listed =
            gong.api.calls_in_window(super::at("2031-05-06T00:00:00Z"), super::at("2031-05-07T00:00:00Z"), None);
        assert_eq!(listed.await.unwrap().items[0].id, id);
        assert_eq!(gong.api.calls(&ids(&[id])).await.unwrap()[0].id, id);
        assert!(gong.api.transcripts(&ids(&[id])).await.unwrap().contains_key(id));
    }
}

#[tokio::test]
async fn privacy_is_read_anew() {
    let gong = Gong::with_generated(1).await;
    for private in [true, false] {
        gong.stand_in.set_private(&generated_id(0), private);
        assert_eq!(gong.api.calls(&[generated_id(0)]).await.unwrap()[0].is_private, private);
    }
    let odd: Value = json!({"records": null, "calls": [{"metaData": {"id": "1", "isPrivate": "true"}}]});
    gong.stand_in.server.fail_next("POST", Fault::status(200, odd.to_string()));
    assert!(gong.api.calls(&ids(&["1"])).await.unwrap()[0].is_private);
}
