//! Transcripts from the Gong API. Runs that ask at the same moment share a request, since requests are what is scarce.

use super::{Pipeline, StageError, store};
use crate::{
    clients::gong::GongBatches,
    db::jobs::ClaimedJob,
    domain::{call::Call, transcript::StoredTurn},
};

/// Asks for the transcript and, when it has speakers whose names we do not know, for the call.
pub(super) async fn take(
    pipeline: &Pipeline,
    gong: &GongBatches,
    job: &ClaimedJob,
    call: &Call,
) -> Result<bool, StageError> {
    let Some(turns) = gong.transcript(&job.call_id).await? else { return Ok(false) };
    let told = if has_strangers(&turns, call) { gong.call(&job.call_id).await? } else { None };
    store(pipeline, job, told.as_ref(), None, &turns, "gong").await?;
    Ok(true)
}

fn has_strangers(turns: &[StoredTurn], call: &Call) -> bool {
    let known = |id: &String| call.parties.iter().any(|party| party.speaker_id.as_ref() == Some(id));
    turns.iter().filter_map(|turn| turn.speaker_id.as_ref()).any(|id| !known(id))
}
