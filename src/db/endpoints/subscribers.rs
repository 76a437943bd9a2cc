//! Whom an event may go to: endpoints that choose by their filters, and mailboxes that the service writes to by itself.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::ids::EndpointId;

/// What deciding about an event needs of an endpoint.
#[derive(Debug)]
pub struct Subscriber {
    /// The endpoint.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant: String,
    /// The event filter.
    pub filter_events: Vec<String>,
    /// The intent filter.
    pub filter_intents: Vec<String>,
    /// Whether events of one subject keep their order.
    pub ordered: bool,
}

/// Lists the enabled endpoints of tenants that choose their events themselves.
pub async fn list_subscribers(db: impl PgExecutor<'_>, tenants: &[String]) -> sqlx::Result<Vec<Subscriber>> {
    sqlx::query_as!(
        Subscriber,
        r#"SELECT id AS "id: EndpointId", tenant_id AS tenant, filter_events, filter_intents, ordered
           FROM endpoints WHERE tenant_id = ANY($1) AND enabled AND deleted_at IS NULL AND mailbox_hash IS NULL
           ORDER BY id"#,
        tenants,
    )
    .fetch_all(db)
    .await
}

/// Lists those of the given endpoints that take anything.
pub async fn list_enabled(db: impl PgExecutor<'_>, ids: &[Uuid]) -> sqlx::Result<Vec<EndpointId>> {
    let enabled = sqlx::query_scalar!(
        r#"SELECT id AS "id: EndpointId" FROM endpoints WHERE id = ANY($1) AND enabled AND deleted_at IS NULL"#,
        ids,
    );
    enabled.fetch_all(db).await
}

/// Finds the endpoint of a mailbox by the hash of its address, also one that was deleted: who deleted it wants no mail.
pub async fn find_mailbox(db: impl PgExecutor<'_>, tenant: &str, hash: &[u8]) -> sqlx::Result<Option<EndpointId>> {
    let found = sqlx::query_scalar!(
        r#"SELECT id AS "id: EndpointId" FROM endpoints WHERE tenant_id = $1 AND mailbox_hash = $2"#,
        tenant,
        hash,
    );
    found.fetch_optional(db).await
}

/// Makes the endpoint of a mailbox, unless there is one.
pub async fn insert_mailbox(
    db: impl PgExecutor<'_>,
    id: EndpointId,
    tenant: &str,
    hash: &[u8],
    sealed: &[u8],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO endpoints (id, tenant_id, kind, name, sealed, has_secret, mailbox_hash, created_at, updated_at)
         VALUES ($1, $2, 'email', 'Account mail', $3, false, $4, $5, $5)
         ON CONFLICT (tenant_id, mailbox_hash) WHERE mailbox_hash IS NOT NULL DO NOTHING",
        id.uuid(),
        tenant,
        sealed,
        hash,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
