//! Sends again by hand: one delivery, or what failed of an endpoint since a time, a batch a call.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::ordered::{OrderKey, call_next};
use crate::domain::{
    event::event_type,
    ids::{DeliveryId, EndpointId},
    run::skip_reason,
};

/// What is to be sent again. Nothing of a call that is private or erased is, nor is a test.
#[derive(Debug, Clone)]
pub struct Resend {
    /// Whose it is.
    pub tenant: String,
    /// Behind this one.
    pub after: Uuid,
    /// Up to this one.
    pub until: Uuid,
    /// Of one endpoint.
    pub endpoint_id: Option<EndpointId>,
    /// Decided then or later.
    pub since: Option<DateTime<Utc>>,
    /// What succeeded too.
    pub include_sent: bool,
}

impl Resend {
    /// One delivery.
    #[must_use]
    pub fn one(tenant: &str, id: DeliveryId, include_sent: bool) -> Self {
        let after = Uuid::from_u128(id.uuid().as_u128().saturating_sub(1));
        Self { tenant: tenant.to_owned(), after, until: id.uuid(), endpoint_id: None, since: None, include_sent }
    }

    /// All of an endpoint since a time.
    #[must_use]
    pub fn since(tenant: &str, endpoint_id: EndpointId, since: DateTime<Utc>, include_sent: bool) -> Self {
        Self {
            tenant: tenant.to_owned(),
            after: Uuid::nil(),
            until: Uuid::max(),
            endpoint_id: Some(endpoint_id),
            since: Some(since),
            include_sent,
        }
    }
}

/// Counts what [`resend_some`] would send to the endpoint in all.
pub async fn count_resendable(db: impl PgExecutor<'_>, wanted: &Resend) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM deliveries d
           -- Plainly equal, so that the plan for any endpoint reads its own index.
           WHERE d.tenant_id = $1 AND d.id > $2 AND d.id <= $3 AND d.endpoint_id = $4
             AND ($5::timestamptz IS NULL OR d.created_at >= $5)
             AND (d.status = 'failed' OR $6 AND d.status = 'sent')
             AND d.last_error IS DISTINCT FROM $7 AND d.last_error IS DISTINCT FROM $8 AND d.event_type <> $9
             AND NOT EXISTS (SELECT 1 FROM events v JOIN calls c ON c.tenant_id = v.tenant_id AND c.call_id = v.subject
                             WHERE v.id = d.event_id AND v.run_id IS NOT NULL AND c.is_private)"#,
        wanted.tenant,
        wanted.after,
        wanted.until,
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

/// What a batch came to.
#[derive(Debug, Clone, Copy)]
pub struct Resent {
    /// How many are sent again.
    pub count: u64,
    /// The last one looked at, to go on behind; nothing when there are no more.
    pub last: Option<Uuid>,
}

/// Puts up to `limit` deliveries to endpoints that take anything back with a fresh budget, the oldest first, and lets the
/// endpoints be tried at once should their breaker be open.
pub async fn resend_some(
    db: &mut PgConnection,
    wanted: &Resend,
    limit: i64,
    now: DateTime<Utc>,
) -> sqlx::Result<Resent> {
    let rows = sqlx::query!(
        r#"WITH candidate AS (
               -- Each status by itself, so that the failed ones are found by their own small index.
               SELECT id FROM (
                   (SELECT id FROM deliveries
                    WHERE tenant_id = $1 AND id > $2 AND id <= $3 AND ($4::uuid IS NULL OR endpoint_id = $4)
                      AND ($5::timestamptz IS NULL OR created_at >= $5) AND status = 'failed'
                    ORDER BY id LIMIT $10)
                   UNION ALL
                   (SELECT id FROM deliveries
                    WHERE tenant_id = $1 AND id > $2 AND id <= $3 AND ($4::uuid IS NULL OR endpoint_id = $4)
                      AND ($5::timestamptz IS NULL OR created_at >= $5) AND status = 'sent' AND $6
                    ORDER BY id LIMIT $10)) both_statuses
               ORDER BY id LIMIT $10
           ), resent AS (
               UPDATE deliveries d SET status = 'pending', free_attempts = attempt, claim_id = NULL,
                   ready_at = CASE WHEN d.order_key IS NULL THEN $11::timestamptz ELSE 'infinity' END
               FROM candidate c, endpoints e
               WHERE d.id = c.id AND d.status IN ('failed', 'sent')
                 AND d.last_error IS DISTINCT FROM $7 AND d.last_error IS DISTINCT FROM $8 AND d.event_type <> $9
                 AND NOT EXISTS (SELECT 1 FROM events v
                                 JOIN calls c ON c.tenant_id = v.tenant_id AND c.call_id = v.subject
                                 WHERE v.id = d.event_id AND v.run_id IS NOT NULL AND c.is_private)
                 AND e.id = d.endpoint_id AND e.enabled AND e.deleted_at IS NULL
               RETURNING d.id, d.endpoint_id, d.order_key
           )
           SELECT c.id AS "id!", r.endpoint_id AS "endpoint_id?: EndpointId", r.order_key
           FROM candidate c LEFT JOIN resent r ON r.id = c.id ORDER BY c.id"#,
        wanted.tenant,
        wanted.after,
        wanted.until,
        wanted.endpoint_id.map(EndpointId::uuid),
        wanted.since,
        wanted.include_sent,
        skip_reason::PRIVATE,
        skip_reason::ERASED,
        event_type::TEST_PING,
        limit,
        now,
    );
    let rows = rows.fetch_all(&mut *db).await?;
    let last = rows.last().map(|row| row.id);
    let mut endpoints: Vec<_> = rows.iter().filter_map(|row| row.endpoint_id).map(EndpointId::uuid).collect();
    let count = endpoints.len() as u64;
    endpoints.sort_unstable();
    endpoints.dedup();
    let keys = rows.into_iter().filter_map(|row| Some(OrderKey { endpoint_id: row.endpoint_id?, key: row.order_key? }));
    call_next(&mut *db, &keys.collect::<Vec<_>>(), now).await?;
    sqlx::query!("UPDATE endpoints SET open_until = $2 WHERE id = ANY($1) AND open_until > $2", &endpoints, now)
        .execute(db)
        .await?;
    Ok(Resent { count, last })
}
