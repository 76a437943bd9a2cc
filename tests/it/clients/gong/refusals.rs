//! What Gong refuses, and what stands in front of it: which error it becomes, and what an operator reads.

use std::time::Duration;

use aftercall::clients::{gong::GongBatches, http::UpstreamError};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Gong, client_with, ids};
use crate::{
    support::Fault,
    support::gong_api::{GongApiStandIn, generated_id},
};

/// What becomes of a request that meets this.
async fn meeting(fault: Fault) -> UpstreamError {
    let gong = Gong::with_generated(1).await;
    gong.stand_in.server.fail_next("POST", fault);
    let error = gong.api.calls(&[generated_id(0)]).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("Gong (call details)") || text.starts_with("gong (call details)"), "{text}");
    assert!(!text.contains("letmein") && !text.contains(gong.stand_in.secret()), "{text}");
    assert_eq!((gong.requests(), gong.pace.turns()), (1, 1), "no repeats here: the queue does that");
    error
}

fn plain(status: u16, headers: &[(&'static str, &str)], body: &str) -> Fault {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Fault::Answer(status, headers, body.to_owned())
}

#[tokio::test]
async fn what_will_not_change_is_never_retried() {
    for (fault, told) in [
        (GongApiStandIn::error(400, "callIds: too many"), "callIds: too many"),
        (GongApiStandIn::error(401, "revoked"), "GONG_API_URL"),
        (GongApiStandIn::error(403, "not from here"), "allow-list"),
        (GongApiStandIn::error(404, "No handler found"), "GONG_API_URL"),
        (GongApiStandIn::html(404), "wrong path or host"),
        (GongApiStandIn::error(405, "not with POST"), "not with POST"),
        (GongApiStandIn::error(409, "conflict"), "conflict"),
        (GongApiStandIn::error(415, "type"), "415"),
        (plain(301, &[("location", "https://elsewhere.example/?key=letmein")], ""), "wrong host"),
        (plain(302, &[], "<html>letmein</html>"), "302"),
    ] {
        match meeting(fault).await {
            UpstreamError::Never(text) => assert!(text.contains(told), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_may_pass_is_retried() {
    for (fault, told) in [
        (GongApiStandIn::error(500, "An unexpected error"), "An unexpected error"),
        (GongApiStandIn::html(500), "500"),
        (GongApiStandIn::html(502), "text/html"),
        (plain(503, &[], ""), "0 bytes"),
        (GongApiStandIn::html(200), "text/html"),
        (plain(200, &[], ""), "200"),
        (Fault::status(200, "{\"calls\": [{\"text\": \"letmein"), "application/json"),
        (Fault::status(200, "{\"status\": \"letmein\"}"), "not Gong's"),
        (plain(204, &[], ""), "204"),
        (plain(408, &[], ""), "408"),
        (Fault::Broken, "broke"),
        (Fault::AnswerLost, "broke"),
    ] {
        match meeting(fault).await {
            UpstreamError::Retry(text) => assert!(text.contains(told), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_429_makes_everybody_hold_back() {
    for (retry_after, seconds) in [(Some("7"), 7), (None, 1), (Some("soon"), 1), (Some("0"), 1)] {
        let gong = Gong::with_generated(1).await;
        gong.stand_in.limit_rate(retry_after);
        let wanted = [generated_id(0)];
        let mut refused = None;
        for _ in 0..200 {
            refused = refused.or(gong.api.calls(&wanted).await.err());
            if refused.is_some() {
                break;
            }
        }
        assert!(gong.requests() > 3);
        let wait = Duration::from_secs(seconds);
        match refused.expect("more than three requests in a second") {
            UpstreamError::Later { why, wait: told } => {
                assert_eq!(told, wait);
                assert!(why.contains("429") && why.contains("3 per second"), "{why}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(gong.pace.told(), [wait]);
    }
}

#[tokio::test]
async fn the_limit_of_the_day_parks_requests_for_hours_but_not_for_ever() {
    let gong = Gong::with_generated(1).await;
    gong.stand_in.limit_day(1, "9999999");
    gong.api.calls(&[generated_id(0)]).await.unwrap();
    let parked = gong.api.transcripts(&[generated_id(0)]).await.unwrap_err();
    let day = Duration::from_hours(24);
    assert!(matches!(parked, UpstreamError::Later { wait, .. } if wait == day));
    assert_eq!(gong.pace.told(), [day]);
}

#[tokio::test]
async fn a_pace_that_grants_no_turn_is_obeyed() {
    let gong = Gong::with_generated(1).await;
    let spent =
        UpstreamError::Later { why: "the day's requests are used up".to_owned(), wait: Duration::from_secs(60) };
    gong.pace.refuse(spent.clone());
    assert_eq!(gong.api.calls(&[generated_id(0)]).await.unwrap_err(), spent);
    assert_eq!(gong.api.all_users().await.unwrap_err(), spent);
    assert_eq!(gong.api.check().await.unwrap_err(), spent);
    assert_eq!(gong.requests(), 0);
}

#[tokio::test]
async fn a_401_for_wrong_credentials_says_what_to_check() {
    let gong = Gong::start().await;
    let api = client_with(gong.stand_in.url(), "wrong-secret", &gong.stand_in, gong.pace.clone());
    match api.check().await.unwrap_err() {
        UpstreamError::Never(text) => assert!(text.contains("access key") && !text.contains("wrong-secret"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_check_passes_with_three_scopes_and_three_requests() {
    for calls in [0, 5] {
        let gong = Gong::with_generated(calls).await;
        gong.stand_in.revoke("api:users:read");
        gong.api.check().await.unwrap();
        assert_eq!((gong.requests(), gong.pace.turns()), (3, 3));
        assert_eq!(gong.stand_in.server.count("GET /v2/calls"), 1);
        assert_eq!(gong.stand_in.server.asked()[2].body["filter"]["callIds"], serde_json::json!(["0"]));
    }
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    for scope in ["api:calls:read:basic", "api:calls:read:extensive", "api:calls:read:transcript"] {
        let gong = Gong::start().await;
        gong.stand_in.revoke(scope);
        match gong.api.check().await.unwrap_err() {
            UpstreamError::Never(text) => assert!(text.contains(&format!("lacks the scope {scope}")), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_missing_scope_of_users_is_named_when_they_are_asked_for() {
    let gong = Gong::start().await;
    gong.stand_in.revoke("api:users:read");
    assert!(gong.api.all_users().await.unwrap_err().to_string().contains("api:users:read"));
    assert!(gong.api.transcripts(&ids(&["1"])).await.unwrap().is_empty());
}

#[tokio::test]
async fn each_request_can_be_repeated_until_it_works() {
    let gong = Gong::with_generated(1).await;
    gong.stand_in.server.fail_each_once(GongApiStandIn::html(503));
    let wanted = [generated_id(0)];
    assert!(matches!(gong.api.calls(&wanted).await, Err(UpstreamError::Retry(_))));
    assert!(matches!(gong.api.transcripts(&wanted).await, Err(UpstreamError::Retry(_))));
    assert_eq!(gong.api.calls(&wanted).await.unwrap().len(), 1);
    assert_eq!(gong.api.transcripts(&wanted).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_somebody_in_between_echoes_of_our_credentials_is_hidden() {
    let gong = Gong::with_generated(1).await;
    let basic = STANDARD.encode(format!("{}:{}", gong.stand_in.key(), gong.stand_in.secret()));
    for echo in [gong.stand_in.secret().to_owned(), format!("got Basic {basic}")] {
        gong.stand_in.server.fail_next("POST", GongApiStandIn::error(400, &echo));
        let text = gong.api.calls(&[generated_id(0)]).await.unwrap_err().to_string();
        assert!(text.contains("[hidden]") && !text.contains(&echo), "{text}");
    }
}

#[tokio::test]
async fn an_answer_that_hangs_holds_up_nobody_else() {
    let gong = Gong::with_generated(2).await;
    let batches = GongBatches::new(gong.api.clone(), 50);
    gong.stand_in.server.fail_next("POST", Fault::Slow(Duration::from_secs(20)));
    let hanging = {
        let batches = batches.clone();
        tokio::spawn(async move { batches.call(&generated_id(0)).await })
    };
    while gong.requests() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(batches.call(&generated_id(1)).await.unwrap().is_some());
    assert!(!hanging.is_finished());
}
