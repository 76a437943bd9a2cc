//! Privacy is set and lifted after a call, so Gong is asked again just before anything leaves the house: before the
//! documents, and before the notification.
//!
//! | What Gong says at that moment | What we do | Tests |
//! | --- | --- | --- |
//! | the call is private | `skipped`, `private`: nothing is written, nothing sent, `call.skipped` goes to nobody | `a_call_that_turned_private_before_…` |
//! | it turned private between documents and notification | the same, and what waits to go out is stopped | `a_call_that_turned_private_between_…` |
//! | nothing: it is down | `retry`; nothing is published until it answers | `while_gong_is_down_…` |
//! | nothing: it does not know the call (any more) | `later`, no retry spent; nothing is published until it does | `a_call_that_gong_does_not_show_…` |
//! | that for 48 hours | `skipped`, `not_visible`, told to nobody | `a_call_that_gong_never_shows_…` |
//! | privacy was lifted again | stays private: an administrator decides | `what_was_private_once_stays_so` |

use std::time::Duration;

use serde_json::{Value, json};

use super::{DETAILS, UNDISTURBED, add, asking, driven, error_of, outcomes, run_of};
use crate::support::{Fault, Receiver, TestApp, callback, gong_api::GongApiStandIn};

/// Who wants to hear everything.
async fn listener(app: &TestApp) -> Receiver {
    let receiver = Receiver::start().await;
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url(), "filters": {"events": ["call.*"]}})).await;
    receiver
}

/// What the log says of the events of a type: whom they went to, and how that ended.
async fn deliveries(app: &TestApp, event_type: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let log = app.log().await;
    let of_type = log.iter().filter(|entry| entry["event_type"] == event_type);
    of_type.map(|entry| (text(&entry["status"]), text(&entry["last_error"]))).collect()
}

fn stopped() -> Vec<(String, String)> {
    vec![("failed".to_owned(), "private".to_owned())]
}

async fn recorded(app: &TestApp, event_type: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM events WHERE type = $1")
        .bind(event_type)
        .fetch_one(&app.app.pool)
        .await
        .unwrap()
}

fn documents_of(app: &TestApp) -> usize {
    std::fs::read_dir(app.data_dir.path().join("documents")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_call_that_turned_private_before_its_documents_is_skipped_and_nobody_hears_of_it() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    let app = asking(&gong).start().await;
    let receiver = listener(&app).await;
    app.post_signed(&callback("1")).await.expect(202); // not private yet
    gong.set_private("1", true);
    app.run_due().await;
    let run = run_of(&app, "1").await;
    assert_eq!((&run["state"], &run["reason"]), (&json!("skipped"), &json!("private")));
    assert_eq!(outcomes(&run), ["fetch done", "summarise done", "document skipped"]);
    assert_eq!((receiver.received().len(), documents_of(&app)), (0, 0));
    assert_eq!(deliveries(&app, "call.received").await, stopped(), "it waited and was stopped");
    assert_eq!((recorded(&app, "call.skipped").await, deliveries(&app, "call.skipped").await), (1, Vec::new()));
    assert_eq!(app.get("/api/v1/admin/calls/1").await.expect(200).body["is_private"], true);
}

#[tokio::test]
async fn a_call_that_turned_private_between_documents_and_notification_is_stopped_there() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    let app = asking(&gong).start().await;
    let receiver = listener(&app).await;
    // The question before the documents is answered, the one before the notification is not.
    gong.server.fail_next(DETAILS, Fault::Slow(Duration::ZERO));
    gong.server.fail_next(DETAILS, GongApiStandIn::html(503));
    app.post_signed(&callback("1")).await.expect(202);
    app.stages().run_due().await.unwrap();
    assert_eq!(outcomes(&run_of(&app, "1").await)[2..], ["document done", "notify retry"]);
    assert_eq!(deliveries(&app, "call.documented").await, [("pending".to_owned(), String::new())]);
    gong.set_private("1", true);
    app.clock.advance(Duration::from_secs(3));
    app.run_due().await;
    let run = run_of(&app, "1").await;
    assert_eq!((&run["state"], &run["reason"]), (&json!("skipped"), &json!("private")));
    assert_eq!(outcomes(&run)[3..], ["notify retry", "notify skipped"]);
    assert_eq!(receiver.received().len(), 0);
    for event_type in ["call.received", "call.documented"] {
        assert_eq!(deliveries(&app, event_type).await, stopped(), "{event_type}");
    }
    for event_type in ["call.skipped", "call.summarised"] {
        assert_eq!(deliveries(&app, event_type).await, [], "{event_type}");
    }
    assert_eq!((recorded(&app, "call.skipped").await, recorded(&app, "call.summarised").await), (1, 0));
}

#[tokio::test]
async fn while_gong_is_down_nothing_is_published() {
    for (before, done) in [("document", 0), ("notify", 1)] {
        let gong = GongApiStandIn::start().await;
        add(&gong, "1");
        let app = asking(&gong).start().await;
        let receiver = Receiver::start().await;
        app.add_webhook(&receiver).await;
        for _ in 0..done {
            gong.server.fail_next(DETAILS, Fault::Slow(Duration::ZERO));
        }
        for _ in 0..3 {
            gong.server.fail_next(DETAILS, GongApiStandIn::html(502));
        }
        driven(&app, "1").await;
        for _ in 0..2 {
            assert_eq!((receiver.received().len(), documents_of(&app)), (0, done), "{before}");
            app.clock.advance(Duration::from_secs(30));
            app.run_due().await;
        }
        let run = run_of(&app, "1").await;
        assert_eq!((&run["state"], &run["stage"]), (&json!("active"), &json!(before)));
        assert!(error_of(&run, 2 + done).starts_with("Gong (call details): 502"), "{run}");
        app.clock.advance(Duration::from_secs(60));
        app.run_due().await;
        let again = format!("{before} retry");
        let mut expected: Vec<&str> = UNDISTURBED.to_vec();
        expected.splice(2 + done..2 + done, [again.as_str(); 3]);
        let run = run_of(&app, "1").await;
        assert_eq!((&run["state"], outcomes(&run).join(", ")), (&json!("done"), expected.join(", ")), "{before}");
        assert_eq!(receiver.types(), ["call.summarised"]);
    }
}

#[tokio::test]
async fn a_call_that_gong_does_not_show_yet_waits_at_no_cost() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    gong.details_unknown("1", 3);
    let app = asking(&gong).with("MAX_RETRIES", "0").start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    driven(&app, "1").await;
    for wait in [30, 60, 120] {
        assert_eq!((receiver.received().len(), documents_of(&app)), (0, 0));
        app.clock.advance(Duration::from_secs(wait));
        app.run_due().await;
    }
    let run = run_of(&app, "1").await;
    let waits = ["document later"; 3];
    assert_eq!(outcomes(&run), [&UNDISTURBED[..2], &waits, &UNDISTURBED[2..]].concat());
    assert_eq!(error_of(&run, 2), "Gong does not show the call, so that nobody can tell whether it is private");
    assert_eq!(receiver.types(), ["call.summarised"]);
}

#[tokio::test]
async fn a_call_that_gong_never_shows_is_skipped_after_two_days_and_nobody_hears_of_it() {
    let gong = GongApiStandIn::start().await;
    let app = asking(&gong).with("TRANSCRIPT_SOURCE", "import").with("MAX_RETRIES", "0").start().await;
    app.import_transcript("1").await;
    driven(&app, "1").await;
    let receiver = listener(&app).await; // from now on
    for _ in 0..48 {
        assert_eq!(run_of(&app, "1").await["state"], "active");
        app.clock.advance(Duration::from_hours(1));
        app.run_due().await;
    }
    let run = run_of(&app, "1").await;
    assert_eq!((&run["state"], &run["reason"]), (&json!("skipped"), &json!("not_visible")));
    assert_eq!(outcomes(&run).last().unwrap(), "document skipped");
    assert_eq!((recorded(&app, "call.skipped").await, receiver.received().len(), documents_of(&app)), (1, 0, 0));
}

#[tokio::test]
async fn what_was_private_once_stays_so() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    gong.set_private("1", true);
    let app = asking(&gong).start().await;
    assert_eq!(driven(&app, "1").await["reason"], "private");
    gong.set_private("1", false);
    let mut again = callback("1");
    again["isPrivate"] = false.into();
    let answer = app.post_signed(&again).await.expect(200).body;
    assert_eq!(answer["duplicate"], true);
    app.run_due().await;
    assert_eq!(run_of(&app, "1").await["reason"], "private");
    assert_eq!(documents_of(&app), 0);
}
