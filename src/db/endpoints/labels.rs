//! Endpoints by name: for lists that tell where something goes, and for choosing one.

use sqlx::PgExecutor;

use crate::domain::{endpoint::EndpointChannel, ids::EndpointId};

/// What an endpoint is called.
#[derive(Debug, Clone)]
pub struct EndpointLabel {
    /// Its id.
    pub id: EndpointId,
    /// Its channel.
    pub kind: EndpointChannel,
    /// What people call it.
    pub name: String,
    /// Whether it takes deliveries.
    pub enabled: bool,
    /// Whether it was removed.
    pub is_deleted: bool,
}

/// Lists the endpoints that an administrator keeps, by name.
pub async fn list_labels(db: impl PgExecutor<'_>, tenant: &str, limit: i64) -> sqlx::Result<Vec<EndpointLabel>> {
    sqlx::query_as!(
        EndpointLabel,
        r#"SELECT id AS "id: EndpointId", kind AS "kind: EndpointChannel", name, enabled, false AS "is_deleted!"
           FROM endpoints WHERE tenant_id = $1 AND deleted_at IS NULL AND mailbox_hash IS NULL
           ORDER BY lower(name), id LIMIT $2"#,
        tenant,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Finds endpoints by their ids, also mailboxes and what was removed: history names them.
pub async fn find_labels(
    db: impl PgExecutor<'_>,
    tenant: &str,
    ids: &[EndpointId],
) -> sqlx::Result<Vec<EndpointLabel>> {
    sqlx::query_as!(
        EndpointLabel,
        r#"SELECT id AS "id: EndpointId", kind AS "kind: EndpointChannel", name, enabled,
                  deleted_at IS NOT NULL AS "is_deleted!"
           FROM endpoints WHERE tenant_id = $1 AND id = ANY($2)"#,
        tenant,
        &ids.iter().map(|id| id.uuid()).collect::<Vec<_>>(),
    )
    .fetch_all(db)
    .await
}
