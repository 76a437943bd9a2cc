//! Limits a minute and the breaker: both hold for all workers together, and waiting costs no retry.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::{Receiver, TestApp};

async fn raise_many(app: &TestApp, count: usize) {
    for index in 0..count {
        app.raise(json!({"type": "custom.thing", "data": {"index": index}})).await;
    }
}

async fn limited(app: &TestApp, receiver: &Receiver, per_minute: u32) -> Value {
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url(), "rate_limit_per_minute": per_minute})).await
}

/// One that is not told of its own recovery.
async fn breakable(app: &TestApp, receiver: &Receiver) -> Value {
    let filters = json!({"events": ["custom.*"]});
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url(), "filters": filters})).await
}

async fn health(app: &TestApp, endpoint: &Value) -> Value {
    let path = format!("/api/v1/admin/notify/endpoints/{}", endpoint["id"].as_str().unwrap());
    app.get(&path).await.body["health"].clone()
}

#[tokio::test]
async fn an_endpoint_gets_no_more_a_minute_than_it_asked_for_and_waiting_costs_nothing() {
    let app = TestApp::start().await;
    let (slow, free) = (Receiver::start().await, Receiver::start().await);
    let endpoint = limited(&app, &slow, 5).await;
    app.add_endpoint(json!({"kind": "webhook", "target": free.url()})).await;
    raise_many(&app, 12).await;
    app.run_due().await;
    assert_eq!((slow.count(), free.count()), (5, 12));
    app.clock.advance(Duration::from_secs(60));
    app.run_due().await;
    assert_eq!(slow.count(), 5, "the second in which they went is not over");
    app.clock.advance(Duration::from_secs(1));
    app.run_due().await;
    assert_eq!(slow.count(), 10);
    app.change_endpoint(&endpoint, json!({"rate_limit_per_minute": null})).await;
    app.run_due().await;
    assert_eq!(slow.count(), 12);
    assert!(app.log().await.iter().all(|entry| entry["attempt_count"] == 1 && entry["status"] == "sent"));
}

#[tokio::test]
async fn a_limit_that_is_set_again_does_not_forget_the_last_minute() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let endpoint = limited(&app, &receiver, 5).await;
    raise_many(&app, 12).await;
    app.run_due().await;
    app.change_endpoint(&endpoint, json!({"rate_limit_per_minute": 7})).await;
    app.run_due().await;
    assert_eq!(receiver.count(), 7);
}

#[tokio::test]
async fn a_tenants_limit_holds_for_all_its_endpoints_together() {
    let app = TestApp::start().await;
    let receivers = [Receiver::start().await, Receiver::start().await];
    for receiver in &receivers {
        app.add_endpoint(json!({"kind": "webhook", "target": receiver.url()})).await;
    }
    let change = json!({"rate_limit_per_minute": 6});
    app.api("PATCH", "/api/v1/admin/tenants/default", Some(change)).await.expect(200);
    raise_many(&app, 10).await;
    app.run_due().await;
    assert_eq!(receivers.iter().map(Receiver::count).sum::<usize>(), 6);
    app.clock.advance(Duration::from_secs(61));
    app.run_due().await;
    assert_eq!(receivers.iter().map(Receiver::count).sum::<usize>(), 12);
    app.api("PATCH", "/api/v1/admin/tenants/default", Some(json!({"rate_limit_per_minute": null}))).await.expect(200);
    app.run_due().await;
    assert!(receivers.iter().all(|receiver| receiver.count() == 10));
}

#[tokio::test]
async fn no_window_of_a_minute_holds_more_than_the_limit_whoever_claims_and_whenever() {
    const LIMIT: usize = 9;
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    limited(&app, &receiver, 9).await;
    raise_many(&app, 60).await;
    let workers = [app.deliveries(), app.deliveries(), app.deliveries()];
    // Steps of all sizes; the sum leaves room for everything.
    for step in (0..100u64).map(|step| step * step * 37 % 9_000) {
        let [one, two, three] = &workers;
        let (one, two, three) = tokio::join!(one.run_due(), two.run_due(), three.run_due());
        one.and(two).and(three).unwrap();
        app.clock.advance(Duration::from_millis(step));
    }
    let sent: Vec<DateTime<Utc>> = sqlx::query_scalar("SELECT started_at FROM delivery_attempts ORDER BY started_at")
        .fetch_all(&app.app.pool)
        .await
        .unwrap();
    assert!(sent.len() > 5 * LIMIT, "{} were sent", sent.len());
    for (from, until) in sent.iter().zip(sent.iter().skip(LIMIT)) {
        assert!(*until - *from > TimeDelta::seconds(60), "{LIMIT} and one more from {from} to {until}");
    }
}

#[tokio::test]
async fn the_breaker_opens_after_five_failures_and_closes_on_success_and_waiting_costs_no_retry() {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "10s").start().await;
    let receiver = Receiver::answering([500; 16]).await;
    let endpoint = breakable(&app, &receiver).await;
    raise_many(&app, 40).await;
    app.run_due().await;
    assert_eq!(receiver.count(), 16, "those under way together fail together, and nothing follows them");
    let open = health(&app, &endpoint).await;
    assert_eq!((&open["state"], &open["consecutive_failures"]), (&json!("open"), &json!(16)));
    assert_eq!(open["open_until"], "2031-05-06T10:00:10Z", "what was under way does not lengthen the pause");
    let log = app.log().await;
    assert!(log.iter().all(|entry| entry["next_attempt_at"].as_str() >= Some("2031-05-06T10:00:10")));
    assert_eq!(log.iter().filter(|entry| entry["attempt_count"] == 0).count(), 24);

    app.clock.advance(Duration::from_secs(9));
    app.run_due().await;
    assert_eq!(receiver.count(), 16, "not before the pause is over");
    app.clock.advance(Duration::from_secs(4));
    app.run_due().await;
    assert_eq!(receiver.count(), 16 + 40, "the probe succeeds, and everything follows");
    assert_eq!(health(&app, &endpoint).await["state"], "ok");
    assert!(app.log().await.iter().all(|entry| entry["status"] == "sent" || entry["status"] == "filtered"));
}

#[tokio::test]
async fn each_failed_probe_doubles_the_pause_up_to_a_quarter_of_an_hour() {
    let schedule = vec!["10s"; 30].join(",");
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", schedule).start().await;
    let receiver = Receiver::answering([500; 100]).await;
    let endpoint = breakable(&app, &receiver).await;
    raise_many(&app, 1).await;
    let mut pauses = Vec::new();
    let mut last = None;
    for _ in 0..4_000 {
        let before = receiver.count();
        app.run_due().await;
        let now = app.clock.now();
        if receiver.count() > before && health(&app, &endpoint).await["state"] == "open" {
            pauses.extend(last.map(|last: DateTime<Utc>| (now - last).num_seconds()));
            last = Some(now);
        }
        if pauses.len() == 9 {
            break;
        }
        app.clock.advance(Duration::from_secs(1));
    }
    for (pause, expected) in pauses.iter().zip([10, 20, 40, 80, 160, 320, 640, 900, 900]) {
        assert!((pause - expected).abs() <= 13, "{pauses:?}"); // the delivery's own wait has jitter
    }
    assert_eq!(pauses.len(), 9);
}

#[tokio::test]
async fn who_sends_again_by_hand_need_not_wait_for_the_breaker() {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "10m").start().await;
    let receiver = Receiver::answering([500; 8]).await;
    let endpoint = breakable(&app, &receiver).await;
    raise_many(&app, 8).await;
    app.run_due().await;
    assert_eq!(health(&app, &endpoint).await["state"], "open");
    sqlx::query("UPDATE deliveries SET status = 'failed'").execute(&app.app.pool).await.unwrap();
    let recover = format!("/api/v1/admin/notify/endpoints/{}/recover", endpoint["id"].as_str().unwrap());
    app.api("POST", &recover, Some(json!({"since": "2031-05-06T00:00:00Z"}))).await.expect(202);
    app.run_due().await;
    assert_eq!((receiver.count(), health(&app, &endpoint).await["state"].as_str()), (16, Some("ok")));
}
