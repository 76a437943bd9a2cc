//! By hand: a failed run goes through its failed stage again with a fresh budget, or a call through all of them by a further
//! run.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::{
    db::{Page, call_search, calls, jobs, runs},
    domain::{
        ids::{DEFAULT_SOURCE, RunId},
        run::Stage,
    },
    intake::{self, Callback},
    telemetry::traces,
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
    if let Some((stage, call_id)) = runs::revive_run(&mut *tx, tenant, run_id).await? {
        jobs::insert_jobs(&mut *tx, &[(tenant, run_id, stage)], now).await?;
        call_search::refresh(tx, &[(tenant, &call_id)]).await?;
        return Ok(());
    }
    let run = runs::list_runs(&mut *tx, tenant, Some(run_id), None, Page { limit: 1, before: None }).await?.pop();
    Err(run.map_or(RetryError::NotFound, |run| RetryError::NotFailed(run.state.as_str())))
}

/// Why a call cannot be sent through again.
#[derive(Debug, thiserror::Error)]
pub enum RerunError {
    /// There is no such call.
    #[error("there is no such call")]
    NotFound,
    /// It must not be published.
    #[error("a private call is not processed")]
    Private,
    /// It is being processed.
    #[error("a run of this call is under way")]
    UnderWay,
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Starts a further run of a call, or the first of one that was only imported, in the caller's transaction.
pub async fn rerun_call(
    tx: &mut PgConnection,
    tenant: &str,
    call_id: &str,
    now: DateTime<Utc>,
) -> Result<RunId, RerunError> {
    let only = Page { limit: 1, before: None };
    let known = calls::list_calls(&mut *tx, tenant, Some(call_id), only).await?.pop().ok_or(RerunError::NotFound)?;
    if known.is_private {
        return Err(RerunError::Private);
    }
    if known.run_id.is_none() {
        let call = calls::find_call(&mut *tx, tenant, call_id).await?.ok_or(RerunError::NotFound)?;
        let accepted = intake::accept_in(tx, Callback::found(tenant, DEFAULT_SOURCE, call), now).await?;
        return accepted.run_id.ok_or(RerunError::NotFound);
    }
    let run_id = runs::insert_rerun(&mut *tx, tenant, call_id, RunId::new(), &traces::current(), now).await?;
    let run_id = run_id.ok_or(RerunError::UnderWay)?;
    jobs::insert_jobs(&mut *tx, &[(tenant, run_id, Stage::Fetch)], now).await?;
    call_search::refresh(tx, &[(tenant, call_id)]).await?;
    Ok(run_id)
}
