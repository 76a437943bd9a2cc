//! Fails what must not or cannot go out any more, and counts it.

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, PgPool};

use crate::domain::ids::EndpointId;

/// How many deliveries are failed at once.
const FAILED_AT_ONCE: i64 = 1000;

/// Fails what waits for endpoints that take nothing any more, all or one; it can be sent again by hand. Deliveries under
/// way are left to their workers. Works in small batches of its own, since a dead endpoint may have left a long queue: not
/// within a transaction that others wait for.
pub async fn fail_waiting(
    pool: &PgPool,
    endpoint_id: Option<EndpointId>,
    error: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let mut total = 0;
    loop {
        let failed = fail_some_waiting(pool, endpoint_id, error, now).await?;
        total += failed;
        if failed == 0 {
            return Ok(total);
        }
    }
}

/// Fails one batch of them.
pub async fn fail_some_waiting(
    db: impl PgExecutor<'_>,
    endpoint_id: Option<EndpointId>,
    error: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let failed = sqlx::query_scalar!(
        r#"WITH failed AS (
               UPDATE deliveries d SET status = 'failed', last_error = $2, claim_id = NULL, ready_at = $3
               FROM (SELECT w.id FROM endpoints e CROSS JOIN LATERAL (
                         SELECT id FROM deliveries w
                         WHERE w.endpoint_id = e.id AND w.status IN ('pending', 'retrying')
                           AND (w.claim_id IS NULL OR w.ready_at <= $3)
                         LIMIT $4 FOR UPDATE SKIP LOCKED) w
                     WHERE NOT e.enabled AND ($1::uuid IS NULL OR e.id = $1) LIMIT $4) waiting
               WHERE d.id = waiting.id RETURNING d.tenant_id, d.endpoint_id
           ), tallied AS (
               INSERT INTO tallies (tenant_id, hour, what, channel, n)
               SELECT f.tenant_id, date_trunc('hour', $3, 'UTC'), 'delivery.failed', e.kind, count(*)
               FROM failed f JOIN endpoints e ON e.id = f.endpoint_id GROUP BY 1, e.kind
           )
           SELECT count(*) AS "count!" FROM failed"#,
        endpoint_id.map(EndpointId::uuid),
        error,
        now,
        FAILED_AT_ONCE,
    );
    Ok(u64::try_from(failed.fetch_one(db).await?).unwrap_or(0))
}

/// Fails what waits of calls that have turned private: nothing more of them goes out.
pub async fn fail_private(
    db: impl PgExecutor<'_>,
    calls: &[(String, String)],
    error: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let failed = sqlx::query_scalar!(
        r#"WITH failed AS (
               UPDATE deliveries d SET status = 'failed', last_error = $3, claim_id = NULL, ready_at = $4
               FROM unnest($1::text[], $2::text[]) AS private(tenant_id, call_id)
               JOIN events e
                 ON e.tenant_id = private.tenant_id AND e.subject = private.call_id AND e.run_id IS NOT NULL
               WHERE d.event_id = e.id AND d.status IN ('pending', 'retrying') RETURNING d.tenant_id, d.endpoint_id
           ), tallied AS (
               INSERT INTO tallies (tenant_id, hour, what, channel, n)
               SELECT f.tenant_id, date_trunc('hour', $4, 'UTC'), 'delivery.failed', e.kind, count(*)
               FROM failed f JOIN endpoints e ON e.id = f.endpoint_id GROUP BY 1, e.kind
           )
           SELECT count(*) AS "count!" FROM failed"#,
        &calls.iter().map(|(tenant, _)| tenant.clone()).collect::<Vec<_>>(),
        &calls.iter().map(|(_, call_id)| call_id.clone()).collect::<Vec<_>>(),
        error,
        now,
    );
    Ok(u64::try_from(failed.fetch_one(db).await?).unwrap_or(0))
}
