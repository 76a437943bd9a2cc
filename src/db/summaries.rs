//! Summaries, one per run.

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, types::Json};

use crate::domain::{ids::RunId, summary::Summary};

/// Stores the summary of a run; a repeated stage replaces its own.
pub async fn upsert_summary(
    db: impl PgExecutor<'_>,
    tenant: &str,
    run_id: RunId,
    call_id: &str,
    summary: &Summary,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO summaries (run_id, tenant_id, call_id, summary, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (run_id) DO UPDATE SET summary = excluded.summary, created_at = excluded.created_at",
        run_id.uuid(),
        tenant,
        call_id,
        Json(summary) as _,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Finds the summary of a run.
pub async fn find_summary(db: impl PgExecutor<'_>, tenant: &str, run_id: RunId) -> sqlx::Result<Option<Summary>> {
    let summary = sqlx::query_scalar!(
        r#"SELECT summary AS "summary: Json<Summary>" FROM summaries WHERE tenant_id = $1 AND run_id = $2"#,
        tenant,
        run_id.uuid(),
    );
    Ok(summary.fetch_optional(db).await?.map(|summary| summary.0))
}
