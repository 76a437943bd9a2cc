//! Transcripts out of a warehouse: what the rows of the query say, in each form that a text may have.

use crate::support::snowflake::SnowflakeStandIn;
use aftercall::clients::snowflake::{Snowflake, SnowflakeTranscript};
use aftercall::{
    clients::http::UpstreamError,
    domain::{
        call::{Account, Party},
        clock::Clock,
    },
};
use serde_json::json;
use uuid::Uuid;

use super::client::{build, client, config};

const CALL: &str = "31400000000000001590";

async fn fetch(snowflake: &Snowflake) -> Result<Option<SnowflakeTranscript>, UpstreamError> {
    snowflake.transcript(CALL, Uuid::now_v7(), false).await
}

/// The transcript of a call with two speakers and an account.
async fn halden(text: &str) -> SnowflakeStandIn {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.add_transcript(CALL, "c-1", text);
    stand_in.add_call("c-1", "a-1", "Dana Reyes", "dana@brindlemoor.example");
    stand_in.add_call("c-1", "a-1", "Ingrid Vale", "ingrid@halden.example");
    stand_in.add_account("a-1", "Halden Freight", "HF-1", "cs@brindlemoor.example", "am@brindlemoor.example");
    stand_in
}

#[tokio::test]
async fn a_transcript_comes_with_its_account_and_its_speakers() {
    let stand_in = halden("Dana Reyes: Good morning. How are you?\nIngrid Vale: Fine.\n").await;
    let transcript = fetch(&client(&stand_in)).await.unwrap().unwrap();
    let said: Vec<_> =
        transcript.turns.iter().map(|turn| (turn.speaker_name.as_deref().unwrap(), turn.sentences.join("|"))).collect();
    assert_eq!(said, [("Dana Reyes", "Good morning.|How are you?".to_owned()), ("Ingrid Vale", "Fine.".to_owned())]);
    assert_eq!(
        transcript.account,
        Some(Account { name: "Halden Freight".to_owned(), number: Some("HF-1".to_owned()) })
    );
    let party = |name: &str, email: &str| Party {
        name: Some(name.to_owned()),
        email: Some(email.to_owned()),
        ..Party::default()
    };
    let dana = party("Dana Reyes", "dana@brindlemoor.example");
    assert_eq!(transcript.speakers, [dana, party("Ingrid Vale", "ingrid@halden.example")]);
    assert_eq!(transcript.cs_email.as_deref(), Some("cs@brindlemoor.example"));
    assert_eq!(transcript.am_email.as_deref(), Some("am@brindlemoor.example"));
}

#[tokio::test]
async fn a_transcript_without_a_call_comes_alone() {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.add_transcript(CALL, "gone", "Hello.");
    let transcript = fetch(&client(&stand_in)).await.unwrap().unwrap();
    assert_eq!((transcript.turns.len(), transcript.account), (1, None));
    assert!(transcript.speakers.is_empty() && transcript.cs_email.is_none());
}

#[tokio::test]
async fn what_is_not_there_or_empty_is_not_ready() {
    let stand_in = SnowflakeStandIn::start().await;
    assert_eq!(fetch(&client(&stand_in)).await.unwrap(), None);
    let empty_list = json!({"callTranscripts": []}).to_string();
    let silent = json!({"callId": CALL, "transcript": [{"speakerId": "1", "sentences": []}]}).to_string();
    for empty in ["", " \n ", "{}", "[]", "\"\"", "\0", empty_list.as_str(), &silent, r#"{"transcript":null}"#] {
        assert_eq!(fetch(&client(&halden(empty).await)).await.unwrap(), None, "{empty}");
    }
}

#[tokio::test]
async fn gongs_json_is_read_in_each_of_its_wrappings() {
    let monologues = json!([
        {"speakerId": "901", "topic": null, "sentences": [{"start": 1200, "end": 1900, "text": "Good morning."}]},
        {"speakerId": null, "sentences": [{"start": "x", "text": "Hi."}, {"text": null}]},
    ]);
    let ours = json!({"callId": CALL, "transcript": monologues});
    let other = json!({"callId": "9", "transcript": [{"sentences": [{"text": "Another call."}]}]});
    for text in [
        json!({"requestId": "q", "callTranscripts": [other, ours]}),
        json!({"callTranscripts": [{"callId": "another name for it", "transcript": monologues}]}),
        ours,
        json!({"transcript": monologues}),
        monologues,
    ] {
        let transcript = fetch(&client(&halden(&text.to_string()).await)).await.unwrap().unwrap();
        let said: Vec<_> = transcript.turns.iter().map(|turn| (turn.start_ms, turn.sentences.as_slice())).collect();
        assert_eq!(said, [(1200, ["Good morning.".to_owned()].as_slice()), (0, &["Hi.".to_owned()])], "{text}");
        assert_eq!(transcript.turns[0].speaker_id.as_deref(), Some("901"));
    }
}

#[tokio::test]
async fn json_that_is_not_gongs_is_for_the_operator() {
    for text in [r#"{"segments":[1]}"#, r#"[{"who":"Dana"}]"#, r#"{"transcript":"Dana: hi"}"#] {
        let Err(UpstreamError::Never(why)) = fetch(&client(&halden(text).await)).await else { panic!("{text}") };
        assert!(why.contains("transcript_text") && !why.contains("Dana"), "{why}");
    }
    // What only looks a little like JSON is words.
    for text in ["[12]", "[inaudible]", "7", "\"Dana: hi\"", "{oops"] {
        assert!(fetch(&client(&halden(text).await)).await.unwrap().is_some(), "{text}");
    }
}

#[tokio::test]
async fn own_sql_needs_one_column_only() {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.answer_with(CALL, &["Transcript_Text"], &[&[Some("Dana: hi")], &[None], &[Some("Ingrid: hello")]]);
    let transcript = fetch(&client(&stand_in)).await.unwrap().unwrap();
    assert_eq!((transcript.turns.len(), transcript.account), (2, None));
}

#[tokio::test]
async fn own_sql_without_the_text_is_told_which_column_is_missing() {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.answer_with(CALL, &["BODY", "ACCOUNT_NAME"], &[]);
    let mut config = config(&stand_in);
    config.query = Some("SELECT body, account_name FROM x WHERE id = ?".to_owned());
    let snowflake = build(config, Clock::system());
    for result in [fetch(&snowflake).await.map(|_| ()), snowflake.check().await.map(|_| ())] {
        let Err(UpstreamError::Never(why)) = result else { panic!("it was taken") };
        assert!(why.contains("transcript_text") && why.contains("body, account_name"), "{why}");
    }
    assert_eq!(stand_in.server.asked()[0].body["statement"], "SELECT body, account_name FROM x WHERE id = ?");
}

#[tokio::test]
async fn addresses_that_are_none_count_as_absent() {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.answer_with(
        CALL,
        &["TRANSCRIPT_TEXT", "CS_EMAIL", "AM_EMAIL"],
        &[&[Some("hi"), Some("n/a"), None], &[Some("hi"), Some(" "), Some(" am@x.example ")]],
    );
    let transcript = fetch(&client(&stand_in)).await.unwrap().unwrap();
    assert_eq!((transcript.cs_email, transcript.am_email.as_deref()), (None, Some("am@x.example")));
    assert_eq!(transcript.turns.len(), 1, "the join repeats the text");
}

#[tokio::test]
async fn the_check_runs_the_real_query_and_says_what_it_found() {
    let stand_in = SnowflakeStandIn::start().await;
    let said = client(&stand_in).check().await.unwrap();
    for part in ["BRINDLE-PROD_EU.AFTERCALL_SVC", "role READER", "warehouse LOAD_WH", "transcript_text", "am_email"] {
        assert!(said.contains(part), "{part} is missing in: {said}");
    }
    let asked = &stand_in.server.asked()[0];
    assert_eq!(asked.body["bindings"]["1"]["value"], "aftercall-check");
    stand_in.refuse_statements("002003", "42S02", "Object 'CALLS' does not exist or not authorized.");
    assert!(matches!(client(&stand_in).check().await, Err(UpstreamError::Never(_))));
}
