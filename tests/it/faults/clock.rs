//! Clocks that step. Replicas agree on the database's time when they start and every half minute; until then one whose
//! machine's clock was set may be an hour ahead of the others, or behind. That may cost time and repeat a delivery under its
//! id. It loses nothing and does nothing twice.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use ::http::Request;
use aftercall::{
    app::App,
    domain::clock::Clock,
    http,
    queue::{Queue, Worker, WorkerSettings},
};
use axum::body::Body;
use chrono::{DateTime, TimeDelta, Utc};
use tower::ServiceExt;

use super::until;
use crate::support::{Receiver, Signing, TestApp, WEBHOOK_URL, callback};

const HOUR: TimeDelta = TimeDelta::hours(1);

/// Another replica on the same database, whose clock differs by so much.
fn replica(app: &TestApp, ahead: TimeDelta) -> (Arc<App>, Clock) {
    let clock = Clock::manual(app.clock.now() + ahead);
    let metrics = Arc::clone(&app.app.metrics);
    (App::new(app.app.config.clone(), app.app.pool.clone(), clock.clone(), metrics, 8080).expect("an app"), clock)
}

async fn work<Q: Queue>(queue: &Arc<Q>, clock: &Clock) -> usize {
    let settings = WorkerSettings { concurrency: 8, lease: Duration::from_secs(15) };
    Worker::new(Arc::clone(queue), clock.clone(), settings).run_due().await.unwrap()
}

#[tokio::test]
async fn a_delivery_taken_over_by_a_clock_that_leapt_ahead_is_settled_once_and_repeated_under_its_id() {
    let app = TestApp::start().await;
    let receiver = Receiver::slow(Duration::from_millis(300)).await;
    app.add_webhook(&receiver).await;
    app.import_transcript("1").await;
    app.post_signed(&callback("1")).await.expect(202);
    app.stages().run_due().await.unwrap();

    let (ahead, clock) = replica(&app, HOUR);
    let deliveries = app.deliveries();
    let taken_over = async {
        until("the first is under way", async || receiver.count() == 1).await;
        work(&ahead.notifier, &clock).await
    };
    let (first, second) = tokio::join!(deliveries.run_due(), taken_over);
    assert_eq!((first.unwrap(), second), (1, 1), "to the clock ahead the lease had run out");

    let ids: BTreeSet<String> = receiver.received().iter().map(|one| one.header("webhook-id").to_owned()).collect();
    assert_eq!((receiver.count(), ids.len()), (2, 1), "{ids:?}");
    let mut log = app.log().await;
    log.retain(|delivery| delivery["status"] != "filtered");
    assert_eq!((log.len(), &log[0]["status"]), (1, &"sent".into()), "{log:?}");
    let attempts: Vec<(i32, Option<String>)> =
        sqlx::query_as("SELECT number, error FROM delivery_attempts ORDER BY number")
            .fetch_all(&app.app.pool)
            .await
            .unwrap();
    assert_eq!(attempts.len(), 2, "{attempts:?}");
    assert!(attempts[0].1.as_deref().unwrap().contains("the worker ended") && attempts[1].1.is_none(), "{attempts:?}");
    let (sent,): (i64,) = sqlx::query_as("SELECT sum(n)::bigint FROM tallies WHERE what = 'delivery.sent'")
        .fetch_one(&app.app.pool)
        .await
        .unwrap();
    assert_eq!(sent, 1, "and counted once");
}

#[tokio::test]
async fn a_clock_set_back_delays_what_was_begun_before_and_neither_loses_nor_repeats_anything() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    for id in ["1", "2", "3"] {
        app.import_transcript(id).await;
    }
    app.post_signed(&callback("1")).await.expect(202);
    app.post_signed(&callback("2")).await.expect(202);
    app.stages().run_due().await.unwrap(); // their deliveries are due at the old time

    let (behind, clock) = replica(&app, -HOUR);
    assert_eq!(work(&behind.notifier, &clock).await, 0, "not yet due by the new time");
    let body = callback("3").to_string();
    let signing = Signing { url: WEBHOOK_URL, body: body.as_bytes(), exp: clock.now().timestamp() + 60 };
    let request = Request::post("/webhooks/gong").header("authorization", app.gong.token(&signing));
    let answer = http::router(Arc::clone(&behind)).oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 202);
    work(&behind.pipeline, &clock).await;
    assert_eq!(work(&behind.notifier, &clock).await, 1, "what comes now is done now");
    clock.advance(HOUR.to_std().unwrap());
    assert_eq!(work(&behind.notifier, &clock).await, 2, "the rest when its time has come again");

    let arrived: Vec<String> = receiver.received().iter().map(|one| one.header("webhook-id").to_owned()).collect();
    assert_eq!((arrived.len(), arrived.iter().collect::<BTreeSet<_>>().len()), (3, 3));
    // Page by page the log still shows each once.
    let (mut seen, mut path) = (Vec::new(), "/api/v1/admin/notify/logs?limit=1".to_owned());
    loop {
        let page = app.get(&path).await.expect(200).body;
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/admin/notify/logs?limit=1&cursor={next}");
    }
    assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (9, 9), "three events each: {seen:?}");
}

#[test]
fn a_process_goes_by_the_time_of_the_database_whichever_way_its_own_was_set() {
    let clock = Clock::system();
    for apart in [HOUR, -HOUR, TimeDelta::zero()] {
        let begun = Instant::now();
        let shared = DateTime::<Utc>::from(SystemTime::now()) + apart;
        clock.agree_with(shared);
        let off = clock.now() - shared;
        assert!(off >= -TimeDelta::milliseconds(1) && off.to_std().unwrap_or_default() <= begun.elapsed(), "{off}");
    }
}
