//! *summarise*: one structured result, whoever makes it. This version has the built-in summariser.

pub mod local;

use std::sync::Arc;

use anyhow::{Context, anyhow};

pub use self::local::LocalSummariser;

use self::local::CallContext;
use super::{Effect, Pipeline, StageError};
use crate::{
    db::{jobs::ClaimedJob, transcripts},
    domain::{call::Call, transcript::Transcript},
};

pub(super) async fn summarise(pipeline: &Pipeline, job: &ClaimedJob, call: &Call) -> Result<Effect, StageError> {
    let turns = transcripts::find_transcript(&pipeline.pool, &job.tenant, &job.call_id).await?;
    let turns = turns.context("the transcript has been erased").map_err(StageError::Failed)?;
    let transcript = Transcript::joined(turns, &call.parties);
    let summariser = Arc::clone(&pipeline.summariser);
    let call = call.clone();
    // Pure computation, up to some hundred milliseconds: not on a thread that serves requests.
    let summary = tokio::task::spawn_blocking(move || {
        let account = call.crm_account.as_ref().map(|account| account.name.as_str());
        summariser.summarise(&CallContext { title: call.title.as_deref(), account }, &transcript)
    });
    summary.await.map(Effect::Summarised).map_err(|_| StageError::Failed(anyhow!("the summariser broke on this call")))
}
