//! Deliveries as a queue: decide, claim, settle, send again. Reading them as a log is `delivery_log`'s.

mod claim;
mod ordered;
mod resend;
mod settle;
mod stored;

pub use self::{
    claim::{ClaimedDelivery, EndpointRoom, claim_delivery, claim_due_deliveries, extend_leases, release_claims},
    ordered::{OrderKey, call_next, call_stranded},
    resend::{Resend, Resent, count_resendable, resend_some},
    settle::{Settlement, insert_lost_attempts, settle},
    stored::{StoredDelivery, find_stored},
};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};

use crate::domain::{
    delivery::DeliveryStatus,
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
    /// Whether it keeps its order among those of its subject.
    pub ordered: bool,
}

impl NewDelivery<'_> {
    /// What it is ordered by: nothing, for an endpoint that did not ask or an event that is about nothing.
    fn order_key(&self) -> Option<&str> {
        self.subject.filter(|_| self.wanted && self.ordered)
    }

    fn ordered_by(&self) -> Option<OrderKey> {
        self.order_key().map(|key| OrderKey { endpoint_id: self.endpoint_id, key: key.to_owned() })
    }
}

/// Records decisions, many in one round trip, and counts what was filtered. One that stands already is left as it is. One that keeps its order waits
/// at infinity while another of its key is on its way.
pub async fn insert_deliveries(
    db: &mut PgConnection,
    deliveries: &[NewDelivery<'_>],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let status = |wanted| if wanted { DeliveryStatus::Pending } else { DeliveryStatus::Filtered };
    let keys: Vec<OrderKey> = deliveries.iter().filter_map(NewDelivery::ordered_by).collect();
    ordered::lock_keys(&mut *db, &keys).await?;
    sqlx::query!(
        "WITH decided AS (
         INSERT INTO deliveries (id, tenant_id, event_id, endpoint_id, event_type, intent, subject, status, order_key,
                                 position, ready_at, created_at)
         SELECT id, tenant_id, event_id, endpoint_id, event_type, intent, subject, status, order_key,
                CASE WHEN order_key IS NOT NULL THEN nextval('delivery_positions') END,
                CASE WHEN order_key IS NOT NULL AND (nth > 1 OR EXISTS (
                         SELECT 1 FROM deliveries d
                         WHERE d.endpoint_id = new.endpoint_id AND d.order_key = new.order_key
                           AND d.status IN ('pending', 'retrying')))
                     THEN 'infinity' ELSE $10::timestamptz END,
                $10
         FROM (SELECT *, row_number() OVER (PARTITION BY endpoint_id, order_key ORDER BY place) AS nth
               FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[],
                           $8::text[], $9::text[]) WITH ORDINALITY
                    AS t(id, tenant_id, event_id, endpoint_id, event_type, intent, subject, status, order_key, place)) new
         ORDER BY place
         ON CONFLICT ON CONSTRAINT deliveries_once DO NOTHING
         RETURNING tenant_id, endpoint_id, status
         )
         INSERT INTO tallies (tenant_id, hour, what, channel, n)
         SELECT d.tenant_id, date_trunc('hour', $10, 'UTC'), 'delivery.filtered', e.kind, count(*)
         FROM decided d JOIN endpoints e ON e.id = d.endpoint_id WHERE d.status = 'filtered' GROUP BY 1, e.kind",
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
        &deliveries.iter().map(|delivery| delivery.order_key().map(str::to_owned)).collect::<Vec<_>>()
            as &[Option<String>],
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

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
         JOIN events e ON e.tenant_id = private.tenant_id AND e.subject = private.call_id AND e.run_id IS NOT NULL
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
