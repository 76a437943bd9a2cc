//! *fetch*: the transcript, and which customer the call was with.
//!
//! What was imported is taken first; what is missing is asked of the configured source, one file each.

mod customer;
mod gong;
mod snowflake;

use self::customer::customer;
use super::{Effect, Pipeline, StageError};
use crate::{
    clients::snowflake::Snowflake,
    db::{calls, jobs::ClaimedJob, transcripts},
    domain::{access::OWN_TENANT, call::Call, clock::after, run::skip_reason, transcript::StoredTurn},
    intake::record_calls,
};

/// Where transcripts come from that were not imported.
pub enum TranscriptSource {
    /// Nowhere: they are imported, or they are awaited.
    Import,
    /// The Gong API, if the pipeline has one.
    Gong,
    /// Snowflake.
    Snowflake(Snowflake),
}

/// Makes sure that the transcript is there. One that is not yet is no failure: the job comes back, up to
/// `TRANSCRIPT_WAIT`, and then the run ends visibly.
pub(super) async fn fetch(pipeline: &Pipeline, job: &ClaimedJob, call: Call) -> Result<Effect, StageError> {
    let there = transcripts::has_words(&pipeline.pool, &job.tenant, &job.call_id).await?
        || take_from_import_dir(pipeline, job).await?
        || ask_source(pipeline, job, &call).await?;
    if !there {
        return Err(not_yet(pipeline, job, "the transcript is not there yet", skip_reason::NO_TRANSCRIPT));
    }
    // Whoever brought the transcript, an import at this very moment too, may have told more of the call: it is read
    // after the words were seen.
    let call = calls::find_call(&pipeline.pool, &job.tenant, &job.call_id).await?.unwrap_or(call);
    Ok(Effect::Fetched(customer(pipeline, job, &call).await?))
}

/// Asks the configured source and stores what it has; `false` when that is nothing yet. What the environment configures
/// belongs to the operator's own tenant: by an id of its choosing, another must not come by the operator's calls.
async fn ask_source(pipeline: &Pipeline, job: &ClaimedJob, call: &Call) -> Result<bool, StageError> {
    if job.tenant != OWN_TENANT {
        return Ok(false);
    }
    match (&pipeline.transcripts, &pipeline.gong) {
        (TranscriptSource::Snowflake(snowflake), _) => snowflake::take(pipeline, snowflake, job, call).await,
        (TranscriptSource::Gong, Some(gong)) => gong::take(pipeline, gong, job, call).await,
        (TranscriptSource::Gong, None) | (TranscriptSource::Import, _) => Ok(false),
    }
}

/// Who takes care of the customer, as far as the source says.
struct Contacts<'a> {
    cs_email: Option<&'a str>,
    am_email: Option<&'a str>,
}

/// Stores a transcript together with what its source told of the call: once the words are there, it is not asked again.
async fn store(
    pipeline: &Pipeline,
    job: &ClaimedJob,
    told: Option<&Call>,
    contacts: Option<Contacts<'_>>,
    turns: &[StoredTurn],
    origin: &str,
) -> Result<(), StageError> {
    let now = pipeline.clock.now();
    let mut tx = pipeline.pool.begin().await?;
    if let Some(told) = told {
        record_calls(&mut tx, &[(&job.tenant, told)], now).await?;
    }
    if let Some(Contacts { cs_email, am_email }) = contacts {
        calls::set_contacts(&mut *tx, &job.tenant, &job.call_id, cs_email, am_email, now).await?;
    }
    transcripts::upsert_transcript(&mut *tx, &job.tenant, &job.call_id, turns, origin, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes in what is new in the import directory; `false` when the transcript is not there then either. The directory is the
/// operator's, so it feeds the operator's own tenant only.
async fn take_from_import_dir(pipeline: &Pipeline, job: &ClaimedJob) -> Result<bool, StageError> {
    let Some(dir) = pipeline.import_dir.as_ref().filter(|_| job.tenant == OWN_TENANT) else { return Ok(false) };
    dir.take_new(&pipeline.pool, &job.tenant, pipeline.clock.now()).await.map_err(StageError::Retry)?;
    Ok(transcripts::has_words(&pipeline.pool, &job.tenant, &job.call_id).await?)
}

/// Comes back later, at no cost, until `TRANSCRIPT_WAIT` has passed; then the run is skipped for `reason`.
pub(super) fn not_yet(pipeline: &Pipeline, job: &ClaimedJob, why: &str, reason: &'static str) -> StageError {
    let now = pipeline.clock.now();
    let deadline = after(job.created_at, pipeline.retries.transcript_wait);
    let Ok(left) = (deadline - now).to_std() else { return StageError::Skipped(reason) };
    if left.is_zero() {
        return StageError::Skipped(reason);
    }
    let waits = u32::try_from(job.free_attempts).unwrap_or(0) + 1;
    StageError::Later { why: why.to_owned(), wait: pipeline.retries.transcript.delay(waits).min(left) }
}
