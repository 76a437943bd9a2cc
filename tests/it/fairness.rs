//! A dead or slow endpoint does not hold up the others; a queue that is full is no limit that limits nothing.

use std::{sync::Arc, time::Duration};

use aftercall::{
    db::deliveries::{self, EndpointRoom},
    queue::{Worker, WorkerSettings},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{Receiver, TestApp};

/// Emits so many events to every endpoint.
async fn emit(app: &TestApp, count: usize) {
    emit_at(app, count, app.clock.now()).await;
}

/// The same at another time: what is emitted later is due later.
async fn emit_at(app: &TestApp, count: usize, at: DateTime<Utc>) {
    use aftercall::domain::{
        event::{Audience, NewEvent},
        ids::EventId,
        trace::Trace,
    };
    let event = |index: usize| NewEvent {
        id: EventId::new(),
        tenant: "default".to_owned(),
        event_type: "call.summarised".to_owned(),
        intent: None,
        subject: Some(index.to_string()),
        data: json!({"index": index}),
        external_id: None,
        mailboxes: Vec::new(),
        audience: Audience::Endpoints,
        callback: None,
        run_id: None,
        trace: Trace::unrecorded(),
        origin_at: at,
    };
    let events: Vec<NewEvent> = (0..count).map(event).collect();
    let mut tx = app.app.pool.begin().await.unwrap();
    let emitted = aftercall::notify::emit(&mut tx, &events, at).await.unwrap();
    tx.commit().await.unwrap();
    assert!(emitted.iter().all(|emitted| emitted.endpoints > 0));
}

#[tokio::test]
async fn one_endpoint_that_hangs_does_not_delay_the_others() {
    let app = TestApp::with("DELIVERY_TIMEOUT", "30s").start().await;
    let hanging = Receiver::slow(Duration::from_hours(1)).await;
    let healthy = [Receiver::start().await, Receiver::start().await];
    app.add_webhook(&hanging).await;
    for receiver in &healthy {
        app.add_webhook(receiver).await;
    }
    emit(&app, 200).await;
    let worker = app.deliveries();
    let (stop, cut) = (CancellationToken::new(), CancellationToken::new());
    let arrived = async {
        while healthy.iter().any(|receiver| receiver.received().len() < 200) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
        cut.cancel();
    };
    let patience = Duration::from_secs(20); // less than one time-out of the hanging endpoint
    let working = worker.run(app.app.wake.signal(), stop.clone(), cut.clone());
    tokio::time::timeout(patience, async { tokio::join!(working, arrived) }).await.expect("all of theirs arrive");
    assert!(hanging.received().len() <= 16, "no more than its room is under way to the hanging endpoint");
    // What was under way is given back at once, at no cost.
    let leased: i64 = sqlx::query_scalar("SELECT count(*) FROM deliveries WHERE claim_id IS NOT NULL")
        .fetch_one(&app.app.pool)
        .await
        .unwrap();
    assert_eq!(leased, 0);
}

#[tokio::test]
async fn a_claim_takes_from_every_endpoint_and_little_from_a_failing_one() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let failing = app.add_webhook(&receiver).await;
    for _ in 0..2 {
        app.add_webhook(&receiver).await;
    }
    sqlx::query("UPDATE endpoints SET consecutive_failures = 5 WHERE id = $1")
        .bind(Uuid::parse_str(&failing["id"].as_str().unwrap()[3..]).unwrap())
        .execute(&app.app.pool)
        .await
        .unwrap();
    emit(&app, 50).await;
    let room = EndpointRoom { healthy: 16, failing: 2, failing_from: 3 };
    let now = app.clock.now();
    let claim = async |limit| {
        let until = now + TimeDelta::seconds(15);
        let claimed =
            deliveries::claim_due_deliveries(&app.app.pool, Uuid::now_v7(), now, until, limit, room).await.unwrap();
        let of_failing = claimed.iter().filter(|one| one.endpoint_id.to_string() == failing["id"]).count();
        (claimed.len(), of_failing)
    };
    assert_eq!(claim(20).await, (20, 0), "those of the failing endpoint come last");
    assert_eq!(claim(100).await, (14, 2), "and no endpoint has more under way than its room");
    assert_eq!(claim(100).await, (0, 0));
}

#[tokio::test]
async fn no_more_is_under_way_than_the_settings_say_however_much_waits() {
    let app = TestApp::start().await;
    let slow = Receiver::slow(Duration::from_millis(30)).await;
    app.add_webhook(&slow).await;
    emit(&app, 24).await;
    let settings = WorkerSettings { concurrency: 4, lease: Duration::from_secs(15) };
    let worker = Worker::new(Arc::clone(&app.app.notifier), app.clock.clone(), settings);
    assert_eq!(worker.run_due().await.unwrap(), 24);
    assert_eq!(slow.received().len(), 24);
}

#[tokio::test]
async fn a_delivery_whose_worker_died_is_sent_again_and_the_record_says_so() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    emit(&app, 1).await;
    let now = app.clock.now();
    let room = EndpointRoom { healthy: 16, failing: 2, failing_from: 3 };
    let until = now + TimeDelta::seconds(15);
    let dead = deliveries::claim_due_deliveries(&app.app.pool, Uuid::now_v7(), now, until, 10, room).await.unwrap();
    assert_eq!(dead.len(), 1);
    app.clock.advance(Duration::from_secs(16));
    app.run_due().await;
    assert_eq!(receiver.received().len(), 1);
    let id = app.log().await[0]["id"].as_str().unwrap().to_owned();
    let log = app.get(&format!("/api/v1/admin/notify/logs/{id}")).await.body;
    assert_eq!((&log["status"], log["attempts"].as_array().unwrap().len()), (&json!("sent"), 2));
    assert!(log["attempts"][0]["error"].as_str().unwrap().contains("worker ended"));
}

#[tokio::test]
async fn slow_endpoints_with_an_old_backlog_leave_fresh_work_of_others_its_turn() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(app.add_webhook(&receiver).await["id"].as_str().unwrap().to_owned());
    }
    emit(&app, 40).await;
    app.clock.advance(Duration::from_hours(1));
    let fresh = app.add_webhook(&receiver).await["id"].as_str().unwrap().to_owned();
    emit(&app, 1).await;
    let (now, room) = (app.clock.now(), EndpointRoom { healthy: 8, failing: 1, failing_from: 3 });
    let claim = async |limit| {
        let until = now + TimeDelta::seconds(15);
        deliveries::claim_due_deliveries(&app.app.pool, Uuid::now_v7(), now, until, limit, room).await.unwrap()
    };
    let first = claim(3).await;
    assert!(first.iter().any(|one| one.endpoint_id.to_string() == fresh), "each endpoint has its turn");
    assert_eq!(claim(10).await.len(), 10);
    let of = |id: &str, claimed: &[deliveries::ClaimedDelivery]| {
        claimed.iter().filter(|one| one.endpoint_id.to_string() == id).count()
    };
    let rest = claim(100).await;
    assert_eq!(of(&ids[0], &rest) + of(&ids[1], &rest), 4, "the slow ones never have more under way than their room");
}

#[tokio::test]
async fn a_claim_reads_what_is_due_and_not_all_that_waits_even_if_the_statistics_know_of_nothing_that_does() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    app.add_webhook(&receiver).await;
    emit(&app, 500).await;
    for statement in ["UPDATE deliveries SET status = 'sent'", "VACUUM ANALYZE deliveries"] {
        sqlx::query(statement).execute(&app.app.pool).await.unwrap();
    }
    emit_at(&app, 500, app.clock.now() + TimeDelta::days(1)).await;
    emit(&app, 1).await;

    let (now, room) = (app.clock.now(), EndpointRoom { healthy: 8, failing: 1, failing_from: 3 });
    let until = now + TimeDelta::seconds(15);
    let mut tx = app.app.pool.begin().await.unwrap();
    let claimed = deliveries::claim_due_deliveries(&mut *tx, Uuid::now_v7(), now, until, 10, room).await.unwrap();
    assert_eq!(claimed.len(), 2);
    let read = "SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid))::bigint FROM pg_index
                WHERE indrelid = 'deliveries'::regclass";
    let read: i64 = sqlx::query_scalar(read).fetch_one(&mut *tx).await.unwrap();
    assert!(read < 20, "{read} entries were read for 2 deliveries, while 1000 wait");
}
