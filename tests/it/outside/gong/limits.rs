//! Gong's limits, which hold for the whole company: whoever meets one makes everybody hold back, and nobody waits in a
//! worker.

use std::time::Duration;

use aftercall::db::rate_limits;
use chrono::TimeDelta;
use serde_json::json;

use super::super::{
    TRANSCRIPT, UNDISTURBED, add, asking, assert_nowhere, driven, due_at, error_of, outcomes, replica, run_of,
    secrets_of, stages_of,
};
use crate::support::{Fault, callback, gong_api::GongApiStandIn};

fn too_many(retry_after: Option<&str>) -> Fault {
    let headers = retry_after.map(|wait| ("retry-after", wait.to_owned()));
    let body = json!({"requestId": "q0", "errors": ["Too many requests"]}).to_string();
    Fault::Answer(429, headers.into_iter().collect(), body)
}

#[tokio::test]
async fn a_429_puts_the_job_back_at_no_cost_and_all_replicas_hold_back() {
    let gong = GongApiStandIn::start().await;
    let app = asking(&gong).with("MAX_RETRIES", "0").start().await;
    let other = replica(&app);
    let cases = [(Some("90"), 90), (Some("7200"), 7200), (Some("0"), 1), (Some("soon"), 1), (None, 1)];
    for (number, (retry_after, seconds)) in cases.into_iter().enumerate() {
        let (one, two) = (format!("1{number}"), format!("2{number}"));
        add(&gong, &one);
        add(&gong, &two);
        gong.server.fail_next(TRANSCRIPT, too_many(retry_after));
        let asked = gong.server.asked().len();
        let run = driven(&app, &one).await;
        assert_eq!(outcomes(&run), ["fetch later"], "{retry_after:?}");
        let told = error_of(&run, 0);
        assert!(told.contains("429") && told.contains("Too many requests"), "{told}");
        let wait = TimeDelta::seconds(seconds);
        let nearly = (wait - TimeDelta::milliseconds(1)).to_std().unwrap();
        assert_eq!(due_at(&app, &one).await - app.clock.now(), wait, "{retry_after:?}: put back, not slept over");
        let used = rate_limits::find_used(&app.app.pool, "gong", app.clock.now()).await.unwrap();
        assert_eq!(used.silent_until, Some(app.clock.now() + wait), "{retry_after:?}");

        app.post_signed(&callback(&two)).await.expect(202);
        if seconds > 5 {
            // For a shorter time it would wait in place.
            stages_of(&other, 8).run_due().await.unwrap();
            let held_back = run_of(&app, &two).await;
            assert_eq!(outcomes(&held_back), ["fetch later"], "{retry_after:?}");
            assert!(error_of(&held_back, 0).starts_with("Gong's limit is used up until 2031-05-"), "{held_back}");
            assert_eq!(due_at(&app, &two).await - app.clock.now(), wait, "{retry_after:?}");
            assert_eq!(gong.server.asked().len(), asked + 1, "{retry_after:?}: the other replica asks nothing");
        }
        app.clock.advance(nearly);
        if seconds > 5 {
            app.run_due().await;
            assert_eq!(gong.server.asked().len(), asked + 1, "{retry_after:?}: too early");
        }
        app.clock.advance(Duration::from_millis(1));
        app.run_due().await;
        for (id, waits) in [(one, 1), (two, usize::from(seconds > 5))] {
            let run = run_of(&app, &id).await;
            let expected = [&["fetch later"; 1][..waits], &UNDISTURBED].concat();
            assert_eq!(outcomes(&run), expected, "{retry_after:?}: MAX_RETRIES is 0, so none was spent");
        }
        app.clock.advance(Duration::from_secs(60)); // all turns are free again
    }
    assert_nowhere(&app, &secrets_of(&gong)).await;
}

#[tokio::test]
async fn a_429_before_publishing_holds_the_publication_back() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    let app = asking(&gong).with("MAX_RETRIES", "0").start().await;
    gong.limit_day(1, "3600"); // the transcript, and nothing more
    let run = driven(&app, "1").await;
    assert_eq!(outcomes(&run), ["fetch done", "summarise done", "document later"]);
    assert_eq!(due_at(&app, "1").await - app.clock.now(), TimeDelta::hours(1));
    gong.limit_day(10, "3600");
    app.clock.advance(Duration::from_hours(1));
    app.run_due().await;
    assert_eq!(run_of(&app, "1").await["state"], "done");
}

#[tokio::test]
async fn the_day_has_ten_thousand_requests_and_then_nothing_is_asked_before_midnight() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    add(&gong, "2");
    let app = asking(&gong).with("MAX_RETRIES", "0").start().await;
    driven(&app, "1").await;
    sqlx::query("UPDATE rate_limits SET used = 10000").execute(&app.app.pool).await.unwrap();
    let asked = gong.server.asked().len();
    let run = driven(&app, "2").await;
    assert_eq!(
        (outcomes(&run), error_of(&run, 0).as_str()),
        (vec!["fetch later".to_owned()], "Gong's limit is used up until 2031-05-07T00:00:00Z")
    );
    assert_eq!(due_at(&app, "2").await.to_rfc3339(), "2031-05-07T00:00:00+00:00");
    app.clock.advance(Duration::from_hours(13));
    app.run_due().await;
    assert_eq!(gong.server.asked().len(), asked);
    app.clock.advance(Duration::from_hours(1));
    app.run_due().await;
    assert_eq!(run_of(&app, "2").await["state"], "done");
}

#[tokio::test]
async fn a_gong_that_keeps_failing_is_left_alone_and_then_tried_by_one_request() {
    let gong = GongApiStandIn::start().await;
    let app = asking(&gong).with("MAX_RETRIES", "1").start().await;
    for number in 0..5 {
        add(&gong, &format!("1{number}"));
        gong.server.fail_next(TRANSCRIPT, GongApiStandIn::html(502));
        let run = driven(&app, &format!("1{number}")).await;
        assert_eq!(outcomes(&run), ["fetch retry"]);
    }
    assert_eq!(gong.server.count(TRANSCRIPT), 5);
    add(&gong, "2");
    let run = driven(&app, "2").await;
    assert_eq!(outcomes(&run), ["fetch later"]);
    assert_eq!(error_of(&run, 0), "gong keeps failing; it is left alone for 10 s");
    let wait = due_at(&app, "2").await - app.clock.now();
    assert!(wait >= TimeDelta::seconds(10) && wait <= TimeDelta::seconds(15), "not all come back at once: {wait}");
    assert_eq!(gong.server.count(TRANSCRIPT), 5);
    app.clock.advance(Duration::from_secs(15));
    app.run_due().await;
    app.clock.advance(Duration::from_secs(5)); // whoever came while the one request was under way
    app.run_due().await;
    for id in ["10", "11", "12", "13", "14", "2"] {
        let run = run_of(&app, id).await;
        assert_eq!(run["state"], "done", "{run}");
    }
}
