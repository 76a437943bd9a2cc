//! Connections that callbacks come in by. The one of the environment has a row too, and its keys are not in it.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Page;
use crate::domain::{
    event::event_type,
    ids::{DEFAULT_SOURCE, SourceId},
};

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

/// What came in last by a connection.
#[derive(Debug)]
pub struct LastCallback {
    /// The connection.
    pub source: SourceId,
    /// When it came.
    pub at: DateTime<Utc>,
    /// Whether it was the sender's test.
    pub is_test: bool,
}

/// Finds what came in last by each connection of a tenant; one that nothing came in by is left out. What the poller finds is
/// no callback, and a repeated one leaves no trace.
pub async fn last_callbacks(
    db: impl PgExecutor<'_>,
    tenant: &str,
    sources: &[SourceId],
) -> sqlx::Result<Vec<LastCallback>> {
    sqlx::query_as!(
        LastCallback,
        r#"SELECT source.id AS "source!: SourceId", last.created_at AS at, last.type = $3 AS "is_test!"
           FROM unnest($2::uuid[]) AS source(id) CROSS JOIN LATERAL (
               SELECT created_at, type FROM events
               WHERE source_id = source.id AND tenant_id = $1 AND octet_length(callback) > 0 ORDER BY id DESC LIMIT 1) last"#,
        tenant,
        &sources.iter().map(|id| id.uuid()).collect::<Vec<_>>(),
        event_type::CALLBACK_TEST,
    )
    .fetch_all(db)
    .await
}
