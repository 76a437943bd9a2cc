//! The fan-out: what a hanging endpoint costs the others, and what a long history costs a claim.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use aftercall::{
    db::deliveries::{self, EndpointRoom},
    domain::clock::Clock,
};
use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use super::PATIENCE;
use crate::support::{Database, Receiver, Server, TOKEN};

const EVENTS: usize = 10_000;
/// Producers at once.
const PRODUCERS: usize = 32;
const OLD_DELIVERIES: i64 = 5_000_000;

/// What stands beside the two endpoints that are timed.
#[derive(Clone, Copy, PartialEq)]
enum Third {
    Absent,
    Answers,
    Hangs,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: see the head of this file"]
async fn two_endpoints_get_ten_thousand_events_no_later_while_a_third_hangs() {
    // In turn: what a noisy machine does hits all of them.
    for round in 1..=3 {
        let absent = time_to_deliver(Third::Absent).await;
        let answers = time_to_deliver(Third::Answers).await;
        let hangs = time_to_deliver(Third::Hangs).await;
        println!(
            "round {round}: {EVENTS} events were with both endpoints after {absent:.1?}, beside a third that answers \
             {answers:.1?}, beside one that hangs {hangs:.1?}"
        );
    }
}

/// How long it takes until two receivers have all events, beside a third endpoint.
async fn time_to_deliver(third: Third) -> Duration {
    let database = Database::create().await;
    let data_dir = tempfile::tempdir().expect("a directory");
    let vars: HashMap<&str, String> = HashMap::from([
        ("DATABASE_URL", database.url()),
        ("ENCRYPTION_KEYS", "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned()),
        ("ADMIN_TOKEN", TOKEN.to_owned()),
        ("ALLOW_HTTP_ENDPOINTS", "on".to_owned()),
        ("ALLOWED_PRIVATE_NETWORKS", "127.0.0.0/8".to_owned()),
    ]);
    let server = Server::start(&["serve"], &vars, data_dir.path()).await;
    let receivers = [Receiver::start().await, Receiver::start().await];
    let beside =
        if third == Third::Hangs { Receiver::slow(Duration::from_hours(1)).await } else { Receiver::start().await };
    let targets = receivers.iter().chain((third != Third::Absent).then_some(&beside));
    for receiver in targets {
        let filters = json!({"events": ["custom.*"]});
        let endpoint = json!({"kind": "webhook", "target": receiver.url(), "filters": filters});
        let path = "/api/v1/admin/notify/endpoints";
        server.api(reqwest::Method::POST, path, Some(endpoint)).await.expect("an endpoint");
    }
    let begun = Instant::now();
    let raise = |index: usize| {
        let server = &server;
        async move {
            let event = json!({"type": "custom.load", "subject": index.to_string(), "data": {"index": index}});
            server.api(reqwest::Method::POST, "/api/v1/events", Some(event)).await.expect("an answer");
        }
    };
    stream::iter(0..EVENTS).for_each_concurrent(PRODUCERS, raise).await;
    while receivers.iter().any(|receiver| receiver.count() < EVENTS) {
        assert!(begun.elapsed() < PATIENCE, "{} of {EVENTS} arrived", receivers[0].count());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: see the head of this file"]
async fn a_claim_costs_the_same_with_five_million_old_deliveries_as_with_none() {
    let database = Database::create().await;
    let pool = &database.pool;
    let endpoints = seed_endpoints(pool, 20).await;
    let without = time_of_claims(pool, &endpoints).await;
    let begun = Instant::now();
    seed_history(pool, &endpoints).await;
    println!("  {OLD_DELIVERIES} old deliveries made in {:.0?}", begun.elapsed());
    let with = time_of_claims(pool, &endpoints).await;
    println!(
        "a claim of 64 deliveries out of 2,000 that wait took {without:.2?} with no history and {with:.2?} with \
         {OLD_DELIVERIES} old ones, {:.2} times",
        with.as_secs_f64() / without.as_secs_f64()
    );
}

async fn seed_endpoints(pool: &PgPool, count: i32) -> Vec<Uuid> {
    sqlx::query_scalar(
        "INSERT INTO endpoints (id, tenant_id, kind, name, sealed, has_secret, created_at, updated_at)
         SELECT gen_random_uuid(), 'default', 'webhook', 'load', '', false, now(), now() FROM generate_series(1, $1)
         RETURNING id",
    )
    .bind(count)
    .fetch_all(pool)
    .await
    .expect("endpoints")
}

/// Three deliveries of each old event, all settled.
async fn seed_history(pool: &PgPool, endpoints: &[Uuid]) {
    const BATCHES: i64 = 50;
    for _ in 0..BATCHES {
        sqlx::query(
            "WITH event AS (
                 INSERT INTO events (id, tenant_id, type, data, trace_id, origin_at, created_at)
                 SELECT gen_random_uuid(), 'default', 'custom.old', '{}', '', now(), now() - interval '30 days'
                 FROM generate_series(1, $1) RETURNING id, created_at
             )
             INSERT INTO deliveries (id, tenant_id, event_id, endpoint_id, event_type, status, attempt, ready_at,
                                     created_at, sent_at)
             SELECT gen_random_uuid(), 'default', event.id, endpoint, 'custom.old', 'sent', 1, created_at, created_at,
                    created_at
             FROM event CROSS JOIN unnest($2::uuid[]) AS endpoint",
        )
        .bind(OLD_DELIVERIES / 3 / BATCHES)
        .bind(&endpoints[..3])
        .execute(pool)
        .await
        .expect("history");
    }
    for table in ["events", "deliveries"] {
        sqlx::query(AssertSqlSafe(format!("VACUUM ANALYZE {table}"))).execute(pool).await.expect("statistics");
    }
}

/// The median of many claims, each given back.
async fn time_of_claims(pool: &PgPool, endpoints: &[Uuid]) -> Duration {
    sqlx::query(
        "WITH event AS (
             INSERT INTO events (id, tenant_id, type, data, trace_id, origin_at, created_at)
             SELECT gen_random_uuid(), 'default', 'custom.new', '{}', '', now(), now() FROM generate_series(1, 100)
             RETURNING id
         )
         INSERT INTO deliveries (id, tenant_id, event_id, endpoint_id, event_type, status, ready_at, created_at)
         SELECT gen_random_uuid(), 'default', event.id, endpoint, 'custom.new', 'pending', now(), now()
         FROM event CROSS JOIN unnest($1::uuid[]) AS endpoint",
    )
    .bind(endpoints)
    .execute(pool)
    .await
    .expect("what waits");
    sqlx::query("ANALYZE deliveries").execute(pool).await.expect("statistics");
    let room = EndpointRoom { healthy: 16, failing: 1, failing_from: 3 };
    let (clock, mut times) = (Clock::system(), Vec::new());
    for _ in 0..300 {
        let (now, claim_id) = (clock.now() + TimeDelta::seconds(60), Uuid::now_v7());
        let begun = Instant::now();
        let until = now + TimeDelta::seconds(15);
        let claimed = deliveries::claim_due_deliveries(pool, claim_id, now, until, 64, room).await.expect("a claim");
        times.push(begun.elapsed());
        assert_eq!(claimed.len(), 64);
        deliveries::release_claims(pool, &[claim_id], now).await.expect("given back");
    }
    sqlx::query("DELETE FROM deliveries WHERE status = 'pending'").execute(pool).await.expect("cleared");
    times.sort_unstable();
    times[times.len() / 2]
}
