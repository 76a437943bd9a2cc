//! Whether a call may be published. Privacy can be set after the callback, so it is asked before every stage what we were
//! told, and before what leaves the house what Gong says at this moment.

use anyhow::anyhow;

use super::{Pipeline, StageError, fetch::not_yet};
use crate::{
    db::{calls, jobs::ClaimedJob},
    domain::{
        access::OWN_TENANT,
        call::Call,
        run::{Stage, skip_reason},
    },
    intake::record_calls,
};

/// The call as it is known now.
pub(super) async fn publishable_call(pipeline: &Pipeline, job: &ClaimedJob) -> Result<Call, StageError> {
    let mut call = known(pipeline, job).await?;
    let leaves_the_house = matches!(job.stage, Stage::Document | Stage::Notify);
    if leaves_the_house && !call.is_private && ask_gong(pipeline, job).await? {
        call = known(pipeline, job).await?;
    }
    if call.is_private { Err(StageError::Skipped(skip_reason::PRIVATE)) } else { Ok(call) }
}

async fn known(pipeline: &Pipeline, job: &ClaimedJob) -> Result<Call, StageError> {
    let call = calls::find_call(&pipeline.pool, &job.tenant, &job.call_id).await?;
    call.ok_or_else(|| StageError::Failed(anyhow!("the call has been erased")))
}

/// Reads the call from the API again and records it if it is private. As long as Gong does not show it, nothing is
/// published. `false` when there is no Gong to ask.
async fn ask_gong(pipeline: &Pipeline, job: &ClaimedJob) -> Result<bool, StageError> {
    let Some(gong) = pipeline.gong.as_ref().filter(|_| job.tenant == OWN_TENANT) else { return Ok(false) };
    let Some(told) = gong.call(&job.call_id).await? else {
        let why = "Gong does not show the call, so that nobody can tell whether it is private";
        return Err(not_yet(pipeline, job, why, skip_reason::NOT_VISIBLE));
    };
    if told.is_private {
        // Nothing else of it: what the transcript's source told of the customer stays.
        let private = Call { id: told.id, is_private: true, ..Call::default() };
        let mut tx = pipeline.pool.begin().await?;
        record_calls(&mut tx, &[(&job.tenant, &private)], pipeline.clock.now()).await?;
        tx.commit().await?;
    }
    Ok(true)
}
