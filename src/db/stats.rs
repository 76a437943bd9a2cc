//! How much waits, and how endpoints are: for `/metrics` and the panel. What happened is in [`super::tallies`].

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

/// Counts the endpoints that administrators keep, of one tenant or of all, by the health that `EndpointRow::health` tells
/// of each.
pub async fn count_endpoints(db: impl PgExecutor<'_>, tenant: Option<&str>) -> sqlx::Result<EndpointCounts> {
    sqlx::query_as!(
        EndpointCounts,
        r#"SELECT count(*) FILTER (WHERE enabled AND open_until IS NULL AND consecutive_failures = 0) AS "ok!",
                  count(*) FILTER (WHERE enabled AND open_until IS NULL AND consecutive_failures > 0) AS "failing!",
                  count(*) FILTER (WHERE enabled AND open_until IS NOT NULL) AS "open!",
                  count(*) FILTER (WHERE NOT enabled) AS "disabled!"
           FROM endpoints
           WHERE ($1::text IS NULL OR tenant_id = $1) AND deleted_at IS NULL AND mailbox_hash IS NULL"#,
        tenant,
    )
    .fetch_one(db)
    .await
}
