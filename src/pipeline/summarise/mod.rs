//! *summarise*: one structured result, whoever makes it: the configured model, or the built-in summariser, which also
//! steps in when the model cannot. A result says who made it, and the record of the attempt why.

pub mod local;
pub mod openai;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, anyhow};

pub use self::{
    local::LocalSummariser,
    openai::{OpenAiSummariser, Settings as OpenAiSettings},
};

use super::{Effect, Pipeline, StageError, outcome::Made};
use crate::{
    clients::http::UpstreamError,
    db::{jobs::ClaimedJob, transcripts},
    domain::{call::Call, clock::after, summary::Summary, transcript::Transcript},
};

/// For so long a model may ask for patience before the built-in summariser steps in.
const PATIENCE: Duration = Duration::from_hours(1);

/// Who makes summaries.
pub struct Summarisers {
    /// The configured model.
    pub model: Option<OpenAiSummariser>,
    /// The built-in one.
    pub local: Arc<LocalSummariser>,
    /// Whether the built-in one steps in for the model.
    pub fallback: bool,
}

/// What is known of a call beside its words.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallContext<'a> {
    /// The call's title.
    pub title: Option<&'a str>,
    /// The customer's name.
    pub account: Option<&'a str>,
    /// The language, if the source says so.
    pub language: Option<&'a str>,
}

pub(super) async fn summarise(pipeline: &Pipeline, job: &ClaimedJob, call: &Call) -> Result<Effect, StageError> {
    let turns = transcripts::find_transcript(&pipeline.pool, &job.tenant, &job.call_id).await?;
    let turns = turns.context("the transcript has been erased").map_err(StageError::Failed)?;
    let transcript = Transcript::joined(turns, &call.parties);
    let summarisers = &pipeline.summarisers;
    let Some(model) = &summarisers.model else {
        let summary = by_ourselves(summarisers, call, transcript).await?;
        return Ok(made(Made { summary, spent: None, instead_of: None }));
    };
    let error = match ask(pipeline, model, call, &transcript).await {
        Ok(made_by_model) => return Ok(made(made_by_model)),
        Err(error) => error,
    };
    if !summarisers.fallback || !is_exhausted(pipeline, job, &error) {
        return Err(error.into());
    }
    let summary = by_ourselves(summarisers, call, transcript).await?;
    Ok(made(Made { summary, spent: None, instead_of: Some(format!("summarised by ourselves, since {error}")) }))
}

fn made(made: Made) -> Effect {
    Effect::Summarised(Box::new(made))
}

/// Asks the model, and leaves time within the try for stepping in.
async fn ask(
    pipeline: &Pipeline,
    model: &OpenAiSummariser,
    call: &Call,
    transcript: &Transcript,
) -> Result<Made, UpstreamError> {
    let time = pipeline.retries.timeout.mul_f64(0.9);
    let timed_out = || Err(UpstreamError::Retry(format!("the model was not done within {time:?}")));
    let context = context(call);
    let asking = model.summarise(&context, transcript);
    let (summary, spent) = tokio::time::timeout(time, asking).await.unwrap_or_else(|_| timed_out())?;
    Ok(Made { summary, spent: Some(spent), instead_of: None })
}

/// Whether nothing more is to be hoped for: a refusal for good, the last try, or too much patience asked for.
fn is_exhausted(pipeline: &Pipeline, job: &ClaimedJob, error: &UpstreamError) -> bool {
    let spent = u32::try_from(job.attempt - job.free_attempts).unwrap_or(1);
    match error {
        UpstreamError::Never(_) => true,
        UpstreamError::Retry(_) => spent > pipeline.retries.max_retries,
        UpstreamError::Later { wait, .. } => after(pipeline.clock.now(), *wait) > after(job.created_at, PATIENCE),
    }
}

/// Pure computation, up to some hundred milliseconds: not on a thread that serves requests.
async fn by_ourselves(summarisers: &Summarisers, call: &Call, transcript: Transcript) -> Result<Summary, StageError> {
    let (summariser, call) = (Arc::clone(&summarisers.local), call.clone());
    let summary = tokio::task::spawn_blocking(move || summariser.summarise(&context(&call), &transcript));
    summary.await.map_err(|_| StageError::Failed(anyhow!("the summariser broke on this call")))
}

fn context(call: &Call) -> CallContext<'_> {
    CallContext {
        title: call.title.as_deref(),
        account: call.crm_account.as_ref().map(|account| account.name.as_str()),
        language: call.language.as_deref(),
    }
}
