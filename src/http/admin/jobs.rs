//! Scheduled jobs, run now: for Cloud Scheduler and for people in a hurry.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::audit;
use crate::{
    app::App,
    domain::text,
    http::{
        auth::Operator,
        extract::PathText,
        problem::{Problem, ProblemBody, ProblemKind},
    },
    jobs::{self, Job, JobError},
};

/// How long the answer waits for the job's end.
const PATIENCE: Duration = Duration::from_secs(45);

/// How a job went.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobResponse {
    #[schema(example = "retention")]
    job: &'static str,
    /// `done`, or `running` when it takes longer than the answer waits.
    #[schema(example = "done")]
    status: &'static str,
    /// What it did.
    detail: Option<String>,
}

#[utoipa::path(
    post, path = "/api/v1/admin/jobs/{name}", tag = "configuration", operation_id = "run_job",
    summary = "Run a scheduled job now", security(("token" = [])),
    params(("name" = String, Path, description = "`poll`, `retention` or `sweep`", pattern = "^(poll|retention|sweep)$",
            example = "sweep")),
    responses((status = 200, description = "Done", body = JobResponse),
              (status = 202, description = "It goes on in the background", body = JobResponse),
              (status = 409, description = "It cannot run as the service is configured", body = ProblemBody)),
)]
pub async fn run(
    State(app): State<Arc<App>>,
    Operator(caller): Operator,
    PathText(name): PathText,
) -> Result<(StatusCode, Json<JobResponse>), Problem> {
    let job: Job = name.parse().map_err(|_| ProblemKind::NotFound)?;
    let mut tx = app.pool.begin().await?;
    audit(&mut tx, &caller, "job.run", job.as_str(), None, None, app.clock.now()).await?;
    tx.commit().await?;
    // A task of its own: a scheduler that hangs up does not stop it halfway.
    let running = tokio::spawn({
        let app = Arc::clone(&app);
        async move {
            let done = jobs::run(&app, job).await;
            app.wake.now();
            if let Err(error) = &done {
                tracing::warn!(job = job.as_str(), %error, "a job did not end well");
            }
            done
        }
    });
    let job = job.as_str();
    match tokio::time::timeout(PATIENCE, running).await {
        Ok(Ok(Ok(detail))) => Ok((StatusCode::OK, Json(JobResponse { job, status: "done", detail: Some(detail) }))),
        Ok(Ok(Err(error @ JobError::PollingOff))) => Err(Problem::new(ProblemKind::Conflict, error.to_string())),
        Ok(Ok(Err(JobError::Database(error)))) => Err(error.into()),
        Ok(Ok(Err(error @ JobError::Poll(_)))) => {
            let detail = format!("the job did not end well: {}", text::without_contacts(&error.to_string()));
            Err(Problem::new(ProblemKind::Unavailable, detail))
        }
        Ok(Err(panicked)) => Err(Problem::internal(panicked)),
        Err(_) => Ok((StatusCode::ACCEPTED, Json(JobResponse { job, status: "running", detail: None }))),
    }
}
