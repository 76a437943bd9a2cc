//! Deliveries as a log: what went where, how each try went.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

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
    db: impl PgExecutor<'_>,
    tenant: &str,
    filter: &LogFilter,
    page: Page,
) -> sqlx::Result<Vec<LogRow>> {
    sqlx::query_as!(
        LogRow,
        r#"SELECT d.id AS "id: DeliveryId", d.event_id AS "event_id: EventId", d.event_type, d.intent, d.subject,
                  d.endpoint_id AS "endpoint_id: EndpointId", e.kind AS "endpoint_kind: EndpointChannel",
                  d.status AS "status: DeliveryStatus", d.attempt AS attempt_count, d.last_status_code, d.last_error,
                  d.duration_ms, d.created_at, d.sent_at,
                  CASE WHEN d.status IN ('pending', 'retrying') AND isfinite(d.ready_at)
                       THEN greatest(d.ready_at, e.open_until) END AS next_attempt_at
           FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
           WHERE d.tenant_id = $1 AND ($2::uuid IS NULL OR d.id = $2) AND ($3::text IS NULL OR d.status = $3)
             AND ($4::text IS NULL OR d.event_type = $4
                                      OR right($4, 2) = '.*' AND starts_with(d.event_type, left($4, -1)))
             AND ($5::uuid IS NULL OR d.endpoint_id = $5)
             AND ($6::timestamptz IS NULL OR d.created_at >= $6) AND ($7::timestamptz IS NULL OR d.created_at < $7)
             AND ($8::uuid IS NULL OR d.id < $8)
           ORDER BY d.id DESC LIMIT $9"#,
        tenant,
        filter.id.map(DeliveryId::uuid),
        filter.status.map(DeliveryStatus::as_str),
        filter.event_type,
        filter.endpoint_id.map(EndpointId::uuid),
        filter.since,
        filter.until,
        page.before,
        page.limit,
    )
    .fetch_all(db)
    .await
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
