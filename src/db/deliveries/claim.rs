//! Leases deliveries to workers.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::{
    endpoint::EndpointChannel,
    ids::{DeliveryId, EndpointId, EventId},
};

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
    /// Where in it the event was raised.
    pub trace_parent: Option<String>,
    /// What it keeps its order by.
    pub order_key: Option<String>,
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
/// long backlog holds up the rest. An endpoint whose breaker is open gives nothing, one with a limit (or of a tenant with
/// one) no more than what the last minute left of it; what is not claimed costs no retry. The rows of the limits are
/// locked, and one that another replica holds gives nothing this time. Cost follows the number of endpoints and of
/// deliveries that are due, not the length of history.
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
        r#"WITH pace AS (
               -- The limits that matter now: locked, and moved on to this second. Replicas agree on the time but for
               -- moments; what a clock far ahead has left behind is not moved. Scalar queries, so that each is a look-up.
               SELECT p.id, p.tenant_id, p.endpoint_id, second,
                      p.per_minute - (SELECT sum(count) FROM unnest(shifted.counts) AS count) AS allowed, shifted.counts
               FROM delivery_paces p
               CROSS JOIN LATERAL (SELECT floor(extract(epoch FROM $2::timestamptz))::bigint AS now_second) n
               CROSS JOIN LATERAL (SELECT CASE WHEN p.newest BETWEEN now_second AND now_second + 5 THEN p.newest
                                               ELSE now_second END AS second) s
               CROSS JOIN LATERAL (SELECT least(greatest(second - p.newest, 0), 61)::int AS passed) a
               CROSS JOIN LATERAL (SELECT (p.counts || array_fill(0, ARRAY[passed]))[passed + 1:passed + 61] AS counts) shifted
               WHERE (SELECT true FROM deliveries d
                      WHERE d.endpoint_id = p.endpoint_id AND d.status IN ('pending', 'retrying') AND d.ready_at <= $2
                      LIMIT 1)
                  OR p.endpoint_id IS NULL AND (
                      SELECT true FROM endpoints e CROSS JOIN LATERAL (
                          SELECT true FROM deliveries d
                          WHERE d.endpoint_id = e.id AND d.status IN ('pending', 'retrying') AND d.ready_at <= $2
                          LIMIT 1) d
                      WHERE e.tenant_id = p.tenant_id AND e.enabled LIMIT 1)
               FOR UPDATE OF p SKIP LOCKED
           ), allowance AS (
               -- A limit that another replica holds allows nothing this time.
               SELECT p.tenant_id, p.endpoint_id, coalesce(pace.allowed, 0) AS allowed
               FROM delivery_paces p LEFT JOIN pace ON pace.id = p.id
           ), due AS (
               -- What each endpoint could give.
               SELECT d.id, d.claim_id AS lost_claim_id, p.tenant_id, p.failing, d.ready_at, tenant.allowed,
                      p.busy + row_number() OVER (PARTITION BY p.id ORDER BY d.ready_at) AS turn
               FROM (SELECT e.id, e.tenant_id, consecutive_failures >= $7 AS failing, own.allowed AS own_allowed,
                            CASE WHEN consecutive_failures >= $7 THEN $6::bigint ELSE $5::bigint END AS room, busy
                     FROM endpoints e
                     -- Joined, or it would be counted for each delivery. No more of them matter than there is room for, and a
                     -- limit has the index read in order: that marks what is gone, where a bitmap meets it again each time.
                     CROSS JOIN LATERAL (
                         SELECT count(*) AS busy FROM (
                             SELECT FROM deliveries c
                             WHERE c.endpoint_id = e.id AND c.claim_id IS NOT NULL AND c.ready_at > $2
                             LIMIT greatest($5::bigint, $6::bigint)) c) under_way
                     LEFT JOIN allowance own ON own.endpoint_id = e.id
                     WHERE e.enabled AND e.deleted_at IS NULL AND (e.open_until IS NULL OR e.open_until <= $2)) p
               LEFT JOIN allowance tenant ON tenant.tenant_id = p.tenant_id AND tenant.endpoint_id IS NULL
               CROSS JOIN LATERAL (
                   SELECT id, claim_id, ready_at FROM deliveries
                   WHERE endpoint_id = p.id AND status IN ('pending', 'retrying') AND ready_at <= $2
                   ORDER BY ready_at LIMIT greatest(least(p.room - p.busy, p.own_allowed), 0) FOR UPDATE SKIP LOCKED
               ) d
           ), chosen AS (
               -- The endpoint with the least under way is served next, within what its tenant may have.
               SELECT id, lost_claim_id
               FROM (SELECT *, row_number() OVER (PARTITION BY tenant_id ORDER BY failing, turn, ready_at) AS nth_of_tenant
                     FROM due) d
               WHERE allowed IS NULL OR nth_of_tenant <= allowed
               ORDER BY failing, turn, ready_at LIMIT $4
           ), claimed AS (
               UPDATE deliveries d SET attempt = attempt + 1, claim_id = $1, ready_at = $3
               FROM chosen WHERE d.id = chosen.id RETURNING d.*, chosen.lost_claim_id
           ), spent AS (
               UPDATE delivery_paces p
               SET newest = pace.second, counts = pace.counts[1:60] || (pace.counts[61] + taken.count)
               FROM pace CROSS JOIN LATERAL (
                   SELECT count(*)::int AS count FROM claimed c
                   WHERE c.endpoint_id = pace.endpoint_id OR pace.endpoint_id IS NULL AND c.tenant_id = pace.tenant_id
               ) taken
               WHERE p.id = pace.id AND taken.count > 0
           )
           SELECT d.id AS "id: DeliveryId", $1::uuid AS "claim_id!", d.tenant_id AS tenant, d.attempt,
                  d.free_attempts, d.endpoint_id AS "endpoint_id: EndpointId", p.kind AS "kind: EndpointChannel",
                  p.sealed, d.event_id AS "event_id: EventId", d.event_type, d.intent, e.data,
                  e.created_at AS event_created_at, e.origin_at, e.trace_id, e.trace_parent, d.order_key,
                  d.lost_claim_id IS NOT NULL AS "lost_before!"
           FROM claimed d JOIN events e ON e.id = d.event_id JOIN endpoints p ON p.id = d.endpoint_id"#,
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
                     e.created_at AS event_created_at, e.origin_at, e.trace_id, e.trace_parent, d.order_key,
                     false AS "lost_before!""#,
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
