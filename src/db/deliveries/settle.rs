//! Records attempts.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::domain::{delivery::DeliveryStatus, event::event_type, ids::DeliveryId};

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The delivery.
    pub id: DeliveryId,
    /// The claim under which it was sent.
    pub claim_id: Uuid,
    /// How the delivery stands now.
    pub status: DeliveryStatus,
    /// When it is due again, for one that is.
    pub ready_at: DateTime<Utc>,
    /// Whether the attempt cost no retry.
    pub free: bool,
    /// When the attempt began.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub duration_ms: i64,
    /// The status answered.
    pub status_code: Option<i32>,
    /// What went wrong.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub response_excerpt: Option<String>,
}

/// Records attempts and what follows from them, many in one round trip, and tells which were still ours to settle.
/// The others' leases ran out: somebody else sends those and settles them. What was ours is counted, and so is the time that
/// a summary took to arrive anywhere for the first time.
pub async fn settle(
    db: &mut PgConnection,
    settlements: &[Settlement],
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<DeliveryId>> {
    let text = |field: fn(&Settlement) -> Option<String>| settlements.iter().map(field).collect::<Vec<_>>();
    sqlx::query_scalar!(
        r#"WITH settled AS (
               UPDATE deliveries d SET
                   status = s.status, claim_id = NULL, ready_at = s.ready_at,
                   free_attempts = d.free_attempts + s.free::int,
                   last_status_code = s.status_code, last_error = s.error, duration_ms = s.duration_ms,
                   sent_at = CASE WHEN s.status = 'sent' THEN $11::timestamptz ELSE d.sent_at END
               FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::boolean[], $6::timestamptz[],
                           $7::bigint[], $8::int[], $9::text[], $10::text[])
                    AS s(id, claim_id, status, ready_at, free, started_at, duration_ms, status_code, error, excerpt)
               WHERE d.id = s.id AND d.claim_id = s.claim_id
               RETURNING d.id, d.tenant_id, d.attempt, s.started_at, s.duration_ms, s.status_code, s.error, s.excerpt,
                         d.status, d.endpoint_id, d.event_id, d.event_type
           ), tallied AS (
               INSERT INTO tallies (tenant_id, hour, what, channel, n)
               SELECT s.tenant_id, date_trunc('hour', $11, 'UTC'), 'delivery.' || s.status, e.kind, count(*)
               FROM settled s JOIN endpoints e ON e.id = s.endpoint_id GROUP BY 1, s.status, e.kind
           ), arrived AS (
               -- In order: replicas that settle deliveries of the same events wait for each other instead of deadlocking.
               INSERT INTO summary_arrivals (event_id, arrived_at)
               SELECT DISTINCT event_id, $11 FROM settled WHERE status = 'sent' AND event_type = $12 ORDER BY event_id
               ON CONFLICT DO NOTHING RETURNING event_id
           ), timed AS (
               INSERT INTO tallies (tenant_id, hour, what, bucket, n)
               SELECT e.tenant_id, date_trunc('hour', $11, 'UTC'), 'latency', latency_bucket($11 - e.origin_at), count(*)
               FROM arrived JOIN events e ON e.id = arrived.event_id GROUP BY 1, 4
           )
           INSERT INTO delivery_attempts (delivery_id, tenant_id, number, started_at, duration_ms, status_code, error,
                                          response_excerpt)
           SELECT id, tenant_id, attempt, started_at, duration_ms, status_code, error, excerpt FROM settled
           RETURNING delivery_id AS "id: DeliveryId""#,
        &settlements.iter().map(|settlement| settlement.id.uuid()).collect::<Vec<_>>(),
        &settlements.iter().map(|settlement| settlement.claim_id).collect::<Vec<_>>(),
        &settlements.iter().map(|settlement| settlement.status.as_str().to_owned()).collect::<Vec<_>>(),
        &settlements.iter().map(|settlement| settlement.ready_at).collect::<Vec<_>>(),
        &settlements.iter().map(|settlement| settlement.free).collect::<Vec<_>>(),
        &settlements.iter().map(|settlement| settlement.started_at).collect::<Vec<_>>(),
        &settlements.iter().map(|settlement| settlement.duration_ms).collect::<Vec<_>>(),
        &settlements.iter().map(|settlement| settlement.status_code).collect::<Vec<_>>() as &[Option<i32>],
        &text(|settlement| settlement.error.clone()) as &[Option<String>],
        &text(|settlement| settlement.response_excerpt.clone()) as &[Option<String>],
        now,
        event_type::CALL_SUMMARISED,
    )
    .fetch_all(db)
    .await
}

/// Records the attempts of workers that ended before they could: the receiver may have got those.
pub async fn insert_lost_attempts(
    db: impl PgExecutor<'_>,
    lost: &[(DeliveryId, i32)],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO delivery_attempts (delivery_id, tenant_id, number, started_at, duration_ms, error)
         SELECT d.id, d.tenant_id, lost.number, $3, 0, 'the worker ended before the answer was recorded'
         FROM unnest($1::uuid[], $2::int[]) AS lost(id, number) JOIN deliveries d ON d.id = lost.id
         ON CONFLICT DO NOTHING",
        &lost.iter().map(|(id, _)| id.uuid()).collect::<Vec<_>>(),
        &lost.iter().map(|(_, number)| *number).collect::<Vec<_>>(),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
