//! The queue of stages: claim, extend, settle. A row lives as long as there is something to do.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::domain::{
    ids::{EventId, RunId, SourceId},
    run::Stage,
};

/// Inserts the first jobs of new runs, many in one round trip.
pub async fn insert_jobs(db: &mut PgConnection, jobs: &[(&str, RunId, Stage)], now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO jobs (id, tenant_id, run_id, kind, ready_at, created_at)
         SELECT *, $5, $5 FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[])",
        &jobs.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>(),
        &jobs.iter().map(|(tenant, ..)| (*tenant).to_owned()).collect::<Vec<_>>(),
        &jobs.iter().map(|(_, run, _)| run.uuid()).collect::<Vec<_>>(),
        &jobs.iter().map(|(.., stage)| stage.as_str().to_owned()).collect::<Vec<_>>(),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A job that is ours until its lease ends.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// The job.
    pub id: Uuid,
    /// What settling presents.
    pub claim_id: Uuid,
    /// Whose it is.
    pub tenant: String,
    /// The run it belongs to.
    pub run_id: RunId,
    /// What is to be done.
    pub stage: Stage,
    /// How often it was claimed, this time included.
    pub attempt: i32,
    /// How many of those cost nothing.
    pub free_attempts: i32,
    /// When the job came to be: a transcript is not awaited for ever.
    pub created_at: DateTime<Utc>,
    /// The source's id of the call.
    pub call_id: String,
    /// Who told us of the call.
    pub source: SourceId,
    /// The event of the callback.
    pub event_id: EventId,
    /// The trace of the callback.
    pub trace_id: String,
    /// Where in it the run began.
    pub trace_parent: Option<String>,
    /// When the callback was accepted.
    pub run_created_at: DateTime<Utc>,
}

/// Leases up to `limit` due jobs to `claim_id` until `lease_until`, and records that their attempts begin.
///
/// A worker that dies simply stops renewing: the row falls due again by itself, and its attempt is recorded as lost by
/// whoever claims it next.
pub async fn claim_due_jobs(
    db: impl PgExecutor<'_>,
    claim_id: Uuid,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<Vec<ClaimedJob>> {
    sqlx::query_as!(
        ClaimedJob,
        r#"WITH due AS (
               SELECT id, claim_id AS lost_claim_id FROM jobs WHERE ready_at <= $2
               ORDER BY ready_at LIMIT $4 FOR UPDATE SKIP LOCKED
           ), claimed AS (
               UPDATE jobs SET attempt = attempt + 1, claim_id = $1, ready_at = $3
               FROM due WHERE jobs.id = due.id
               RETURNING jobs.*, due.lost_claim_id
           ), lost AS (
               UPDATE stage_attempts a SET outcome = 'lost', error = 'the worker ended before the stage did'
               FROM claimed WHERE a.run_id = claimed.run_id AND a.claim_id = claimed.lost_claim_id AND a.outcome IS NULL
           ), begun AS (
               INSERT INTO stage_attempts (run_id, tenant_id, stage, number, claim_id, started_at)
               SELECT run_id, tenant_id, kind, 1 + (SELECT coalesce(max(number), 0) FROM stage_attempts a
                                                    WHERE a.run_id = claimed.run_id AND a.stage = kind), $1, $2
               FROM claimed
           )
           SELECT j.id, $1::uuid AS "claim_id!", j.tenant_id AS tenant, j.run_id AS "run_id: RunId",
                  j.kind AS "stage: Stage", j.attempt, j.free_attempts, j.created_at, r.call_id,
                  r.source_id AS "source: SourceId", r.event_id AS "event_id: EventId", r.trace_id,
                  r.trace_parent, r.created_at AS run_created_at
           FROM claimed j JOIN runs r ON r.id = j.run_id"#,
        claim_id,
        now,
        lease_until,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Renews the leases of claims whose work is still under way.
pub async fn extend_leases(
    db: impl PgExecutor<'_>,
    claim_ids: &[Uuid],
    lease_until: DateTime<Utc>,
) -> sqlx::Result<()> {
    // One that is being settled right now needs no renewal, and waiting for it could lock both up.
    sqlx::query!(
        "UPDATE jobs SET ready_at = $2
         WHERE id IN (SELECT id FROM jobs WHERE claim_id = ANY($1) FOR UPDATE SKIP LOCKED)",
        claim_ids,
        lease_until,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives claims back at once, without cost: their worker is stopping.
pub async fn release_claims(db: impl PgExecutor<'_>, claim_ids: &[Uuid], now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH released AS (
             UPDATE jobs SET free_attempts = free_attempts + 1, claim_id = NULL, ready_at = $2
             FROM (SELECT id, claim_id FROM jobs WHERE claim_id = ANY($1) FOR UPDATE) held WHERE jobs.id = held.id
             RETURNING jobs.run_id, held.claim_id
         )
         UPDATE stage_attempts a SET outcome = 'lost', error = 'the worker was stopped before the stage ended'
         FROM released WHERE a.run_id = released.run_id AND a.claim_id = released.claim_id AND a.outcome IS NULL",
        claim_ids,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Locks a job that is still ours and tells at which stage it is. Nothing says that the lease ran out and somebody else
/// has it: whatever was done must not be committed.
pub async fn hold(db: &mut PgConnection, job_id: Uuid, claim_id: Uuid) -> sqlx::Result<Option<Stage>> {
    let held = sqlx::query_scalar!(
        r#"SELECT kind AS "stage: Stage" FROM jobs WHERE id = $1 AND claim_id = $2 FOR UPDATE"#,
        job_id,
        claim_id,
    );
    held.fetch_optional(db).await
}

/// A claim at a stage.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// The job.
    pub job_id: Uuid,
    /// The claim under which it is worked on.
    pub claim_id: Uuid,
    /// The stage it is worked on at.
    pub stage: Stage,
}

/// Locks those of these jobs that are still ours and at their stage, and tells which those are.
pub async fn hold_all(db: impl PgExecutor<'_>, held: &[Held]) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "SELECT j.id FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS held(id, claim_id, kind)
         JOIN jobs j ON j.id = held.id AND j.claim_id = held.claim_id AND j.kind = held.kind
         ORDER BY j.id FOR UPDATE OF j",
        &held.iter().map(|held| held.job_id).collect::<Vec<_>>(),
        &held.iter().map(|held| held.claim_id).collect::<Vec<_>>(),
        &held.iter().map(|held| held.stage.as_str().to_owned()).collect::<Vec<_>>(),
    )
    .fetch_all(db)
    .await
}

/// Turns a held job into the one of the next stage and keeps the claim, so that its worker goes straight on.
pub async fn advance(
    db: impl PgExecutor<'_>,
    job_id: Uuid,
    stage: Stage,
    lease_until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE jobs SET kind = $2, attempt = 1, free_attempts = 0, ready_at = $3, created_at = $4 WHERE id = $1",
        job_id,
        stage.as_str(),
        lease_until,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Finds when the job of a run is tried next; nothing while somebody works on it, and when there is none.
pub async fn find_next_try(
    db: impl PgExecutor<'_>,
    tenant: &str,
    run_id: RunId,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!(
        "SELECT ready_at FROM jobs WHERE tenant_id = $1 AND run_id = $2 AND claim_id IS NULL",
        tenant,
        run_id.uuid(),
    )
    .fetch_optional(db)
    .await
}

/// When a held job is tried again.
#[derive(Debug)]
pub struct Due<'a> {
    /// The job.
    pub job_id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether the attempt cost nothing.
    pub free: bool,
    /// The call whose words it waits for: should they be there by now, it is due at once.
    pub awaits_words_of: Option<&'a str>,
}

/// Puts held jobs back, many in one round trip, and counts that. They must have been locked by a statement before: words
/// that arrived until then are seen, and whoever brings them later waits for the lock ([`hurry`]).
pub async fn put_back(db: impl PgExecutor<'_>, due: &[Due<'_>], now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH held AS (
             UPDATE jobs SET claim_id = NULL, free_attempts = free_attempts + due.free::int,
                 ready_at = CASE WHEN EXISTS (
                     SELECT FROM transcripts t
                     WHERE t.tenant_id = jobs.tenant_id AND t.call_id = due.call_id AND jsonb_array_length(t.turns) > 0)
                 THEN $5 ELSE due.at END
             FROM unnest($1::uuid[], $2::timestamptz[], $3::boolean[], $4::text[]) AS due(id, at, free, call_id)
             WHERE jobs.id = due.id
             RETURNING jobs.tenant_id
         )
         INSERT INTO tallies (tenant_id, hour, what, n)
         SELECT tenant_id, date_trunc('hour', $5::timestamptz, 'UTC'), 'call.put_back', count(*) FROM held GROUP BY tenant_id",
        &due.iter().map(|due| due.job_id).collect::<Vec<_>>(),
        &due.iter().map(|due| due.at).collect::<Vec<_>>(),
        &due.iter().map(|due| due.free).collect::<Vec<_>>(),
        &due.iter().map(|due| due.awaits_words_of.map(str::to_owned)).collect::<Vec<_>>() as &[Option<String>],
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Removes a job whose run has ended.
pub async fn delete_job(db: impl PgExecutor<'_>, job_id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM jobs WHERE id = $1", job_id).execute(db).await?;
    Ok(())
}

/// Makes the jobs of calls due now: what they waited for has arrived. Jobs under way are left alone, but waited for if
/// they are being put back in this moment, so that none is slept over.
pub async fn hurry(db: impl PgExecutor<'_>, tenant: &str, call_ids: &[String], now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH waiting AS (
             SELECT jobs.id FROM jobs JOIN runs ON runs.id = jobs.run_id
             WHERE runs.tenant_id = $1 AND runs.call_id = ANY($2) AND runs.state = 'active' AND jobs.kind = 'fetch'
             ORDER BY jobs.id FOR UPDATE OF jobs
         )
         UPDATE jobs SET ready_at = $3 FROM waiting
         WHERE jobs.id = waiting.id AND jobs.claim_id IS NULL AND jobs.ready_at > $3",
        tenant,
        call_ids,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
