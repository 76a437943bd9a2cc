//! `ordered`: events of one subject arrive one after the other, in their order, and no subject waits for another.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::support::{Receiver, TestApp};

async fn ordered(app: &TestApp, receiver: &Receiver) -> Value {
    let filters = json!({"events": ["custom.*"]});
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url(), "ordered": true, "filters": filters})).await
}

async fn raise(app: &TestApp, subject: &str, index: usize) {
    app.raise(json!({"type": "custom.thing", "subject": subject, "data": {"subject": subject, "index": index}})).await;
}

/// What arrived, as "a1".
fn arrived(receiver: &Receiver) -> Vec<String> {
    let name = |body: &Value| format!("{}{}", body["data"]["subject"].as_str().unwrap(), body["data"]["index"]);
    receiver.received().iter().map(|one| name(&one.body)).collect()
}

#[tokio::test]
async fn a_failing_event_holds_back_its_own_subject_only() {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "1m,1m").start().await;
    let receiver = Receiver::answering([500]).await;
    ordered(&app, &receiver).await;
    raise(&app, "a", 1).await;
    app.run_due().await; // refused
    for (subject, index) in [("a", 2), ("b", 1), ("a", 3), ("b", 2)] {
        raise(&app, subject, index).await;
    }
    app.run_due().await;
    assert_eq!(arrived(&receiver), ["a1", "b1", "b2"]);
    let waiting = app.log().await.iter().filter(|entry| entry["next_attempt_at"].is_null()).count();
    assert_eq!(waiting, 4, "two were sent, and two know no time before their turn");
    app.clock.advance(Duration::from_secs(90));
    app.run_due().await;
    assert_eq!(arrived(&receiver)[3..], ["a1", "a2", "a3"]);
    assert!(app.log().await.iter().all(|entry| entry["status"] == "sent"));
}

#[tokio::test]
async fn one_that_is_given_up_makes_way_and_recovery_keeps_the_order() {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "1m").start().await;
    let receiver = Receiver::answering([500; 4]).await;
    let endpoint = ordered(&app, &receiver).await;
    for index in 1..=3 {
        raise(&app, "a", index).await;
    }
    for _ in 0..4 {
        app.run_due().await;
        app.clock.advance(Duration::from_secs(90));
    }
    assert_eq!(arrived(&receiver), ["a1", "a1", "a2", "a2", "a3"]);
    let recover = format!("/api/v1/admin/notify/endpoints/{}/recover", endpoint["id"].as_str().unwrap());
    let recovered = app.api("POST", &recover, Some(json!({"since": "2031-01-01T00:00:00Z"}))).await.expect(202).body;
    assert_eq!(recovered["count"], 2);
    raise(&app, "a", 4).await;
    app.run_due().await;
    assert_eq!(arrived(&receiver)[5..], ["a1", "a2", "a4"]);
}

#[tokio::test]
async fn order_holds_across_workers_and_failures_and_nothing_is_lost() {
    const SUBJECTS: [&str; 4] = ["a", "b", "c", "d"];
    const EVENTS: usize = 12;
    let schedule = vec!["1s"; 30].join(",");
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", schedule).start().await;
    // Every third answer is a failure, never five in a row.
    let receiver = Receiver::answering((0..60).map(|n| if n % 3 == 2 { 500 } else { 200 })).await;
    let plain = Receiver::start().await;
    ordered(&app, &receiver).await;
    app.add_endpoint(json!({"kind": "webhook", "target": plain.url()})).await;
    let (one, two) = (app.deliveries(), app.deliveries());
    for index in 0..EVENTS {
        for subject in SUBJECTS {
            raise(&app, subject, index).await;
        }
        let (one, two) = tokio::join!(one.run_due(), two.run_due());
        one.and(two).unwrap();
        app.clock.advance(Duration::from_millis(700));
    }
    for _ in 0..60 {
        let (one, two) = tokio::join!(one.run_due(), two.run_due());
        one.and(two).unwrap();
        app.clock.advance(Duration::from_millis(700));
    }
    assert_eq!(plain.count(), SUBJECTS.len() * EVENTS);
    let mut seen: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for one in receiver.received() {
        let indices = seen.entry(one.body["data"]["subject"].as_str().unwrap().to_owned()).or_default();
        indices.push(one.body["data"]["index"].as_u64().unwrap());
    }
    for (subject, mut indices) in seen {
        assert!(indices.is_sorted(), "{subject}: {indices:?}");
        indices.dedup();
        assert_eq!(indices, (0..EVENTS as u64).collect::<Vec<_>>(), "{subject}");
    }
}

#[tokio::test]
async fn events_about_nothing_need_no_order_and_an_endpoint_may_change_its_mind() {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "1m").start().await;
    let receiver = Receiver::answering([500]).await;
    let endpoint = ordered(&app, &receiver).await;
    for index in 1..=2 {
        app.raise(json!({"type": "custom.thing", "data": {"subject": "", "index": index}})).await;
    }
    app.run_due().await;
    assert_eq!(receiver.count(), 2);
    app.change_endpoint(&endpoint, json!({"ordered": false})).await;
    raise(&app, "a", 1).await;
    raise(&app, "a", 2).await;
    app.run_due().await;
    assert_eq!(receiver.count(), 4);
}

#[tokio::test]
async fn what_waits_behind_nothing_is_found_by_the_sweeper() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    ordered(&app, &receiver).await;
    raise(&app, "a", 1).await;
    sqlx::query("UPDATE deliveries SET ready_at = 'infinity'").execute(&app.app.pool).await.unwrap();
    app.run_due().await;
    assert_eq!(receiver.count(), 0);
    aftercall::jobs::sweep(&app.app.pool, app.clock.now()).await.unwrap();
    app.run_due().await;
    assert_eq!(receiver.count(), 1);
}
