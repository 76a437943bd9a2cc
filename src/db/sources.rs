//! Connections that callbacks come in by. The one of the environment has a row too, and its keys are not in it.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Page;
use crate::domain::ids::{DEFAULT_SOURCE, SourceId};

/// A connection.
#[derive(Debug, Clone)]
pub struct SourceRow {
    /// Its id.
    pub id: SourceId,
    /// Whose calls come in by it.
    pub tenant: String,
    /// What people call it.
    pub name: String,
    /// Keys of the sender's tokens, each as it was given.
    pub public_keys: Vec<String>,
    /// The key in the URL and the HMAC secret.
    pub sealed: Option<Vec<u8>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// Inserts a connection.
pub async fn insert_source(db: impl PgExecutor<'_>, source: &SourceRow) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO sources (id, tenant_id, kind, name, public_keys, sealed, created_at)
         VALUES ($1, $2, 'gong', $3, $4, $5, $6)",
        source.id.uuid(),
        source.tenant,
        source.name,
        &source.public_keys,
        source.sealed,
        source.created_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Lists connections of a tenant, newest first.
pub async fn list_sources(db: impl PgExecutor<'_>, tenant: &str, page: Page) -> sqlx::Result<Vec<SourceRow>> {
    sqlx::query_as!(
        SourceRow,
        r#"SELECT id AS "id: SourceId", tenant_id AS tenant, name, public_keys, sealed, created_at FROM sources
           WHERE tenant_id = $1 AND deleted_at IS NULL AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"#,
        tenant,
        page.before,
        page.limit,
    )
    .fetch_all(db)
    .await
}

/// Finds a connection, of whichever tenant: who calls by it proves itself with its keys.
pub async fn find_source(db: impl PgExecutor<'_>, id: SourceId) -> sqlx::Result<Option<SourceRow>> {
    sqlx::query_as!(
        SourceRow,
        r#"SELECT id AS "id: SourceId", tenant_id AS tenant, name, public_keys, sealed, created_at FROM sources
           WHERE id = $1 AND deleted_at IS NULL"#,
        id.uuid(),
    )
    .fetch_optional(db)
    .await
}

/// Removes a connection other than the environment's and tells what it was called; its history stays.
pub async fn delete_source(
    db: impl PgExecutor<'_>,
    tenant: &str,
    id: SourceId,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "UPDATE sources SET deleted_at = $3
         WHERE tenant_id = $1 AND id = $2 AND id <> $4 AND deleted_at IS NULL RETURNING name",
        tenant,
        id.uuid(),
        now,
        DEFAULT_SOURCE.uuid(),
    )
    .fetch_optional(db)
    .await
}
