//! Runs with every stage attempt; the failed ones can be retried.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ListResponse, PageQuery, audit, one_more, paged};
use crate::{
    app::App,
    db::{
        Page,
        runs::{self, Run},
        stage_attempts::{self, StageAttempt},
        summaries,
    },
    domain::{
        ids::{RunId, RunKind},
        run::{RunState, Stage},
        summary::Spent,
    },
    http::{
        auth::{Admin, Caller, Reader},
        extract::{Params, PathId},
        problem::{Problem, ProblemBody, ProblemKind},
    },
    pipeline::{RetryError, retry_run},
};

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunResponse {
    #[schema(example = "run_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80")]
    id: String,
    call_id: String,
    state: RunState,
    /// Why it failed or was skipped.
    reason: Option<String>,
    /// The stage it is in, or ended in.
    stage: Stage,
    /// Under which its log lines are found.
    trace_id: String,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl From<Run> for RunResponse {
    fn from(run: Run) -> Self {
        Self {
            id: run.id.to_string(),
            call_id: run.call_id,
            state: run.state,
            reason: run.reason,
            stage: run.stage,
            trace_id: run.trace_id,
            created_at: run.created_at,
            finished_at: run.finished_at,
        }
    }
}

/// A run with every stage attempt.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunDetailResponse {
    #[serde(flatten)]
    run: RunResponse,
    attempts: Vec<StageAttemptResponse>,
    /// What a model took to make the summary; null for the built-in summariser.
    spent: Option<Spent>,
}

/// One try at a stage.
#[derive(Debug, Serialize, ToSchema)]
pub struct StageAttemptResponse {
    stage: Stage,
    number: i32,
    started_at: DateTime<Utc>,
    duration_ms: Option<i64>,
    /// `done`, `retry`, `later`, `failed`, `skipped` or `lost`; null while it is under way.
    outcome: Option<String>,
    error: Option<String>,
}

impl From<StageAttempt> for StageAttemptResponse {
    fn from(attempt: StageAttempt) -> Self {
        Self {
            stage: attempt.stage,
            number: attempt.number,
            started_at: attempt.started_at,
            duration_ms: attempt.duration_ms,
            outcome: attempt.outcome,
            error: attempt.error,
        }
    }
}

#[utoipa::path(
    get, path = "/api/v1/admin/runs", tag = "calls", operation_id = "list_runs",
    summary = "List runs, newest first", security(("token" = [])),
    params(("state" = Option<RunState>, Query, description = "Only in this state"),
           PageQuery),
    responses((status = 200, body = ListResponse<RunResponse>)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    mut params: Params,
) -> Result<Json<ListResponse<RunResponse>>, Problem> {
    let state = params.read("state", |text| text.parse().map_err(|_| "active, done, failed or skipped".to_owned()));
    let page = params.page();
    params.finish()?;
    let rows = runs::list_runs(&app.pool, &caller.tenant, None, state, one_more(page)).await?;
    Ok(Json(paged(rows, page, |run| run.id.uuid())))
}

#[utoipa::path(
    get, path = "/api/v1/admin/runs/{id}", tag = "calls", operation_id = "read_run",
    summary = "Read a run with every stage attempt", security(("token" = [])),
    params(("id" = String, Path, description = "The run")),
    responses((status = 200, body = RunDetailResponse)),
)]
pub async fn read(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    PathId(id): PathId<RunKind>,
) -> Result<Json<RunDetailResponse>, Problem> {
    detail(&app, &caller, id).await.map(Json)
}

#[utoipa::path(
    post, path = "/api/v1/admin/runs/{id}/retry", tag = "calls", operation_id = "retry_run",
    summary = "Send a failed run through its failed stage again", security(("token" = [])),
    params(("id" = String, Path, description = "The run")),
    responses((status = 202, description = "Under way", body = RunDetailResponse), (status = 409, description = "It has not failed", body = ProblemBody)),
)]
pub async fn retry(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    PathId(id): PathId<RunKind>,
) -> Result<(StatusCode, Json<RunDetailResponse>), Problem> {
    let now = app.clock.now();
    let mut tx = app.pool.begin().await?;
    retry_run(&mut tx, &caller.tenant, id, now).await.map_err(|error| match error {
        RetryError::NotFound => ProblemKind::NotFound.into(),
        RetryError::NotFailed(_) => Problem::new(ProblemKind::Conflict, error.to_string()),
        RetryError::Database(error) => error.into(),
    })?;
    audit(&mut tx, &caller, "run.retry", id, None, None, now).await?;
    tx.commit().await?;
    app.wake.now();
    Ok((StatusCode::ACCEPTED, Json(detail(&app, &caller, id).await?)))
}

pub(super) async fn detail(app: &App, caller: &Caller, id: RunId) -> Result<RunDetailResponse, Problem> {
    let only = Page { limit: 1, before: None };
    let run = runs::list_runs(&app.pool, &caller.tenant, Some(id), None, only).await?.pop();
    let run = run.ok_or(ProblemKind::NotFound)?;
    let attempts = stage_attempts::list_attempts(&app.pool, &caller.tenant, id).await?;
    let spent = summaries::find_spent(&app.pool, &caller.tenant, id).await?;
    Ok(RunDetailResponse { run: run.into(), attempts: attempts.into_iter().map(Into::into).collect(), spent })
}
