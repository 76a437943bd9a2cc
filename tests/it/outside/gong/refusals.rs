//! What Gong refuses, and what goes wrong on the way: what passes is tried again, what somebody has to mend ends the run
//! with a reason that says what to do.

use std::time::Duration;

use serde_json::json;

use super::super::{
    DETAILS, TRANSCRIPT, UNDISTURBED, add, asking, assert_nowhere, driven, error_of, outcomes, retry, run_of,
    secrets_of,
};
use crate::support::{Fault, Receiver, TestApp, gong_api::GongApiStandIn};

fn plain(status: u16, headers: &[(&'static str, &str)], body: &str) -> Fault {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Fault::Answer(status, headers, body.to_owned())
}

/// Who hears how runs end.
async fn listener(app: &TestApp) -> Receiver {
    let receiver = Receiver::start().await;
    let filters = json!({"events": ["call.failed", "call.summarised"]});
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url(), "filters": filters})).await;
    receiver
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_the_record_says_what_it_was() {
    let gong = GongApiStandIn::start().await;
    let app = asking(&gong).with("MAX_RETRIES", "1").start().await;
    let cases = [
        ("500 of Gong", GongApiStandIn::error(500, "An unexpected error"), "500: An unexpected error"),
        ("500 of a proxy", GongApiStandIn::html(500), "text/html"),
        ("502 of a proxy", GongApiStandIn::html(502), "502"),
        ("503 without a body", plain(503, &[], ""), "0 bytes"),
        ("504", plain(504, &[], ""), "504"),
        ("408", plain(408, &[], ""), "408"),
        ("a proxy's page as 200", GongApiStandIn::html(200), "text/html"),
        ("200 without a body", plain(200, &[], ""), "200"),
        ("JSON that is cut", Fault::status(200, "{\"callTranscripts\": [{\"text\": \"letmein"), "application/json"),
        ("another's JSON", Fault::status(200, "{\"status\": \"letmein\"}"), "not Gong's"),
        ("an answer that breaks off", Fault::Broken, "broke"),
        ("an answer that is lost", Fault::AnswerLost, "broke"),
    ];
    for (number, (name, fault, told)) in cases.into_iter().enumerate() {
        let id = format!("1{number}");
        add(&gong, &id);
        gong.server.fail_next(TRANSCRIPT, fault);
        let run = driven(&app, &id).await;
        assert_eq!((&run["state"], outcomes(&run)), (&json!("active"), vec!["fetch retry".to_owned()]), "{name}");
        let error = error_of(&run, 0);
        assert!(error.to_lowercase().starts_with("gong (transcripts)") && error.contains(told), "{name}: {error}");
        app.clock.advance(Duration::from_secs(3));
        app.run_due().await;
        let run = run_of(&app, &id).await;
        assert_eq!(outcomes(&run), [&["fetch retry"][..], &UNDISTURBED].concat(), "{name}");
        app.clock.advance(Duration::from_secs(60)); // all turns are free again
    }
    assert_nowhere(&app, &secrets_of(&gong)).await;
}

#[tokio::test]
async fn what_does_not_pass_ends_visibly_and_is_sent_on_by_hand() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    let app = asking(&gong).with("MAX_RETRIES", "2").start().await;
    let receiver = listener(&app).await;
    for _ in 0..3 {
        gong.server.fail_next(TRANSCRIPT, GongApiStandIn::error(500, "An unexpected error"));
    }
    driven(&app, "1").await;
    for _ in 0..2 {
        app.clock.advance(Duration::from_secs(10));
        app.run_due().await;
    }
    let run = run_of(&app, "1").await;
    assert_eq!((&run["state"], &run["stage"]), (&json!("failed"), &json!("fetch")));
    assert_eq!(run["reason"], "Gong (transcripts): 500: An unexpected error");
    assert_eq!(outcomes(&run), ["fetch retry", "fetch retry", "fetch failed"]);
    assert_eq!(receiver.types(), ["call.failed"]);
    assert_eq!(receiver.received()[0].body["data"]["reason"], "fetch_failed", "the details are the operator's");
    retry(&app, &run).await;
    assert_eq!(run_of(&app, "1").await["state"], "done");
    assert_eq!(receiver.types(), ["call.failed", "call.summarised"]);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up_after_the_time_out() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    let app = asking(&gong).with("TIMEOUT", "1s").start().await;
    gong.server.fail_next(TRANSCRIPT, Fault::Slow(Duration::from_mins(5)));
    let run = driven(&app, "1").await;
    assert_eq!((outcomes(&run), error_of(&run, 0)), (vec!["fetch retry".to_owned()], "not done within 1s".to_owned()));
}

#[tokio::test]
async fn nobody_at_the_address_is_tried_again_then_fails_visibly() {
    let gong = GongApiStandIn::start().await;
    let app = asking(&gong).with("GONG_API_URL", "http://127.0.0.1:9").with("MAX_RETRIES", "1").start().await;
    driven(&app, "1").await;
    app.clock.advance(Duration::from_secs(10));
    app.run_due().await;
    let run = run_of(&app, "1").await;
    assert_eq!(outcomes(&run), ["fetch retry", "fetch failed"]);
    let reason = run["reason"].as_str().unwrap();
    assert!(reason.starts_with("gong (transcripts): cannot connect") && reason.contains("refused"), "{reason}");
    assert_nowhere(&app, &secrets_of(&gong)).await;
}

#[tokio::test]
async fn what_somebody_has_to_mend_fails_at_once_and_says_what_to_do() {
    let gong = GongApiStandIn::start().await;
    let app = asking(&gong).start().await;
    let receiver = listener(&app).await;
    let elsewhere = [("location", "https://elsewhere.example/?key=letmein")];
    let cases: [(&str, Fault, &[&str]); 10] = [
        ("400", GongApiStandIn::error(400, "callIds: too many"), &["400", "callIds: too many"]),
        (
            "401",
            GongApiStandIn::error(401, "This token was revoked"),
            &["revoked", "access key or secret", "GONG_API_URL"],
        ),
        ("403", GongApiStandIn::error(403, "Not from here"), &["Not from here", "allow-list", "GONG_API_URL"]),
        ("403 of a proxy", GongApiStandIn::html(403), &["403", "GONG_API_URL"]),
        ("404 wrong path", GongApiStandIn::error(404, "No handler found"), &["wrong path or host", "GONG_API_URL"]),
        ("404 wrong host", GongApiStandIn::html(404), &["wrong path or host", "GONG_API_URL"]),
        ("405", GongApiStandIn::error(405, "not with POST"), &["405", "this release does not speak"]),
        ("415", plain(415, &[], ""), &["415", "this release does not speak"]),
        ("301", plain(301, &elsewhere, ""), &["301", "wrong host", "GONG_API_URL"]),
        ("302 to a sign-in", plain(302, &elsewhere, "<html>letmein</html>"), &["302", "wrong host", "GONG_API_URL"]),
    ];
    for (number, (name, fault, told)) in cases.into_iter().enumerate() {
        let id = format!("1{number}");
        add(&gong, &id);
        let asked = gong.server.asked().len();
        gong.server.fail_next(TRANSCRIPT, fault);
        let run = driven(&app, &id).await;
        assert_eq!((&run["state"], outcomes(&run)), (&json!("failed"), vec!["fetch failed".to_owned()]), "{name}");
        assert_eq!(gong.server.asked().len(), asked + 1, "{name}: nothing is repeated or followed");
        let reason = run["reason"].as_str().unwrap();
        assert_eq!(reason, error_of(&run, 0), "{name}");
        for part in told {
            assert!(reason.contains(part), "{name}: {part} is missing in: {reason}");
        }
        assert_eq!(receiver.types().last().unwrap(), "call.failed", "{name}");
        let failed = app.get("/api/v1/admin/runs?state=failed").await.expect(200).body;
        assert_eq!(failed["items"][0]["call_id"], id, "{name}: found among the failed ones");
        retry(&app, &run).await; // somebody mended it
        assert_eq!(run_of(&app, &id).await["state"], "done", "{name}");
        app.clock.advance(Duration::from_secs(60)); // all turns are free again
    }
    assert_nowhere(&app, &secrets_of(&gong)).await;
}

#[tokio::test]
async fn wrong_settings_fail_the_run_by_their_names_and_no_secret_is_shown() {
    const WRONG: &str = "an-older-secret";
    let cases: [(&str, &str, &[&str]); 6] = [
        ("GONG_ACCESS_KEY_SECRET", "fetch", &["401", "wrong access key or secret", "GONG_API_URL"]),
        ("GONG_ACCESS_KEY", "fetch", &["401", "wrong access key or secret", "GONG_API_URL"]),
        ("GONG_API_URL", "fetch", &["404", "wrong path or host", "GONG_API_URL"]),
        ("api:calls:read:transcript", "fetch", &["401", "lacks the scope api:calls:read:transcript"]),
        ("api:calls:read:extensive", "document", &["401", "lacks the scope api:calls:read:extensive"]),
        ("api:calls:read:basic", "", &[]), // only polling and syncing need it
    ];
    for (wrong, stage, told) in cases {
        let gong = GongApiStandIn::start().await;
        add(&gong, "1");
        let app = match wrong {
            "GONG_API_URL" => asking(&gong).with(wrong, format!("{}/{WRONG}", gong.url())),
            scope if scope.starts_with("api:") => {
                gong.revoke(scope);
                asking(&gong)
            }
            credential => asking(&gong).with(credential, WRONG),
        };
        let app = app.start().await;
        let receiver = listener(&app).await;
        let run = driven(&app, "1").await;
        if told.is_empty() {
            assert_eq!(run["state"], "done", "{wrong}");
            continue;
        }
        assert_eq!((&run["state"], &run["stage"]), (&json!("failed"), &json!(stage)), "{wrong}: {run}");
        let reason = run["reason"].as_str().unwrap();
        for part in told {
            assert!(reason.contains(part), "{wrong}: {part} is missing in: {reason}");
        }
        assert_eq!(receiver.types(), ["call.failed"], "{wrong}: nothing is published");
        assert!(gong.server.count(TRANSCRIPT) <= 1 && gong.server.count(DETAILS) <= 1, "{wrong}: asked once");
        assert_nowhere(&app, &secrets_of(&gong)).await;
        assert_nowhere(&app, &[WRONG]).await;
    }
}
