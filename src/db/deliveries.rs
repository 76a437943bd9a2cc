//! Deliveries as a queue: decide, claim, settle. Reading them as a log is `delivery_log`'s.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::domain::{
    delivery::DeliveryStatus,
    endpoint::EndpointChannel,
    ids::{DeliveryId, EndpointId, EventId},
};

/// A decision about one event and one endpoint.
#[derive(Debug)]
pub struct NewDelivery<'a> {
    /// Its id.
    pub id: DeliveryId,
    /// Whose it is.
    pub tenant: &'a str,
    /// The event.
    pub event_id: EventId,
    /// Where it goes.
    pub endpoint_id: EndpointId,
    /// The event's type.
    pub event_type: &'a str,
    /// The event's intent.
    pub intent: Option<&'a str>,
    /// The event's subject.
    pub subject: Option<&'a str>,
    /// Whether the endpoint asked for it.
    pub wanted: bool,
}

/// Records decisions, many in one round trip. One that stands already is left as it is.
pub async fn insert_deliveries(
    db: &mut PgConnection,
    deliveries: &[NewDelivery<'_>],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let status = |wanted| if wanted { DeliveryStatus::Pending } else { DeliveryStatus::Filtered };
    sqlx::query!(
        "INSERT INTO deliveries (id, tenant_id, event_id, endpoint_id, event_type, intent, subject, status, ready_at,
                                 created_at)
         SELECT *, $9, $9 FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
                                      $7::text[], $8::text[])
         ON CONFLICT ON CONSTRAINT deliveries_once DO NOTHING",
        &deliveries.iter().map(|delivery| delivery.id.uuid()).collect::<Vec<_>>(),
        &deliveries.iter().map(|delivery| delivery.tenant.to_owned()).collect::<Vec<_>>(),
        &deliveries.iter().map(|delivery| delivery.event_id.uuid()).collect::<Vec<_>>(),
        &deliveries.iter().map(|delivery| delivery.endpoint_id.uuid()).collect::<Vec<_>>(),
        &deliveries.iter().map(|delivery| delivery.event_type.to_owned()).collect::<Vec<_>>(),
        &deliveries.iter().map(|delivery| delivery.intent.map(str::to_owned)).collect::<Vec<_>>()
            as &[Option<String>],
        &deliveries.iter().map(|delivery| delivery.subject.map(str::to_owned)).collect::<Vec<_>>()
            as &[Option<String>],
        &deliveries.iter().map(|delivery| status(delivery.wanted).as_str().to_owned()).collect::<Vec<_>>(),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A delivery that is ours until its lease ends, with all that sending it needs.
#[derive(Debug, Clone)]
pub struct ClaimedDelivery {
    /// The delivery.
    pub id: DeliveryId,
    /// What settling presents.
    pub claim_id: Uuid,
    /// Whose it is.
    pub tenant: String,
    /// How often it was claimed, this time included.
    pub attempt: i32,
    /// How many of those cost no retry.
    pub free_attempts: i32,
    /// Where it goes.
    pub endpoint_id: EndpointId,
    /// By which channel.
    pub kind: EndpointChannel,
    /// Target, secret and headers.
    pub sealed: Vec<u8>,
    /// The event.
    pub event_id: EventId,
    /// Its type.
    pub event_type: String,
    /// Its intent.
    pub intent: Option<String>,
    /// What goes out.
    pub data: serde_json::Value,
    /// When it happened.
    pub event_created_at: DateTime<Utc>,
    /// When its cause reached us.
    pub origin_at: DateTime<Utc>,
    /// The trace of the callback.
    pub trace_id: String,
    /// Whether a worker claimed it before and ended without settling.
    pub lost_before: bool,
}

/// How many deliveries may be under way to one endpoint.
#[derive(Debug, Clone, Copy)]
pub struct EndpointRoom {
    /// To one that works.
    pub healthy: i64,
    /// To one whose last tries failed: enough to see whether it is back, too few to hold up the others.
    pub failing: i64,
    /// From how many failures in a row on it counts as failing.
    pub failing_from: i32,
}

/// Leases up to `limit` due deliveries to `claim_id` until `lease_until`.
///
/// The claim is fair: each endpoint gives its oldest, at most as many as it has room for; the one with the least under way
/// is served first, and those of failing endpoints come after all others. So neither a dead endpoint nor a slow one with a
/// long backlog holds up the rest. Cost follows the number
/// of endpoints and of deliveries that are due, not the length of history.
pub async fn claim_due_deliveries(
    db: impl PgExecutor<'_>,
    claim_id: Uuid,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
    limit: i64,
    room: EndpointRoom,
) -> sqlx::Result<Vec<ClaimedDelivery>> {
    sqlx::query_as!(
        ClaimedDelivery,
        r#"WITH due AS (
               SELECT d.id, d.claim_id AS lost_claim_id
               FROM (SELECT id, consecutive_failures >= $7 AS failing,
                            CASE WHEN consecutive_failures >= $7 THEN $6::bigint ELSE $5::bigint END AS room,
                            (SELECT count(*) FROM deliveries c
                             WHERE c.endpoint_id = endpoints.id AND c.claim_id IS NOT NULL AND c.ready_at > $2) AS busy
                     FROM endpoints WHERE enabled AND deleted_at IS NULL) p
               CROSS JOIN LATERAL (
                   SELECT id, claim_id, ready_at FROM deliveries
                   WHERE endpoint_id = p.id AND status IN ('pending', 'retrying') AND ready_at <= $2
                   ORDER BY ready_at LIMIT greatest(p.room - p.busy, 0) FOR UPDATE SKIP LOCKED
               ) d
               -- The endpoint with the least under way is served next.
               ORDER BY p.failing, p.busy + row_number() OVER (PARTITION BY p.id ORDER BY d.ready_at), d.ready_at
               LIMIT $4
           )
           UPDATE deliveries d SET attempt = attempt + 1, claim_id = $1, ready_at = $3
           FROM due, events e, endpoints p
           WHERE d.id = due.id AND e.id = d.event_id AND p.id = d.endpoint_id
           RETURNING d.id AS "id: DeliveryId", $1::uuid AS "claim_id!", d.tenant_id AS tenant, d.attempt,
                     d.free_attempts, d.endpoint_id AS "endpoint_id: EndpointId", p.kind AS "kind: EndpointChannel",
                     p.sealed, d.event_id AS "event_id: EventId", d.event_type, d.intent, e.data,
                     e.created_at AS event_created_at, e.origin_at, e.trace_id,
                     due.lost_claim_id IS NOT NULL AS "lost_before!""#,
        claim_id,
        now,
        lease_until,
        limit,
        room.healthy,
        room.failing,
        room.failing_from,
    )
    .fetch_all(db)
    .await
}

/// Leases one delivery, due or not: an administrator sends it now.
pub async fn claim_delivery(
    db: impl PgExecutor<'_>,
    id: DeliveryId,
    claim_id: Uuid,
    lease_until: DateTime<Utc>,
) -> sqlx::Result<Option<ClaimedDelivery>> {
    sqlx::query_as!(
        ClaimedDelivery,
        r#"UPDATE deliveries d SET attempt = attempt + 1, claim_id = $2, ready_at = $3
           FROM events e, endpoints p
           WHERE d.id = $1 AND e.id = d.event_id AND p.id = d.endpoint_id AND d.claim_id IS NULL
           RETURNING d.id AS "id: DeliveryId", $2::uuid AS "claim_id!", d.tenant_id AS tenant, d.attempt,
                     d.free_attempts, d.endpoint_id AS "endpoint_id: EndpointId", p.kind AS "kind: EndpointChannel",
                     p.sealed, d.event_id AS "event_id: EventId", d.event_type, d.intent, e.data,
                     e.created_at AS event_created_at, e.origin_at, e.trace_id, false AS "lost_before!""#,
        id.uuid(),
        claim_id,
        lease_until,
    )
    .fetch_optional(db)
    .await
}

/// Renews the leases of claims whose work is still under way.
pub async fn extend_leases(
    db: impl PgExecutor<'_>,
    claim_ids: &[Uuid],
    lease_until: DateTime<Utc>,
) -> sqlx::Result<()> {
    // One that is being settled right now needs no renewal, and waiting for it could lock both up.
    sqlx::query!(
        "UPDATE deliveries SET ready_at = $2
         WHERE id IN (SELECT id FROM deliveries WHERE claim_id = ANY($1) FOR UPDATE SKIP LOCKED)",
        claim_ids,
        lease_until,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives claims back at once, without cost: their worker is stopping.
pub async fn release_claims(db: impl PgExecutor<'_>, claim_ids: &[Uuid], now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH released AS (
             UPDATE deliveries SET free_attempts = free_attempts + 1, claim_id = NULL, ready_at = $2
             WHERE claim_id = ANY($1) RETURNING id, tenant_id, attempt
         )
         INSERT INTO delivery_attempts (delivery_id, tenant_id, number, started_at, duration_ms, error)
         SELECT id, tenant_id, attempt, $2, 0, 'the worker was stopped before the answer was recorded' FROM released
         ON CONFLICT DO NOTHING",
        claim_ids,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

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
/// The others' leases ran out: somebody else sends those and settles them.
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
                   sent_at = CASE WHEN s.status = 'sent' THEN $11 ELSE d.sent_at END
               FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::boolean[], $6::timestamptz[],
                           $7::bigint[], $8::int[], $9::text[], $10::text[])
                    AS s(id, claim_id, status, ready_at, free, started_at, duration_ms, status_code, error, excerpt)
               WHERE d.id = s.id AND d.claim_id = s.claim_id
               RETURNING d.id, d.tenant_id, d.attempt, s.started_at, s.duration_ms, s.status_code, s.error, s.excerpt
           )
           INSERT INTO delivery_attempts (delivery_id, tenant_id, number, started_at, duration_ms, status_code, error,
                                          response_excerpt)
           SELECT * FROM settled RETURNING delivery_id AS "id: DeliveryId""#,
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

/// Fails what waits for endpoints that take nothing any more; it can be sent again by hand. Deliveries under way are
/// left to their workers.
pub async fn fail_waiting(
    db: impl PgExecutor<'_>,
    endpoint_id: Option<EndpointId>,
    error: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let failed = sqlx::query!(
        "UPDATE deliveries d SET status = 'failed', last_error = $2, claim_id = NULL, ready_at = $3
         FROM endpoints e
         WHERE e.id = d.endpoint_id AND NOT e.enabled AND ($1::uuid IS NULL OR e.id = $1)
           AND d.status IN ('pending', 'retrying') AND (d.claim_id IS NULL OR d.ready_at <= $3)",
        endpoint_id.map(EndpointId::uuid),
        error,
        now,
    );
    Ok(failed.execute(db).await?.rows_affected())
}

/// Fails what waits of calls that have turned private: nothing more of them goes out.
pub async fn fail_private(
    db: impl PgExecutor<'_>,
    calls: &[(String, String)],
    error: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let failed = sqlx::query!(
        "UPDATE deliveries d SET status = 'failed', last_error = $3, claim_id = NULL, ready_at = $4
         FROM unnest($1::text[], $2::text[]) AS private(tenant_id, call_id)
         JOIN events e ON e.tenant_id = private.tenant_id AND e.subject = private.call_id AND e.run_id IS NOT NULL
         WHERE d.event_id = e.id AND d.status IN ('pending', 'retrying')",
        &calls.iter().map(|(tenant, _)| tenant.clone()).collect::<Vec<_>>(),
        &calls.iter().map(|(_, call_id)| call_id.clone()).collect::<Vec<_>>(),
        error,
        now,
    );
    Ok(failed.execute(db).await?.rows_affected())
}

/// Puts a failed delivery back with a fresh budget; `false` when there is no failed one of this id to an endpoint that
/// takes anything.
pub async fn revive_delivery(
    db: impl PgExecutor<'_>,
    tenant: &str,
    id: DeliveryId,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let revived = sqlx::query!(
        "UPDATE deliveries d SET status = 'pending', free_attempts = attempt, ready_at = $3
         FROM endpoints e
         WHERE d.tenant_id = $1 AND d.id = $2 AND d.status = 'failed' AND e.id = d.endpoint_id AND e.enabled
           AND d.last_error IS DISTINCT FROM 'private'",
        tenant,
        id.uuid(),
        now,
    );
    Ok(revived.execute(db).await?.rows_affected() > 0)
}
