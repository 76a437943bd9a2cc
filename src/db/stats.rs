//! How much waits, and how it went: for `/metrics` and the panel.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

/// The depth of one queue.
#[derive(Debug)]
pub struct QueueDepth {
    /// `stages` or `deliveries`.
    pub queue: String,
    /// How many wait or are under way.
    pub depth: i64,
    /// How long the one that is due longest has been due, in seconds.
    pub oldest_seconds: f64,
}

/// Measures the queues. Only their partial indexes are read, whatever the length of history. What waits behind an open
/// breaker is not due.
pub async fn queue_depths(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> sqlx::Result<Vec<QueueDepth>> {
    sqlx::query_as!(
        QueueDepth,
        r#"SELECT 'stages' AS "queue!", count(*) AS "depth!",
                  coalesce(extract(epoch FROM $1 - min(ready_at) FILTER (WHERE ready_at <= $1)), 0)::float8
                  AS "oldest_seconds!"
           FROM jobs
           UNION ALL
           SELECT 'deliveries', count(*),
                  coalesce(extract(epoch FROM $1 - min(ready_at) FILTER (WHERE ready_at <= $1)), 0)::float8
           FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
           WHERE status IN ('pending', 'retrying') AND (e.open_until IS NULL OR e.open_until <= $1)"#,
        now,
    )
    .fetch_all(db)
    .await
}

/// Measures what waits of one tenant.
pub async fn tenant_queues(db: impl PgExecutor<'_>, tenant: &str, now: DateTime<Utc>) -> sqlx::Result<Vec<QueueDepth>> {
    sqlx::query_as!(
        QueueDepth,
        r#"SELECT 'stages' AS "queue!", count(*) AS "depth!",
                  coalesce(extract(epoch FROM $2 - min(ready_at) FILTER (WHERE ready_at <= $2)), 0)::float8
                  AS "oldest_seconds!"
           FROM jobs WHERE tenant_id = $1
           UNION ALL
           SELECT 'deliveries', count(*),
                  coalesce(extract(epoch FROM $2 - min(ready_at) FILTER (WHERE ready_at <= $2)), 0)::float8
           FROM deliveries WHERE tenant_id = $1 AND status IN ('pending', 'retrying')"#,
        tenant,
        now,
    )
    .fetch_all(db)
    .await
}

/// Counts the runs that began since a time, by their states.
pub async fn count_runs(
    db: impl PgExecutor<'_>,
    tenant: &str,
    since: DateTime<Utc>,
) -> sqlx::Result<BTreeMap<String, i64>> {
    let counts = sqlx::query!(
        r#"SELECT state, count(*) AS "count!" FROM runs WHERE tenant_id = $1 AND created_at >= $2 GROUP BY state"#,
        tenant,
        since,
    );
    Ok(counts.fetch_all(db).await?.into_iter().map(|row| (row.state, row.count)).collect())
}

/// How many endpoints are how.
#[derive(Debug)]
pub struct EndpointCounts {
    /// The last try succeeded, or there was none.
    pub ok: i64,
    /// The last tries failed.
    pub failing: i64,
    /// The breaker is open.
    pub open: i64,
    /// Nothing is sent to them.
    pub disabled: i64,
}

/// Counts the endpoints that an administrator keeps, by the health that `EndpointRow::health` tells of each.
pub async fn count_endpoints(db: impl PgExecutor<'_>, tenant: &str) -> sqlx::Result<EndpointCounts> {
    sqlx::query_as!(
        EndpointCounts,
        r#"SELECT count(*) FILTER (WHERE enabled AND open_until IS NULL AND consecutive_failures = 0) AS "ok!",
                  count(*) FILTER (WHERE enabled AND open_until IS NULL AND consecutive_failures > 0) AS "failing!",
                  count(*) FILTER (WHERE enabled AND open_until IS NOT NULL) AS "open!",
                  count(*) FILTER (WHERE NOT enabled) AS "disabled!"
           FROM endpoints WHERE tenant_id = $1 AND deleted_at IS NULL AND mailbox_hash IS NULL"#,
        tenant,
    )
    .fetch_one(db)
    .await
}

/// How many deliveries of a channel have a status.
#[derive(Debug)]
pub struct DeliveryCount {
    /// The channel.
    pub kind: String,
    /// The status.
    pub status: String,
    /// How many.
    pub count: i64,
}

/// Counts the deliveries that were decided since a time, by channel and status.
pub async fn count_deliveries(
    db: impl PgExecutor<'_>,
    tenant: &str,
    since: DateTime<Utc>,
) -> sqlx::Result<Vec<DeliveryCount>> {
    sqlx::query_as!(
        DeliveryCount,
        r#"SELECT e.kind, d.status, sum(d.count)::bigint AS "count!"
           FROM (SELECT endpoint_id, status, count(*) FROM deliveries
                 WHERE tenant_id = $1 AND created_at >= $2 GROUP BY endpoint_id, status) d
           JOIN endpoints e ON e.id = d.endpoint_id
           GROUP BY e.kind, d.status ORDER BY e.kind, d.status"#,
        tenant,
        since,
    )
    .fetch_all(db)
    .await
}

/// How long it took.
#[derive(Debug)]
pub struct Latency {
    /// How often.
    pub count: i64,
    /// Half of them took no longer.
    pub p50_seconds: Option<f64>,
    /// 95 in a hundred took no longer.
    pub p95_seconds: Option<f64>,
    /// None took longer.
    pub max_seconds: Option<f64>,
}

/// Measures how long it took from a callback to the first delivery of its summary, for deliveries since a time.
pub async fn callback_to_sent(db: impl PgExecutor<'_>, tenant: &str, since: DateTime<Utc>) -> sqlx::Result<Latency> {
    sqlx::query_as!(
        Latency,
        r#"SELECT count(*) AS "count!", percentile_cont(0.5) WITHIN GROUP (ORDER BY took) AS p50_seconds,
                  percentile_cont(0.95) WITHIN GROUP (ORDER BY took) AS p95_seconds, max(took) AS max_seconds
           FROM (SELECT extract(epoch FROM min(d.sent_at) - e.origin_at)::float8 AS took
                 FROM deliveries d JOIN events e ON e.id = d.event_id
                 WHERE d.tenant_id = $1 AND d.created_at >= $2 AND d.event_type = 'call.summarised' AND d.status = 'sent'
                 GROUP BY e.id, e.origin_at) t"#,
        tenant,
        since,
    )
    .fetch_one(db)
    .await
}
