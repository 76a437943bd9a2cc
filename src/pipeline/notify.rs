//! *notify*: says that the call is summarised. Who hears of it, and how, is the fan-out's business.

use anyhow::Context;

use super::{Effect, Pipeline, StageError};
use crate::{
    db::{accounts, calls, jobs::ClaimedJob, run_documents, summaries},
    domain::{
        call::Call,
        ids::EndpointId,
        payload::{CallData, SummaryFacts},
    },
};

pub(super) async fn notify(pipeline: &Pipeline, job: &ClaimedJob, call: Call) -> Result<Effect, StageError> {
    let summary = summaries::find_summary(&pipeline.pool, &job.tenant, job.run_id).await?;
    let summary = summary.context("the run has no summary").map_err(StageError::Failed)?;
    let mut data = CallData::new(&call, call.crm_account.as_ref(), job.run_id);
    data.summary = Some(SummaryFacts::from(&summary));
    data.documents = run_documents::find_run_documents(&pipeline.pool, &job.tenant, job.run_id).await?;
    let mailboxes = mailboxes(pipeline, job, &call).await?;
    Ok(Effect::Notified(Box::new(data), summary.intent, mailboxes))
}

/// The mailboxes of the account's CS and AM, if they are to be mailed: as the source of the transcript told them, or else
/// as an administrator did.
async fn mailboxes(pipeline: &Pipeline, job: &ClaimedJob, call: &Call) -> Result<Vec<EndpointId>, StageError> {
    let Some(mailboxes) = &pipeline.mailboxes else { return Ok(Vec::new()) };
    let mut contacts = calls::find_contacts(&pipeline.pool, &job.tenant, &job.call_id).await?;
    if contacts.is_empty()
        && let Some(account) = &call.crm_account
    {
        let number = account.number.as_deref();
        contacts = accounts::find_contacts(&pipeline.pool, &job.tenant, number, &account.name).await?;
    }
    Ok(mailboxes.find_or_make(&job.tenant, &contacts, pipeline.clock.now()).await?)
}
