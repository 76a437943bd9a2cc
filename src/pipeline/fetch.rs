//! *fetch*: the transcript, and which customer the call was with.

use super::{Effect, Pipeline, StageError};
use crate::{
    db::{accounts, jobs::ClaimedJob, transcripts},
    domain::{
        account,
        call::{Account, Call},
        clock::after,
        run::skip_reason,
    },
};

/// Makes sure that the transcript is there. One that is not yet is no failure: the job comes back, up to
/// `TRANSCRIPT_WAIT`, and then the run ends visibly.
pub(super) async fn fetch(pipeline: &Pipeline, job: &ClaimedJob, call: &Call) -> Result<Effect, StageError> {
    let has_words = || transcripts::has_words(&pipeline.pool, &job.tenant, &job.call_id);
    if !has_words().await? {
        take_from_import_dir(pipeline, job).await?;
        if !has_words().await? {
            return Err(not_yet(pipeline, job));
        }
    }
    Ok(Effect::Fetched(customer(pipeline, job, call).await?))
}

/// The directory is the operator's, so it feeds the operator's own tenant only.
async fn take_from_import_dir(pipeline: &Pipeline, job: &ClaimedJob) -> Result<(), StageError> {
    match &pipeline.import_dir {
        Some(dir) if job.tenant == "default" => {
            dir.take_new(&pipeline.pool, &job.tenant, pipeline.clock.now()).await.map_err(StageError::Retry)
        }
        _ => Ok(()),
    }
}

fn not_yet(pipeline: &Pipeline, job: &ClaimedJob) -> StageError {
    let now = pipeline.clock.now();
    let deadline = after(job.created_at, pipeline.retries.transcript_wait);
    let Ok(left) = (deadline - now).to_std() else { return StageError::Skipped(skip_reason::NO_TRANSCRIPT) };
    if left.is_zero() {
        return StageError::Skipped(skip_reason::NO_TRANSCRIPT);
    }
    let waits = u32::try_from(job.free_attempts).unwrap_or(0) + 1;
    let wait = pipeline.retries.transcript.delay(waits).min(left);
    StageError::Later { why: "the transcript is not there yet", wait }
}

/// The customer: from the CRM context, from the accounts that an administrator told us of, from the parties' e-mail
/// domains, or from the title.
async fn customer(pipeline: &Pipeline, job: &ClaimedJob, call: &Call) -> Result<Option<Account>, StageError> {
    if let Some(account) = &call.crm_account {
        return Ok(Some(account.clone()));
    }
    let domains = account::customer_domains(call);
    if let Some(known) = accounts::find_account_by_domains(&pipeline.pool, &job.tenant, &domains).await? {
        return Ok(Some(known));
    }
    let by_domain = domains.first().and_then(|domain| account::name_of_domain(domain, call.title.as_deref()));
    let name = by_domain.or_else(|| account::name_in_title(call));
    Ok(name.map(|name| Account { name, number: None }))
}
