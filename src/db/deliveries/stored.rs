//! A delivery with all that its request is made of, to tell what was sent.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::{
    endpoint::EndpointChannel,
    ids::{DeliveryId, EndpointId, EventId},
};

/// A delivery, whoever has it.
#[derive(Debug)]
pub struct StoredDelivery {
    /// The delivery.
    pub id: DeliveryId,
    /// Whose it is.
    pub tenant: String,
    /// Where it goes.
    pub endpoint_id: EndpointId,
    /// By which channel.
    pub kind: EndpointChannel,
    /// Target, secret and headers.
    pub sealed: Vec<u8>,
    /// When the endpoint was last changed.
    pub endpoint_updated_at: DateTime<Utc>,
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
}

/// Finds a delivery, unless it tells of a call that is private or erased by now.
pub async fn find_stored(
    db: impl PgExecutor<'_>,
    tenant: &str,
    id: DeliveryId,
) -> sqlx::Result<Option<StoredDelivery>> {
    let found = sqlx::query_as!(
        StoredDelivery,
        r#"SELECT d.id AS "id: DeliveryId", d.tenant_id AS tenant, d.endpoint_id AS "endpoint_id: EndpointId",
                  p.kind AS "kind: EndpointChannel", p.sealed, p.updated_at AS endpoint_updated_at,
                  d.event_id AS "event_id: EventId", d.event_type, d.intent, e.data, e.created_at AS event_created_at
           FROM deliveries d JOIN events e ON e.id = d.event_id JOIN endpoints p ON p.id = d.endpoint_id
           WHERE d.tenant_id = $1 AND d.id = $2
             AND NOT (e.run_id IS NOT NULL AND EXISTS (
                 SELECT 1 FROM calls c WHERE c.tenant_id = e.tenant_id AND c.call_id = e.subject AND c.is_private))"#,
        tenant,
        id.uuid(),
    );
    found.fetch_optional(db).await
}
