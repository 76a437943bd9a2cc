//! How endpoints are doing, and which are stopped for it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::ids::EndpointId;

/// Disables endpoints that are enabled and tells which were.
pub async fn disable_endpoints(
    db: impl PgExecutor<'_>,
    ids: &[Uuid],
    reason: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<(EndpointId, String)>> {
    let rows = sqlx::query!(
        r#"UPDATE endpoints SET enabled = false, disabled_reason = $2, updated_at = $3
           WHERE id = ANY($1) AND enabled AND deleted_at IS NULL RETURNING id AS "id: EndpointId", tenant_id"#,
        ids,
        reason,
        now,
    );
    Ok(rows.fetch_all(db).await?.into_iter().map(|row| (row.id, row.tenant_id)).collect())
}

/// What a batch of attempts says of one endpoint.
#[derive(Debug, Clone, Copy)]
pub struct HealthChange {
    /// The endpoint.
    pub id: Uuid,
    /// Whether any attempt succeeded.
    pub succeeded: bool,
    /// How many failed.
    pub failures: i32,
}

/// An endpoint whose health changed for good or bad.
#[derive(Debug)]
pub struct HealthRow {
    /// The endpoint.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant: String,
    /// The first failure after the last success.
    pub failing_since: Option<DateTime<Utc>>,
    /// Failures in a row before this batch.
    pub failures_before: i32,
}

/// When the breaker of an endpoint opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct BreakerPauses {
    /// From so many failures in a row on.
    pub opens_from: i32,
    /// The first pause; each failed probe doubles it.
    pub first: Duration,
    /// No pause is longer.
    pub longest: Duration,
}

/// Updates the health of endpoints, each row once per batch, in the order of their ids: replicas that settle at the
/// same moment wait for each other instead of deadlocking. A success of a healthy endpoint is noted at most once a
/// second. What still was under way when the breaker opened does not lengthen its pause.
pub async fn note_health(
    db: impl PgExecutor<'_>,
    changes: &[HealthChange],
    breaker: BreakerPauses,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<HealthRow>> {
    sqlx::query_as!(
        HealthRow,
        r#"WITH change AS (
               SELECT e.id, c.succeeded, c.failures, e.consecutive_failures AS failures_before,
                      e.consecutive_failures + c.failures >= $5 AND (e.open_until IS NULL OR e.open_until <= $4) AS opens
               FROM unnest($1::uuid[], $2::boolean[], $3::int[]) AS c(id, succeeded, failures)
               JOIN endpoints e ON e.id = c.id
               WHERE NOT c.succeeded OR e.consecutive_failures > 0 OR e.last_success_at IS NULL
                     OR e.last_success_at < $4::timestamptz - interval '1 second'
               ORDER BY e.id FOR NO KEY UPDATE OF e
           )
           UPDATE endpoints e SET
               consecutive_failures = CASE WHEN c.succeeded THEN 0 ELSE e.consecutive_failures + c.failures END,
               failing_since = CASE WHEN c.succeeded THEN NULL ELSE coalesce(e.failing_since, $4) END,
               last_success_at = CASE WHEN c.succeeded THEN $4 ELSE e.last_success_at END,
               last_failure_at = CASE WHEN c.failures > 0 THEN $4 ELSE e.last_failure_at END,
               trips = CASE WHEN c.succeeded THEN 0 WHEN c.opens THEN e.trips + 1 ELSE e.trips END,
               open_until = CASE WHEN c.succeeded THEN NULL
                                 WHEN c.opens THEN $4 + least($6 * 2 ^ least(e.trips, 30), $7) * interval '1 second'
                                 ELSE e.open_until END
           FROM change c WHERE e.id = c.id
           RETURNING e.id AS "id: EndpointId", e.tenant_id AS tenant, e.failing_since,
                     c.failures_before"#,
        &changes.iter().map(|change| change.id).collect::<Vec<_>>(),
        &changes.iter().map(|change| change.succeeded).collect::<Vec<_>>(),
        &changes.iter().map(|change| change.failures).collect::<Vec<_>>(),
        now,
        breaker.opens_from,
        breaker.first.as_secs_f64(),
        breaker.longest.as_secs_f64(),
    )
    .fetch_all(db)
    .await
}
