//! Events: every fact that happened, also one that nobody wants.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::domain::{
    event::NewEvent,
    ids::{EventId, RunId},
};

/// Records events, many in one round trip.
pub async fn insert_events(db: &mut PgConnection, events: &[&NewEvent], now: DateTime<Utc>) -> sqlx::Result<()> {
    let text = |field: fn(&NewEvent) -> Option<String>| events.iter().map(|event| field(event)).collect::<Vec<_>>();
    let sources: Vec<_> = events.iter().map(|event| Some(event.callback.as_ref()?.0.uuid())).collect();
    let callbacks: Vec<_> = events.iter().map(|event| Some(event.callback.as_ref()?.1.as_slice())).collect();
    sqlx::query!(
        "INSERT INTO events (id, tenant_id, type, intent, subject, data, source_id, callback, run_id, trace_id,
                             trace_parent, origin_at, external_id, created_at)
         SELECT *, $14 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::uuid[],
                                   $8::bytea[], $9::uuid[], $10::text[], $11::text[], $12::timestamptz[],
                                   $13::text[])",
        &events.iter().map(|event| event.id.uuid()).collect::<Vec<_>>(),
        &events.iter().map(|event| event.tenant.clone()).collect::<Vec<_>>(),
        &events.iter().map(|event| event.event_type.clone()).collect::<Vec<_>>(),
        &text(|event| event.intent.clone()) as &[Option<String>],
        &text(|event| event.subject.clone()) as &[Option<String>],
        &events.iter().map(|event| event.data.clone()).collect::<Vec<_>>(),
        &sources as &[Option<uuid::Uuid>],
        &callbacks as &[Option<&[u8]>],
        &events.iter().map(|event| event.run_id.map(RunId::uuid)).collect::<Vec<_>>() as &[Option<uuid::Uuid>],
        &events.iter().map(|event| event.trace.id.clone()).collect::<Vec<_>>(),
        &text(|event| event.trace.parent.clone()) as &[Option<String>],
        &events.iter().map(|event| event.origin_at).collect::<Vec<_>>(),
        &text(|event| event.external_id.clone()) as &[Option<String>],
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What a delivery of an event says.
#[derive(Debug)]
pub struct EventRow {
    /// The event.
    pub id: EventId,
    /// Its type.
    pub event_type: String,
    /// Its intent.
    pub intent: Option<String>,
    /// What goes out.
    pub data: serde_json::Value,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

/// Finds an event.
pub async fn find_event(db: impl PgExecutor<'_>, tenant: &str, id: EventId) -> sqlx::Result<Option<EventRow>> {
    sqlx::query_as!(
        EventRow,
        r#"SELECT id AS "id: EventId", type AS event_type, intent, data, created_at
           FROM events WHERE tenant_id = $1 AND id = $2"#,
        tenant,
        id.uuid(),
    )
    .fetch_optional(db)
    .await
}

/// An event that another program raised.
#[derive(Debug)]
pub struct RaisedEvent {
    /// Whose it is.
    pub tenant: String,
    /// The other program's id of it.
    pub external_id: String,
    /// The event.
    pub id: EventId,
    /// How many endpoints it went to.
    pub endpoints: i64,
}

/// Finds events by the ids that other programs gave them, given as pairs of tenant and id.
pub async fn find_raised(db: impl PgExecutor<'_>, ids: &[(&str, &str)]) -> sqlx::Result<Vec<RaisedEvent>> {
    sqlx::query_as!(
        RaisedEvent,
        r#"SELECT tenant_id AS tenant, external_id AS "external_id!", e.id AS "id: EventId",
                  (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id AND d.status <> 'filtered') AS "endpoints!"
           FROM unnest($1::text[], $2::text[]) AS wanted(tenant, id)
           JOIN events e ON e.tenant_id = wanted.tenant AND e.external_id = wanted.id"#,
        &ids.iter().map(|(tenant, _)| (*tenant).to_owned()).collect::<Vec<_>>(),
        &ids.iter().map(|(_, id)| (*id).to_owned()).collect::<Vec<_>>(),
    )
    .fetch_all(db)
    .await
}

/// A fact on the way of a call.
#[derive(Debug)]
pub struct CallEvent {
    /// The event.
    pub id: EventId,
    /// Its type.
    pub event_type: String,
    /// The run it belongs to.
    pub run_id: RunId,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

/// Lists the events of a call and its runs, newest first.
pub async fn call_events(
    db: impl PgExecutor<'_>,
    tenant: &str,
    call_id: &str,
    limit: i64,
) -> sqlx::Result<Vec<CallEvent>> {
    sqlx::query_as!(
        CallEvent,
        r#"SELECT id AS "id: EventId", type AS event_type, run_id AS "run_id!: RunId", created_at FROM events
           WHERE tenant_id = $1 AND subject = $2 AND run_id IS NOT NULL ORDER BY id DESC LIMIT $3"#,
        tenant,
        call_id,
        limit,
    )
    .fetch_all(db)
    .await
}
