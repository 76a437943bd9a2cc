//! How much waits, for `/metrics`.

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

/// Measures the queues. Only their partial indexes are read, whatever the length of history.
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
           FROM deliveries WHERE status IN ('pending', 'retrying')"#,
        now,
    )
    .fetch_all(db)
    .await
}
