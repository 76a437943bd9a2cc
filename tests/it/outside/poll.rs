//! Polling (`GONG_POLLING=on`): calls that no callback told of are found by asking.
//!
//! | What happens | What we do | Tests |
//! | --- | --- | --- |
//! | a call is listed that nobody told of | one run, as if its callback had come | `calls_that_no_callback_told_of_…` |
//! | a callback comes for the same call, before or after | a duplicate, still one run | `a_call_has_one_run_…` |
//! | a call shows late, behind those that began after it | every poll looks back over the overlap | `a_call_that_shows_late_…` |
//! | a poll is not due, or another replica is at it, or died at it | nothing is asked; within two minutes somebody else does | `nothing_is_asked_…`, `of_two_replicas_…` |
//! | 404 "No calls found" | an empty window | `an_empty_window_is_no_error` |
//! | a cursor dies midway, once or always | the window begins again; in the end an error, what was found stays | `a_cursor_that_dies_…` |
//! | 429 | no poll before its time is over | `a_429_puts_the_next_poll_off` |
//! | 5xx, half way through | what was found stays, the rest comes with the next poll | `what_fails_half_way_…` |
//! | 401, a missing scope | the error stands in the reader's state until it is mended | `an_error_stands_in_the_state_…` |
//! | a call is private | recorded, skipped, told to nobody | `a_private_call_…` |
//! | a known call turned private | recorded, and its run ends | `a_known_call_that_turned_private_…` |
//! | details of a listed call are not known yet | its run begins and waits for them | `a_call_without_details_…` |

use std::time::Duration;

use aftercall::{
    db::sync_state::{self, Reader},
    domain::ids::DEFAULT_SOURCE,
    intake::gong::{PollError, Polled},
};
use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{DETAILS, LIST, add, asking, assert_nowhere, driven, outcomes, replica, run_of, secrets_of};
use crate::support::{
    Fault, Receiver, TestApp, TestAppBuilder, callback, gong_api::GongApiStandIn, gong_api::NotReady,
};

fn polling(gong: &GongApiStandIn) -> TestAppBuilder {
    asking(gong).with("GONG_POLLING", "on")
}

async fn poll(app: &TestApp) -> Result<Polled, PollError> {
    app.app.poller.as_ref().expect("GONG_POLLING is on").poll(false).await
}

/// Polls once the interval is over.
async fn poll_again(app: &TestApp) -> Result<Polled, PollError> {
    app.clock.advance(Duration::from_mins(5));
    poll(app).await
}

const fn found(listed: usize, new: usize) -> Polled {
    Polled::Done { listed, new }
}

/// Makes Gong know a call that began so long ago.
fn add_begun(gong: &GongApiStandIn, app: &TestApp, id: &str, ago: TimeDelta) {
    let mut call = callback(id)["callData"].clone();
    call["metaData"]["started"] = (app.clock.now() - ago).to_rfc3339().into();
    gong.add_call(call, Some(super::words(id)));
}

async fn state(app: &TestApp) -> Value {
    sqlx::query_scalar("SELECT state FROM sync_state WHERE name = 'poll'").fetch_one(&app.app.pool).await.unwrap()
}

#[tokio::test]
async fn calls_that_no_callback_told_of_are_found_and_published_once_each() {
    let gong = GongApiStandIn::start().await;
    for id in ["1", "2", "3"] {
        add(&gong, id);
    }
    let app = polling(&gong).start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    assert_eq!(poll(&app).await.unwrap(), found(3, 3));
    let query = &gong.server.asked()[0].query;
    assert!(query.contains("2031-05-05T10") && query.contains("2031-05-06T10"), "a day back: {query}");
    app.run_due().await;
    let details = gong.server.count(DETAILS);
    for _ in 0..2 {
        assert_eq!(poll_again(&app).await.unwrap(), found(3, 0));
    }
    app.run_due().await;
    assert_eq!(gong.server.count(DETAILS), details, "nobody asks for what is known");
    assert_eq!((app.count("runs").await, receiver.types().len()), (3, 3));
    for id in ["1", "2", "3"] {
        let call = app.get(&format!("/api/v1/admin/calls/{id}")).await.expect(200).body;
        assert_eq!((&call["status"], &call["account"]["name"]), (&json!("done"), &json!("Halden Freight")));
    }
}

#[tokio::test]
async fn a_call_has_one_run_whether_the_callback_or_the_poll_came_first() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    let app = polling(&gong).start().await;
    assert_eq!(poll(&app).await.unwrap(), found(1, 1));
    let answer = app.post_signed(&callback("1")).await.expect(200).body;
    assert_eq!((&answer["duplicate"], &answer["run_id"]), (&json!(true), &run_of(&app, "1").await["id"]));
    add(&gong, "2");
    app.post_signed(&callback("2")).await.expect(202);
    assert_eq!(poll_again(&app).await.unwrap(), found(2, 0));
    app.run_due().await;
    assert_eq!(app.count("runs").await, 2);
    assert_eq!(run_of(&app, "2").await["state"], "done");
}

#[tokio::test]
async fn a_call_that_shows_late_is_still_found_within_the_overlap() {
    for (overlap, found_hours, lost_hours) in [("1d", 23, 25), ("3h", 2, 4)] {
        let gong = GongApiStandIn::start().await;
        let app = polling(&gong).with("GONG_POLL_OVERLAP", overlap).start().await;
        add_begun(&gong, &app, "1", TimeDelta::minutes(10));
        assert_eq!(poll(&app).await.unwrap(), found(1, 1));
        add_begun(&gong, &app, "2", TimeDelta::hours(found_hours));
        add_begun(&gong, &app, "3", TimeDelta::hours(lost_hours));
        assert_eq!(poll_again(&app).await.unwrap(), found(2, 1), "{overlap}");
        assert_eq!(run_of(&app, "2").await["state"], "active", "{overlap}");
        app.get("/api/v1/admin/calls/3").await.expect(404);
    }
}

#[tokio::test]
async fn after_an_outage_of_ours_the_window_reaches_back_to_the_last_poll() {
    let gong = GongApiStandIn::start().await;
    let app = polling(&gong).start().await;
    poll(&app).await.unwrap();
    app.clock.advance(Duration::from_hours(240));
    add_begun(&gong, &app, "1", TimeDelta::hours(239));
    assert_eq!(poll(&app).await.unwrap(), found(1, 1));
}

#[tokio::test]
async fn nothing_is_asked_before_it_is_time_unless_somebody_wants_it_now() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    let app = polling(&gong).with("POLL_INTERVAL", "10m").start().await;
    assert_eq!(poll(&app).await.unwrap(), found(1, 1));
    app.clock.advance(Duration::from_secs(599));
    assert_eq!((poll(&app).await.unwrap(), gong.server.count(LIST)), (Polled::NotNow, 1));
    app.clock.advance(Duration::from_secs(1));
    assert_eq!((poll(&app).await.unwrap(), gong.server.count(LIST)), (found(1, 0), 2));
    assert_eq!(app.app.poller.as_ref().unwrap().poll(true).await.unwrap(), found(1, 0));
    assert_eq!(gong.server.count(LIST), 3);
    assert!(TestApp::start().await.app.poller.is_none(), "off unless it is wanted");
}

#[tokio::test]
async fn of_two_replicas_one_polls_and_the_other_takes_over_when_that_one_dies() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    let app = polling(&gong).start().await;
    let other = replica(&app);
    let (one, two) = (app.app.poller.as_ref().unwrap(), other.poller.as_ref().unwrap());
    gong.server.fail_next(LIST, Fault::Slow(Duration::from_secs(1)));
    let (first, second) = tokio::join!(one.poll(true), two.poll(true));
    let mut both = [first.unwrap(), second.unwrap()];
    both.sort_by_key(|polled| *polled != Polled::NotNow);
    assert_eq!((both, gong.server.count(LIST)), ([Polled::NotNow, found(1, 1)], 1));
    assert_eq!(two.poll(false).await.unwrap(), Polled::NotNow, "not due: both know of the poll");

    let reader = Reader { tenant: "default", source: DEFAULT_SOURCE, name: "poll" };
    let (now, dead) = (app.clock.now(), Uuid::now_v7());
    let until = now + TimeDelta::minutes(2);
    sync_state::claim_reader::<Value>(&app.app.pool, reader, dead, now, until).await.unwrap().expect("it is free");
    app.clock.advance(Duration::from_secs(119));
    assert_eq!(two.poll(true).await.unwrap(), Polled::NotNow);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(two.poll(true).await.unwrap(), found(1, 0));
}

#[tokio::test]
async fn an_empty_window_is_no_error() {
    let gong = GongApiStandIn::start().await;
    let app = polling(&gong).start().await;
    assert_eq!(poll(&app).await.unwrap(), found(0, 0));
    assert_eq!(state(&app).await["error"], Value::Null);
    add(&gong, "1");
    assert_eq!(poll_again(&app).await.unwrap(), found(1, 1));
}

#[tokio::test]
async fn a_cursor_that_dies_begins_the_window_again_and_loses_nothing() {
    let gong = GongApiStandIn::start().await;
    let ids = ["1", "2", "3", "4", "5"];
    for id in ids {
        add(&gong, id);
    }
    gong.page_size(2);
    gong.cursors_die_after(1, usize::MAX);
    let app = polling(&gong).start().await;
    let error = poll(&app).await.unwrap_err().to_string();
    assert_eq!(error, "Gong's cursors die before the list ends");
    assert_eq!((app.count("runs").await, &state(&app).await["error"]), (2, &json!(error)), "the first page stays");
    app.clock.advance(Duration::from_mins(5));
    gong.cursors_die_after(2, 1);
    let Polled::Done { new, .. } = poll(&app).await.unwrap() else { panic!("it was due") };
    assert_eq!((new, app.count("runs").await), (3, 5));
    assert_eq!(state(&app).await["error"], Value::Null);
}

#[tokio::test]
async fn a_429_puts_the_next_poll_off() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    let app = polling(&gong).start().await;
    gong.limit_day(0, "3600");
    assert!(matches!(poll(&app).await, Err(PollError::Upstream(_))));
    let asked = gong.server.asked().len();
    for _ in 0..11 {
        assert_eq!(poll_again(&app).await.unwrap(), Polled::NotNow);
    }
    assert_eq!(gong.server.asked().len(), asked);
    let shown = state(&app).await;
    assert!(shown["error"].as_str().unwrap().contains("429"), "{shown}");
    gong.limit_day(100, "3600");
    assert_eq!(poll_again(&app).await.unwrap(), found(1, 1), "the hour is over");
}

#[tokio::test]
async fn what_fails_half_way_is_made_up_for_by_the_next_poll() {
    for (place, fault) in [(LIST, GongApiStandIn::html(502)), (DETAILS, Fault::Broken)] {
        let gong = GongApiStandIn::start().await;
        for id in ["1", "2", "3", "4"] {
            add(&gong, id);
        }
        gong.page_size(2);
        let app = polling(&gong).start().await;
        // The first page comes as it should, the second does not.
        gong.server.fail_next(place, Fault::Slow(Duration::ZERO));
        gong.server.fail_next(place, fault);
        assert!(matches!(poll(&app).await, Err(PollError::Upstream(_))), "{place}");
        assert_eq!(app.count("runs").await, 2, "{place}");
        assert_eq!(poll_again(&app).await.unwrap(), found(4, 2), "{place}");
    }
}

#[tokio::test]
async fn an_error_stands_in_the_state_until_it_is_mended() {
    for (scope, told) in [("api:calls:read:basic", LIST), ("api:calls:read:extensive", DETAILS)] {
        let gong = GongApiStandIn::start().await;
        add(&gong, "1");
        let app = polling(&gong).start().await;
        let refused = format!("You don't have permission to use '{scope}' in your app.");
        gong.server.fail_next(told, GongApiStandIn::error(401, &refused));
        assert!(matches!(poll(&app).await, Err(PollError::Upstream(_))));
        let shown = state(&app).await;
        let error = shown["error"].as_str().unwrap();
        assert!(error.contains(&format!("lacks the scope {scope}")), "{error}");
        assert_eq!(poll(&app).await.unwrap(), Polled::NotNow, "it keeps its interval");
        assert_nowhere(&app, &secrets_of(&gong)).await;
        assert_eq!(poll_again(&app).await.unwrap(), found(1, 1));
        assert_eq!(state(&app).await["error"], Value::Null);
    }
}

#[tokio::test]
async fn a_private_call_is_recorded_and_skipped() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    gong.set_private("1", true);
    let app = polling(&gong).start().await;
    let receiver = Receiver::start().await;
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url(), "filters": {"events": ["call.*"]}})).await;
    assert_eq!(poll(&app).await.unwrap(), found(1, 1));
    app.run_due().await;
    let run = run_of(&app, "1").await;
    assert_eq!((&run["state"], &run["reason"], outcomes(&run).len()), (&json!("skipped"), &json!("private"), 0));
    assert_eq!((receiver.received().len(), app.count("transcripts").await), (0, 0));
}

#[tokio::test]
async fn a_known_call_that_turned_private_is_noticed_and_its_run_ends() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    gong.transcript_not_ready("1", NotReady::NoEntry, 1);
    let app = polling(&gong).start().await;
    driven(&app, "1").await; // waits for its transcript
    gong.set_private("1", true);
    let details = gong.server.count(DETAILS);
    assert_eq!(poll(&app).await.unwrap(), found(1, 0));
    assert_eq!(app.get("/api/v1/admin/calls/1").await.expect(200).body["is_private"], true);
    app.clock.advance(Duration::from_secs(30));
    app.run_due().await;
    let run = run_of(&app, "1").await;
    assert_eq!((&run["state"], &run["reason"]), (&json!("skipped"), &json!("private")));
    assert_eq!((gong.server.count(DETAILS), app.count("transcripts").await), (details, 0), "nobody asks for its words");
}

#[tokio::test]
async fn a_call_without_details_begins_as_it_is_listed_and_waits_for_them() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    add(&gong, "2");
    gong.details_unknown("1", 2);
    let app = polling(&gong).start().await;
    assert_eq!(poll(&app).await.unwrap(), found(2, 2));
    app.run_due().await;
    assert_eq!(
        (&run_of(&app, "1").await["state"], &run_of(&app, "2").await["state"]),
        (&json!("active"), &json!("done"))
    );
    app.clock.advance(Duration::from_secs(30));
    app.run_due().await;
    assert_eq!(run_of(&app, "1").await["state"], "done");
    let call = app.get("/api/v1/admin/calls/1").await.expect(200).body;
    assert!(call["summary"].to_string().contains("Dana Reyes"), "its people are known: {call}");
}
