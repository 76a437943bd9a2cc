//! Transcripts from the Gong API. Runs that ask at the same moment share a request, since requests are what is scarce.

use super::{Pipeline, StageError, not_yet, store};
use crate::{
    clients::gong::GongBatches,
    db::jobs::ClaimedJob,
    domain::{call::Call, run::skip_reason, transcript::StoredTurn},
};

/// Asks for the transcript and, when it has speakers whose names we do not know, for the call.
pub(super) async fn take(
    pipeline: &Pipeline,
    gong: &GongBatches,
    job: &ClaimedJob,
    call: &Call,
) -> Result<bool, StageError> {
    let Some(turns) = gong.transcript(&job.call_id).await? else { return Ok(false) };
    let mut told = None;
    if has_strangers(&turns, call) {
        told = gong.call(&job.call_id).await?;
        if told.is_none() {
            // Before Gong shows the call it will not be published either.
            let why = "the transcript is there, but Gong does not show the call yet";
            return Err(not_yet(pipeline, job, why, skip_reason::NOT_VISIBLE));
        }
    }
    store(pipeline, job, told.as_ref(), None, &turns, "gong").await?;
    Ok(true)
}

fn has_strangers(turns: &[StoredTurn], call: &Call) -> bool {
    let known = |id: &String| call.parties.iter().any(|party| party.speaker_id.as_ref() == Some(id));
    turns.iter().filter_map(|turn| turn.speaker_id.as_ref()).any(|id| !known(id))
}
