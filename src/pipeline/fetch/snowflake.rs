//! Transcripts from Snowflake, with the customer and who takes care of it.

use uuid::Uuid;

use super::{Contacts, Pipeline, StageError, store};
use crate::{clients::snowflake::Snowflake, db::jobs::ClaimedJob, domain::call::Call};

/// Asks for the transcript by the call's id.
pub(super) async fn take(
    pipeline: &Pipeline,
    snowflake: &Snowflake,
    job: &ClaimedJob,
    call: &Call,
) -> Result<bool, StageError> {
    // A fresh id each time: a repeat of an earlier request would get that one's answer, "no rows", for ever.
    let Some(found) = snowflake.transcript(&job.call_id, Uuid::now_v7(), false).await? else { return Ok(false) };
    let told = Call {
        id: job.call_id.clone(),
        // Gong's parties know their sides and the keys of the transcript; these are for calls that have none.
        parties: if call.parties.is_empty() { found.speakers } else { Vec::new() },
        crm_account: found.account,
        ..Call::default()
    };
    let contacts = Contacts { cs_email: found.cs_email.as_deref(), am_email: found.am_email.as_deref() };
    store(pipeline, job, Some(&told), Some(contacts), &found.turns, "snowflake").await?;
    Ok(true)
}
