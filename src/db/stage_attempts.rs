//! Every try at a stage: written when it begins, completed when it ends.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::{ids::RunId, run::Stage};

/// A try at a stage.
#[derive(Debug, Clone)]
pub struct StageAttempt {
    /// The stage.
    pub stage: Stage,
    /// 1 is the first.
    pub number: i32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How long it took, once it ended.
    pub duration_ms: Option<i64>,
    /// How it ended; nothing while it is under way.
    pub outcome: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
}

/// Records that a try at a stage begins.
pub async fn insert_attempt(
    db: impl PgExecutor<'_>,
    tenant: &str,
    run_id: RunId,
    stage: Stage,
    claim_id: Uuid,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO stage_attempts (run_id, tenant_id, stage, number, claim_id, started_at)
         SELECT $1, $2, $3, coalesce(max(number), 0) + 1, $4, $5
         FROM stage_attempts WHERE run_id = $1 AND stage = $3",
        run_id.uuid(),
        tenant,
        stage.as_str(),
        claim_id,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How a try that was under way ended.
#[derive(Debug, Clone)]
pub struct EndedAttempt {
    /// The run.
    pub run_id: RunId,
    /// The stage.
    pub stage: Stage,
    /// The claim under which it was made.
    pub claim_id: Uuid,
    /// How long it took.
    pub duration_ms: i64,
    /// How it ended.
    pub outcome: &'static str,
    /// What went wrong.
    pub error: Option<String>,
}

/// Records how tries ended, many in one round trip.
pub async fn finish_attempts(db: impl PgExecutor<'_>, ended: &[&EndedAttempt]) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE stage_attempts a SET duration_ms = ended.duration_ms, outcome = ended.outcome, error = ended.error
         FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::text[])
              AS ended(run_id, stage, claim_id, duration_ms, outcome, error)
         WHERE a.run_id = ended.run_id AND a.stage = ended.stage AND a.claim_id = ended.claim_id AND a.outcome IS NULL",
        &ended.iter().map(|ended| ended.run_id.uuid()).collect::<Vec<_>>(),
        &ended.iter().map(|ended| ended.stage.as_str().to_owned()).collect::<Vec<_>>(),
        &ended.iter().map(|ended| ended.claim_id).collect::<Vec<_>>(),
        &ended.iter().map(|ended| ended.duration_ms).collect::<Vec<_>>(),
        &ended.iter().map(|ended| ended.outcome.to_owned()).collect::<Vec<_>>(),
        &ended.iter().map(|ended| ended.error.clone()).collect::<Vec<_>>() as &[Option<String>],
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Lists the tries of a run in the order they began.
pub async fn list_attempts(db: impl PgExecutor<'_>, tenant: &str, run_id: RunId) -> sqlx::Result<Vec<StageAttempt>> {
    sqlx::query_as!(
        StageAttempt,
        r#"SELECT stage AS "stage: Stage", number, started_at, duration_ms, outcome, error
           FROM stage_attempts WHERE tenant_id = $1 AND run_id = $2
           ORDER BY array_position(ARRAY['fetch', 'summarise', 'document', 'notify'], stage), number"#,
        tenant,
        run_id.uuid(),
    )
    .fetch_all(db)
    .await
}
