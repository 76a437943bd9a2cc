//! Which documents a run wrote to.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::{ids::RunId, payload::DocumentLinks};

/// Remembers which documents a run wrote to.
pub async fn upsert_run_documents(
    db: impl PgExecutor<'_>,
    tenant: &str,
    run_id: RunId,
    links: &DocumentLinks,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO run_documents (run_id, tenant_id, folder_url, summary_url, log_url, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (run_id) DO UPDATE SET folder_url = excluded.folder_url, summary_url = excluded.summary_url,
             log_url = excluded.log_url",
        run_id.uuid(),
        tenant,
        links.folder_url,
        links.summary_url,
        links.log_url,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Finds the documents a run wrote to.
pub async fn find_run_documents(
    db: impl PgExecutor<'_>,
    tenant: &str,
    run_id: RunId,
) -> sqlx::Result<Option<DocumentLinks>> {
    sqlx::query_as!(
        DocumentLinks,
        "SELECT folder_url, summary_url, log_url FROM run_documents WHERE tenant_id = $1 AND run_id = $2",
        tenant,
        run_id.uuid(),
    )
    .fetch_optional(db)
    .await
}
