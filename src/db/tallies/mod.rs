//! What happened, counted by the hour: written by the statement that makes the fact, so that each counts exactly once and
//! nothing that was rolled back or fenced out does. Figures are read here whatever the length of history.
//!
//! A tally's `what` is one of
//!
//! - `delivery.sent`, `delivery.failed` (given up), `delivery.retrying` (tried in vain, will be tried again) and
//!   `delivery.filtered`, by channel, when they happen; what is sent again by hand counts again;
//! - `call.received` (a run began, be it a further one), `call.fetched`, `call.summarised`, `call.documented`, and how runs
//!   ended: `call.done`, `call.failed`, `call.skipped`; `call.put_back` for a stage that will be tried again;
//! - `latency`, by bucket: how long it took from a callback to the first delivery of its summary
//!   ([`crate::domain::latency`]).

mod series;

pub use self::series::{
    CallCounts, ChannelCounts, DeliveryBucket, LatencyBucket, Outcomes, Span, calls_today, delivery_series,
    latency_series,
};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use sqlx::PgExecutor;

use crate::domain::latency::Histogram;

/// Adds up what was added since the last time, hour by hour. Every replica may: what another one has in hand is left to it.
/// Whoever reads sees the rows before or those after, which say the same.
pub async fn compact(db: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH gathered AS (
             DELETE FROM tallies WHERE ctid = ANY(ARRAY(
                 SELECT t.ctid FROM (SELECT DISTINCT tenant_id, hour FROM tallies WHERE loose) due
                 JOIN tallies t ON t.tenant_id = due.tenant_id AND t.hour = due.hour
                 LIMIT $1 FOR UPDATE OF t SKIP LOCKED))
             RETURNING tenant_id, hour, what, channel, bucket, n
         )
         INSERT INTO tallies (tenant_id, hour, what, channel, bucket, n, loose)
         SELECT tenant_id, hour, what, channel, bucket, sum(n)::bigint, false FROM gathered GROUP BY 1, 2, 3, 4, 5",
        MOST_AT_ONCE,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How many rows are added up at once: what a busy service adds between two times is far less.
const MOST_AT_ONCE: i64 = 200_000;

/// Removes what is older than it shall be kept.
pub async fn purge(db: impl PgExecutor<'_>, before: DateTime<Utc>, limit: i64) -> sqlx::Result<u64> {
    let purged = sqlx::query!(
        "DELETE FROM tallies WHERE ctid = ANY(ARRAY(
             SELECT old.ctid FROM tenants CROSS JOIN LATERAL (
                 SELECT ctid FROM tallies WHERE tenant_id = tenants.id AND hour < $1 LIMIT $2 FOR UPDATE SKIP LOCKED) old
             LIMIT $2))",
        before,
        limit,
    );
    Ok(purged.execute(db).await?.rows_affected())
}

/// A number that differs from the one before whenever something was tallied for the tenant in between. What is added up
/// later does not change it, nor does it miss what committed out of order: it is the hour and the sum of the last two.
pub async fn pulse(db: impl PgExecutor<'_>, tenant: &str) -> sqlx::Result<i64> {
    let pulse = sqlx::query_scalar!(
        r#"SELECT ((extract(epoch FROM newest.hour)::bigint / 3600) << 40) + sum(t.n)::bigint AS "pulse!"
           FROM (SELECT max(hour) AS hour FROM tallies WHERE tenant_id = $1) newest
           JOIN tallies t ON t.tenant_id = $1 AND t.hour >= newest.hour - interval '1 hour'
           GROUP BY newest.hour"#,
        tenant,
    );
    Ok(pulse.fetch_optional(db).await?.unwrap_or(0))
}

/// When the first of the last so many hours began; the last one is under way.
#[must_use]
pub fn first_of_last_hours(now: DateTime<Utc>, hours: u32) -> DateTime<Utc> {
    hour_of(now) - TimeDelta::hours(i64::from(hours) - 1)
}

/// The hour that a time is in, by its beginning.
fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}

/// How many deliveries of a channel had an outcome.
#[derive(Debug)]
pub struct DeliveryCount {
    /// The channel.
    pub kind: String,
    /// The outcome, as a status of deliveries.
    pub status: String,
    /// How many.
    pub count: i64,
}

/// Counts what became of deliveries from an hour on.
pub async fn count_deliveries(
    db: impl PgExecutor<'_>,
    tenant: &str,
    since: DateTime<Utc>,
) -> sqlx::Result<Vec<DeliveryCount>> {
    sqlx::query_as!(
        DeliveryCount,
        r#"SELECT channel AS "kind!", split_part(what, '.', 2) AS "status!", sum(n)::bigint AS "count!"
           FROM tallies WHERE tenant_id = $1 AND hour >= $2 AND channel IS NOT NULL
           GROUP BY 1, 2 ORDER BY 1, 2"#,
        tenant,
        since,
    )
    .fetch_all(db)
    .await
}

/// Counts how far calls came from an hour on.
pub async fn count_calls(db: impl PgExecutor<'_>, tenant: &str, since: DateTime<Utc>) -> sqlx::Result<CallCounts> {
    sqlx::query_as!(
        CallCounts,
        r#"SELECT coalesce(sum(n) FILTER (WHERE what = 'call.received'), 0)::bigint AS "received!",
                  coalesce(sum(n) FILTER (WHERE what = 'call.fetched'), 0)::bigint AS "fetched!",
                  coalesce(sum(n) FILTER (WHERE what = 'call.summarised'), 0)::bigint AS "summarised!",
                  coalesce(sum(n) FILTER (WHERE what = 'call.documented'), 0)::bigint AS "documented!",
                  coalesce(sum(n) FILTER (WHERE what = 'call.done'), 0)::bigint AS "done!",
                  coalesce(sum(n) FILTER (WHERE what = 'call.failed'), 0)::bigint AS "failed!",
                  coalesce(sum(n) FILTER (WHERE what = 'call.skipped'), 0)::bigint AS "skipped!"
           FROM tallies WHERE tenant_id = $1 AND hour >= $2 AND what LIKE 'call.%'"#,
        tenant,
        since,
    )
    .fetch_one(db)
    .await
}

/// How long it took from callbacks to the first delivery of their summaries, for those that arrived from an hour on.
pub async fn callback_to_sent(db: impl PgExecutor<'_>, tenant: &str, since: DateTime<Utc>) -> sqlx::Result<Histogram> {
    let rows = sqlx::query!(
        r#"SELECT bucket AS "bucket!", sum(n)::bigint AS "n!" FROM tallies
           WHERE tenant_id = $1 AND hour >= $2 AND bucket IS NOT NULL GROUP BY bucket"#,
        tenant,
        since,
    );
    let mut histogram = Histogram::default();
    for row in rows.fetch_all(db).await? {
        histogram.add(row.bucket, row.n.unsigned_abs());
    }
    Ok(histogram)
}
