//! Runs: one call's way through the pipeline.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::Page;
use crate::domain::{
    ids::{EventId, RunId, SourceId},
    run::{RunState, Stage},
    trace::Trace,
};

/// A run about to begin.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// Whose it is.
    pub tenant: String,
    /// Who told us of the call.
    pub source: SourceId,
    /// The source's id of the call.
    pub call_id: String,
    /// The event of the callback.
    pub event_id: EventId,
    /// `Active`, or `Skipped` from the start for a private call.
    pub state: RunState,
    /// Why it is skipped.
    pub reason: Option<&'static str>,
    /// Where in the trace of the callback it begins.
    pub trace: Trace,
}

/// Inserts runs with their first jobs, many in one round trip, counts them, and tells which of them are new: the others'
/// calls have one already.
pub async fn insert_runs(db: &mut PgConnection, runs: &[NewRun], now: DateTime<Utc>) -> sqlx::Result<Vec<RunId>> {
    let finished: Vec<_> = runs.iter().map(|run| (run.state != RunState::Active).then_some(now)).collect();
    sqlx::query_scalar!(
        r#"WITH begun AS (
               INSERT INTO runs (id, tenant_id, source_id, call_id, event_id, state, reason, trace_id, trace_parent,
                                 finished_at, stage, created_at)
               SELECT *, 'fetch', $11 FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::uuid[], $6::text[],
                                                  $7::text[], $8::text[], $9::text[], $10::timestamptz[])
               ON CONFLICT ON CONSTRAINT runs_one_per_call DO NOTHING
               RETURNING id, tenant_id, state
           ), tallied AS (
               INSERT INTO tallies (tenant_id, hour, what, n)
               SELECT tenant_id, date_trunc('hour', $11, 'UTC'), what, count(*)
               FROM begun CROSS JOIN LATERAL unnest(ARRAY['call.received', 'call.' || nullif(state, 'active')]) AS what
               WHERE what IS NOT NULL GROUP BY 1, 3
           ), queued AS (
               INSERT INTO jobs (id, tenant_id, run_id, kind, ready_at, created_at)
               SELECT gen_random_uuid(), tenant_id, id, 'fetch', $11, $11 FROM begun WHERE state = 'active'
           )
           SELECT id AS "id: RunId" FROM begun"#,
        &runs.iter().map(|run| run.id.uuid()).collect::<Vec<_>>(),
        &runs.iter().map(|run| run.tenant.clone()).collect::<Vec<_>>(),
        &runs.iter().map(|run| run.source.uuid()).collect::<Vec<_>>(),
        &runs.iter().map(|run| run.call_id.clone()).collect::<Vec<_>>(),
        &runs.iter().map(|run| run.event_id.uuid()).collect::<Vec<_>>(),
        &runs.iter().map(|run| run.state.as_str().to_owned()).collect::<Vec<_>>(),
        &runs.iter().map(|run| run.reason.map(str::to_owned)).collect::<Vec<_>>() as &[Option<String>],
        &runs.iter().map(|run| run.trace.id.clone()).collect::<Vec<_>>(),
        &runs.iter().map(|run| run.trace.parent.clone()).collect::<Vec<_>>() as &[Option<String>],
        &finished as &[Option<DateTime<Utc>>],
        now,
    )
    .fetch_all(db)
    .await
}

/// The first run of a call, and the event of the callback that began it.
#[derive(Debug)]
pub struct FirstRun {
    /// Whose it is.
    pub tenant: String,
    /// The source's id of the call.
    pub call_id: String,
    /// The run.
    pub run_id: RunId,
    /// The event.
    pub event_id: EventId,
}

/// Finds the first runs of calls, given as pairs of tenant and call id.
pub async fn find_first_runs(db: impl PgExecutor<'_>, calls: &[(&str, &str)]) -> sqlx::Result<Vec<FirstRun>> {
    sqlx::query_as!(
        FirstRun,
        r#"SELECT r.tenant_id AS tenant, r.call_id, r.id AS "run_id: RunId", r.event_id AS "event_id: EventId"
           FROM unnest($1::text[], $2::text[]) AS wanted(tenant_id, call_id)
           JOIN runs r ON r.tenant_id = wanted.tenant_id AND r.call_id = wanted.call_id AND r.number = 1"#,
        &calls.iter().map(|(tenant, _)| (*tenant).to_owned()).collect::<Vec<_>>(),
        &calls.iter().map(|(_, call_id)| (*call_id).to_owned()).collect::<Vec<_>>(),
    )
    .fetch_all(db)
    .await
}

/// A run as it stands.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The source's id of the call.
    pub call_id: String,
    /// Where it stands.
    pub state: RunState,
    /// The stage it is in, or ended in.
    pub stage: Stage,
    /// Why it failed or was skipped.
    pub reason: Option<String>,
    /// The trace of the callback.
    pub trace_id: String,
    /// When the callback was accepted.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// Lists runs, newest first, of one state or of all; `run_id` narrows to one.
pub async fn list_runs(
    db: impl PgExecutor<'_>,
    tenant: &str,
    run_id: Option<RunId>,
    state: Option<RunState>,
    page: Page,
) -> sqlx::Result<Vec<Run>> {
    sqlx::query_as!(
        Run,
        r#"SELECT id AS "id!: RunId", call_id AS "call_id!", state AS "state!: RunState", stage AS "stage!: Stage", reason,
                  trace_id AS "trace_id!", created_at AS "created_at!", finished_at
           FROM ((SELECT * FROM runs WHERE tenant_id = $1 AND id = $2 AND ($3::text IS NULL OR state = $3))
                 UNION ALL
                 (SELECT * FROM runs WHERE tenant_id = $1 AND state = $3 AND $2 IS NULL AND ($4::uuid IS NULL OR id < $4)
                  ORDER BY id DESC LIMIT $5)
                 UNION ALL
                 (SELECT * FROM runs
                  WHERE tenant_id = $1 AND $2 IS NULL AND $3 IS NULL AND ($4::uuid IS NULL OR id < $4)
                  ORDER BY id DESC LIMIT $5)) AS wanted
           ORDER BY id DESC LIMIT $5"#,
        tenant,
        run_id.map(RunId::uuid),
        state.map(RunState::as_str),
        page.before,
        page.limit,
    )
    .fetch_all(db)
    .await
}

/// Lists the runs of a call, newest first.
pub async fn list_call_runs(
    db: impl PgExecutor<'_>,
    tenant: &str,
    call_id: &str,
    limit: i64,
) -> sqlx::Result<Vec<Run>> {
    sqlx::query_as!(
        Run,
        r#"SELECT id AS "id: RunId", call_id, state AS "state: RunState", stage AS "stage: Stage", reason, trace_id,
                  created_at, finished_at
           FROM runs WHERE tenant_id = $1 AND call_id = $2 ORDER BY number DESC LIMIT $3"#,
        tenant,
        call_id,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Counts the runs that are in a state now.
pub async fn count_in_state(db: impl PgExecutor<'_>, tenant: &str, state: RunState) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM runs WHERE tenant_id = $1 AND state = $2"#,
        tenant,
        state.as_str(),
    )
    .fetch_one(db)
    .await
}

/// Ends a run and counts it.
pub async fn finish_run(
    db: impl PgExecutor<'_>,
    run_id: RunId,
    state: RunState,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH ended AS (
             UPDATE runs SET state = $2, reason = $3, finished_at = $4 WHERE id = $1 RETURNING tenant_id, state
         )
         INSERT INTO tallies (tenant_id, hour, what, n)
         SELECT tenant_id, date_trunc('hour', $4::timestamptz, 'UTC'), 'call.' || state, 1 FROM ended",
        run_id.uuid(),
        state.as_str(),
        reason,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Moves a run on to a stage and counts what it has behind it.
pub async fn set_stage(db: impl PgExecutor<'_>, run_id: RunId, stage: Stage, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH moved AS (UPDATE runs SET stage = $2 WHERE id = $1 RETURNING tenant_id, stage)
         INSERT INTO tallies (tenant_id, hour, what, n)
         SELECT tenant_id, date_trunc('hour', $3::timestamptz, 'UTC'),
                CASE stage WHEN 'summarise' THEN 'call.fetched' WHEN 'document' THEN 'call.summarised'
                           WHEN 'notify' THEN 'call.documented' END, 1
         FROM moved",
        run_id.uuid(),
        stage.as_str(),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Makes a failed run active again and tells its stage and its call; `None` when there is no failed run of this id.
pub async fn revive_run(db: impl PgExecutor<'_>, tenant: &str, run_id: RunId) -> sqlx::Result<Option<(Stage, String)>> {
    let revived = sqlx::query!(
        r#"UPDATE runs SET state = 'active', reason = NULL, finished_at = NULL
           WHERE tenant_id = $1 AND id = $2 AND state = 'failed'
           RETURNING stage AS "stage: Stage", call_id"#,
        tenant,
        run_id.uuid(),
    );
    Ok(revived.fetch_optional(db).await?.map(|row| (row.stage, row.call_id)))
}

/// Inserts a further run of a call, with the source and the event of its latest; `None` when there is no run yet, or one
/// is under way.
pub async fn insert_rerun(
    db: impl PgExecutor<'_>,
    tenant: &str,
    call_id: &str,
    run_id: RunId,
    trace: &Trace,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<RunId>> {
    sqlx::query_scalar!(
        r#"WITH begun AS (
               INSERT INTO runs (id, tenant_id, source_id, call_id, number, event_id, state, stage, trace_id, trace_parent,
                                 created_at)
               SELECT $3, tenant_id, source_id, call_id, number + 1, event_id, 'active', 'fetch', $4, $6, $5
               FROM (SELECT * FROM runs WHERE tenant_id = $1 AND call_id = $2 ORDER BY number DESC LIMIT 1) latest
               WHERE state <> 'active'
               ON CONFLICT ON CONSTRAINT runs_one_per_call DO NOTHING
               RETURNING id, tenant_id
           ), tallied AS (
               INSERT INTO tallies (tenant_id, hour, what, n)
               SELECT tenant_id, date_trunc('hour', $5::timestamptz, 'UTC'), 'call.received', 1 FROM begun
           )
           SELECT id AS "id: RunId" FROM begun"#,
        tenant,
        call_id,
        run_id.uuid(),
        trace.id,
        now,
        trace.parent,
    )
    .fetch_optional(db)
    .await
}

/// Gives a job to every active run that has none and began before `older_than`; such a run would wait for ever.
pub async fn readopt_orphans(
    db: impl PgExecutor<'_>,
    older_than: DateTime<Utc>,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<RunId>> {
    sqlx::query_scalar!(
        r#"INSERT INTO jobs (id, tenant_id, run_id, kind, ready_at, created_at)
           SELECT gen_random_uuid(), tenant_id, id, stage, $2, $2 FROM runs
           WHERE state = 'active' AND created_at < $1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.run_id = runs.id)
           ON CONFLICT ON CONSTRAINT jobs_one_per_run DO NOTHING
           RETURNING run_id AS "run_id: RunId""#,
        older_than,
        now,
    )
    .fetch_all(db)
    .await
}
