//! *notify*: says that the call is summarised. Who hears of it, and how, is the fan-out's business.

use anyhow::Context;

use super::{Effect, Pipeline, StageError};
use crate::{
    db::{documents, jobs::ClaimedJob, summaries},
    domain::{
        call::Call,
        payload::{CallData, SummaryFacts},
    },
};

pub(super) async fn notify(pipeline: &Pipeline, job: &ClaimedJob, call: Call) -> Result<Effect, StageError> {
    let summary = summaries::find_summary(&pipeline.pool, &job.tenant, job.run_id).await?;
    let summary = summary.context("the run has no summary").map_err(StageError::Failed)?;
    let mut data = CallData::new(&call, call.crm_account.as_ref(), job.run_id);
    data.summary = Some(SummaryFacts::from(&summary));
    data.documents = documents::find_run_documents(&pipeline.pool, &job.tenant, job.run_id).await?;
    Ok(Effect::Notified(Box::new(data), summary.intent))
}
