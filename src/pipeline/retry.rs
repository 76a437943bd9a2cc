//! Sends a failed run through its failed stage again, with a fresh budget.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::{
    db::{Page, jobs, runs},
    domain::ids::RunId,
};

/// Why a run cannot be retried.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// There is no such run.
    #[error("there is no such run")]
    NotFound,
    /// It has not failed.
    #[error("only a failed run can be retried; this one is {0}")]
    NotFailed(&'static str),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Makes a failed run active and gives it a job for the stage that failed, in the caller's transaction.
pub async fn retry_run(
    tx: &mut PgConnection,
    tenant: &str,
    run_id: RunId,
    now: DateTime<Utc>,
) -> Result<(), RetryError> {
    if let Some(stage) = runs::revive_run(&mut *tx, tenant, run_id).await? {
        jobs::insert_jobs(tx, &[(tenant, run_id, stage)], now).await?;
        return Ok(());
    }
    let run = runs::list_runs(&mut *tx, tenant, Some(run_id), None, Page { limit: 1, before: None }).await?.pop();
    Err(run.map_or(RetryError::NotFound, |run| RetryError::NotFailed(run.state.as_str())))
}
