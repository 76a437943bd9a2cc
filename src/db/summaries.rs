//! Summaries, one per run.

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, types::Json};

use crate::domain::{
    ids::RunId,
    summary::{Spent, Summary},
};

/// Stores the summary of a run and what it took; a repeated stage replaces its own.
pub async fn upsert_summary(
    db: impl PgExecutor<'_>,
    tenant: &str,
    run_id: RunId,
    call_id: &str,
    summary: &Summary,
    spent: Option<&Spent>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO summaries (run_id, tenant_id, call_id, summary, spent, created_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (run_id) DO UPDATE SET summary = excluded.summary, spent = excluded.spent,
             created_at = excluded.created_at",
        run_id.uuid(),
        tenant,
        call_id,
        Json(summary) as _,
        spent.map(Json) as _,
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

/// Finds what the summary of a run took.
pub async fn find_spent(db: impl PgExecutor<'_>, tenant: &str, run_id: RunId) -> sqlx::Result<Option<Spent>> {
    let spent = sqlx::query_scalar!(
        r#"SELECT spent AS "spent: Json<Spent>" FROM summaries WHERE tenant_id = $1 AND run_id = $2"#,
        tenant,
        run_id.uuid(),
    );
    Ok(spent.fetch_optional(db).await?.flatten().map(|spent| spent.0))
}
