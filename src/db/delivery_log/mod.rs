//! Deliveries as a log: what went where, how each try went.

mod find;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Page;
use crate::domain::{
    delivery::DeliveryStatus,
    endpoint::EndpointChannel,
    ids::{DeliveryId, EndpointId, EventId},
};

/// A line of the log.
#[derive(Debug)]
pub struct LogRow {
    /// The delivery.
    pub id: DeliveryId,
    /// The event.
    pub event_id: EventId,
    /// Its type.
    pub event_type: String,
    /// Its intent.
    pub intent: Option<String>,
    /// Its subject.
    pub subject: Option<String>,
    /// Where it goes.
    pub endpoint_id: EndpointId,
    /// By which channel.
    pub endpoint_kind: EndpointChannel,
    /// How it stands.
    pub status: DeliveryStatus,
    /// How many tries there were.
    pub attempt_count: i32,
    /// What was last answered.
    pub last_status_code: Option<i32>,
    /// What last went wrong.
    pub last_error: Option<String>,
    /// How long the last try took.
    pub duration_ms: Option<i64>,
    /// When it was decided.
    pub created_at: DateTime<Utc>,
    /// When it arrived.
    pub sent_at: Option<DateTime<Utc>>,
    /// When it is tried next, while it is not settled; nothing for one that waits for the one before it.
    pub next_attempt_at: Option<DateTime<Utc>>,
}

/// What of the log is wanted; nothing set means all of it.
#[derive(Debug, Default)]
pub struct LogFilter {
    /// One delivery.
    pub id: Option<DeliveryId>,
    /// Of this status.
    pub status: Option<DeliveryStatus>,
    /// Of events of this type, or of this family (`call.*`).
    pub event_type: Option<String>,
    /// To this endpoint.
    pub endpoint_id: Option<EndpointId>,
    /// Decided at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Decided before this time.
    pub until: Option<DateTime<Utc>>,
}

/// Lists the log, newest first.
pub async fn list_log(
    db: &mut PgConnection,
    tenant: &str,
    filter: &LogFilter,
    page: Page,
) -> sqlx::Result<Vec<LogRow>> {
    let ids = find::find_ids(&mut *db, tenant, filter, page).await?;
    list_by_ids(db, tenant, &ids).await
}

/// Lists the deliveries of a call, newest first: all that was ever told of it and its runs.
pub async fn call_deliveries(
    db: &mut PgConnection,
    tenant: &str,
    call_id: &str,
    limit: i64,
) -> sqlx::Result<Vec<LogRow>> {
    let ids = sqlx::query_scalar!(
        "SELECT d.id FROM events e JOIN deliveries d ON d.event_id = e.id
         WHERE e.tenant_id = $1 AND e.subject = $2 AND e.run_id IS NOT NULL ORDER BY d.id DESC LIMIT $3",
        tenant,
        call_id,
        limit,
    );
    let ids = ids.fetch_all(&mut *db).await?;
    list_by_ids(db, tenant, &ids).await
}

async fn list_by_ids(db: &mut PgConnection, tenant: &str, ids: &[Uuid]) -> sqlx::Result<Vec<LogRow>> {
    sqlx::query_as!(
        LogRow,
        r#"SELECT d.id AS "id: DeliveryId", d.event_id AS "event_id: EventId", d.event_type, d.intent, d.subject,
                  d.endpoint_id AS "endpoint_id: EndpointId", e.kind AS "endpoint_kind: EndpointChannel",
                  d.status AS "status: DeliveryStatus", d.attempt AS attempt_count, d.last_status_code, d.last_error,
                  d.duration_ms, d.created_at, d.sent_at,
                  CASE WHEN d.status IN ('pending', 'retrying') AND isfinite(d.ready_at)
                       THEN greatest(d.ready_at, e.open_until) END AS next_attempt_at
           FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
           WHERE d.tenant_id = $1 AND d.id = ANY($2) ORDER BY d.id DESC"#,
        tenant,
        ids,
    )
    .fetch_all(db)
    .await
}

/// How many failed deliveries are counted: who has more knows what to do.
pub const COUNTED: i64 = 1000;

/// Counts what failed of a tenant's endpoints and was decided since a time, among the newest [`COUNTED`]; endpoints without
/// any are left out.
pub async fn count_failed(
    db: impl PgExecutor<'_>,
    tenant: &str,
    since: DateTime<Utc>,
) -> sqlx::Result<Vec<(EndpointId, i64)>> {
    let counts = sqlx::query!(
        r#"SELECT endpoint_id AS "id: EndpointId", count(*) AS "count!"
           FROM (SELECT endpoint_id FROM deliveries
                 WHERE tenant_id = $1 AND status = 'failed' AND id >= $2 AND created_at >= $3
                 ORDER BY id DESC LIMIT $4) newest
           GROUP BY endpoint_id"#,
        tenant,
        find::first_id_since(since),
        since,
        COUNTED,
    );
    Ok(counts.fetch_all(db).await?.into_iter().map(|row| (row.id, row.count)).collect())
}

/// A recorded attempt.
#[derive(Debug)]
pub struct AttemptRow {
    /// 1 is the first.
    pub number: i32,
    /// When it began.
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

/// Lists the attempts of a delivery.
pub async fn list_attempts(db: impl PgExecutor<'_>, tenant: &str, id: DeliveryId) -> sqlx::Result<Vec<AttemptRow>> {
    sqlx::query_as!(
        AttemptRow,
        "SELECT number, started_at, duration_ms, status_code, error, response_excerpt
         FROM delivery_attempts WHERE tenant_id = $1 AND delivery_id = $2 ORDER BY number",
        tenant,
        id.uuid(),
    )
    .fetch_all(db)
    .await
}
