//! Sends again by hand: one delivery, or all that failed of an endpoint since a time.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::ordered::{OrderKey, call_next};
use crate::domain::{
    event::event_type,
    ids::{DeliveryId, EndpointId},
    run::skip_reason,
};

/// What is to be sent again. Nothing of a call that is private or erased is, nor is a test.
#[derive(Debug, Clone, Copy)]
pub struct Resend<'a> {
    /// Whose it is.
    pub tenant: &'a str,
    /// One delivery.
    pub delivery_id: Option<DeliveryId>,
    /// All of an endpoint.
    pub endpoint_id: Option<EndpointId>,
    /// Of those, what was decided then or later.
    pub since: Option<DateTime<Utc>>,
    /// What succeeded too.
    pub include_sent: bool,
}

/// Counts what [`resend`] would send.
pub async fn count_resendable(db: impl PgExecutor<'_>, wanted: Resend<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM deliveries d
           WHERE d.tenant_id = $1 AND ($2::uuid IS NULL OR d.id = $2) AND ($3::uuid IS NULL OR d.endpoint_id = $3)
             AND ($4::timestamptz IS NULL OR d.created_at >= $4)
             AND (d.status = 'failed' OR $5 AND d.status = 'sent')
             AND d.last_error IS DISTINCT FROM $6 AND d.last_error IS DISTINCT FROM $7 AND d.event_type <> $8
             AND NOT EXISTS (SELECT 1 FROM events v JOIN calls c ON c.tenant_id = v.tenant_id AND c.call_id = v.subject
                             WHERE v.id = d.event_id AND v.run_id IS NOT NULL AND c.is_private)"#,
        wanted.tenant,
        wanted.delivery_id.map(DeliveryId::uuid),
        wanted.endpoint_id.map(EndpointId::uuid),
        wanted.since,
        wanted.include_sent,
        skip_reason::PRIVATE,
        skip_reason::ERASED,
        event_type::TEST_PING,
    )
    .fetch_one(db)
    .await
}

/// Puts deliveries to endpoints that take anything back with a fresh budget, and lets the endpoints be tried at once
/// should their breaker be open. Tells how many that were.
pub async fn resend(db: &mut PgConnection, wanted: Resend<'_>, now: DateTime<Utc>) -> sqlx::Result<u64> {
    let rows = sqlx::query!(
        r#"UPDATE deliveries d SET status = 'pending', free_attempts = attempt, claim_id = NULL,
               ready_at = CASE WHEN d.order_key IS NULL THEN $9::timestamptz ELSE 'infinity' END
           FROM endpoints e
           WHERE d.tenant_id = $1 AND ($2::uuid IS NULL OR d.id = $2) AND ($3::uuid IS NULL OR d.endpoint_id = $3)
             AND ($4::timestamptz IS NULL OR d.created_at >= $4)
             AND (d.status = 'failed' OR $5 AND d.status = 'sent')
             AND d.last_error IS DISTINCT FROM $6 AND d.last_error IS DISTINCT FROM $7 AND d.event_type <> $8
             AND NOT EXISTS (SELECT 1 FROM events v JOIN calls c ON c.tenant_id = v.tenant_id AND c.call_id = v.subject
                             WHERE v.id = d.event_id AND v.run_id IS NOT NULL AND c.is_private)
             AND e.id = d.endpoint_id AND e.enabled AND e.deleted_at IS NULL
           RETURNING d.endpoint_id AS "endpoint_id: EndpointId", d.order_key"#,
        wanted.tenant,
        wanted.delivery_id.map(DeliveryId::uuid),
        wanted.endpoint_id.map(EndpointId::uuid),
        wanted.since,
        wanted.include_sent,
        skip_reason::PRIVATE,
        skip_reason::ERASED,
        event_type::TEST_PING,
        now,
    );
    let rows = rows.fetch_all(&mut *db).await?;
    let mut endpoints: Vec<_> = rows.iter().map(|row| row.endpoint_id.uuid()).collect();
    endpoints.sort_unstable();
    endpoints.dedup();
    let resent = rows.len() as u64;
    let key = |endpoint_id| move |key| OrderKey { endpoint_id, key };
    let keys: Vec<OrderKey> = rows.into_iter().filter_map(|row| row.order_key.map(key(row.endpoint_id))).collect();
    call_next(&mut *db, &keys, now).await?;
    sqlx::query!("UPDATE endpoints SET open_until = $2 WHERE id = ANY($1) AND open_until > $2", &endpoints, now)
        .execute(db)
        .await?;
    Ok(resent)
}
