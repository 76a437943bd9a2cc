//! *document*: files the summary in the customer's folder. "Call Summary" holds the latest call, "Summary Log" every call
//! once, the newest first, however often the stage is repeated.

mod drive;
mod drive_folder;
mod files;

use anyhow::Context;
use chrono::{DateTime, Utc};

pub use self::{drive::DriveStore, files::FileStore};

use super::{Effect, Pipeline, StageError};
use crate::{
    db::{calls, jobs::ClaimedJob, summaries},
    domain::{
        call::Call,
        contacts, notice,
        payload::{CallData, DocumentLinks, SummaryFacts},
        run::skip_reason,
        text,
    },
    templates::{DocumentEntry, DocumentForm},
};

/// The folder of calls whose customer nobody knows.
const NO_ACCOUNT: &str = "No account";

/// Where documents are kept.
pub enum DocumentStore {
    /// On this machine.
    Files(FileStore),
    /// In Google Drive.
    Drive(Box<DriveStore>),
}

/// What is to be filed.
#[derive(Debug)]
struct Filing {
    /// Whose it is.
    tenant: String,
    /// The customer: the name of the folder.
    account: String,
    /// The call.
    call_id: String,
    /// When the call was: an older call does not take the place of a newer one.
    held_at: DateTime<Utc>,
    /// The text of "Call Summary".
    summary: String,
    /// The call's entry in "Summary Log".
    log_entry: String,
}

impl DocumentStore {
    const fn form(&self) -> DocumentForm {
        match self {
            Self::Files(_) => DocumentForm::Markdown,
            Self::Drive(_) => DocumentForm::Html,
        }
    }

    /// Takes a call out of the documents. In Drive it stays until its folder is written the next time: what our tables hold
    /// of it is gone.
    pub async fn take_out(&self, tenant: &str, call_id: &str) -> anyhow::Result<()> {
        match self {
            Self::Files(files) => files.take_out(tenant, call_id).await,
            Self::Drive(_) => Ok(()),
        }
    }

    /// Files a call and tells where. `waits` is how often this was put off already.
    async fn file(&self, filing: Filing, waits: u32) -> Result<DocumentLinks, StageError> {
        match self {
            Self::Files(files) => files.file(filing).await.map_err(StageError::Retry),
            Self::Drive(drive) => drive.file(&filing, waits).await,
        }
    }
}

pub(super) async fn document(pipeline: &Pipeline, job: &ClaimedJob, call: &Call) -> Result<Effect, StageError> {
    let summary = summaries::find_summary(&pipeline.pool, &job.tenant, job.run_id).await?;
    let summary = summary.context("the run has no summary").map_err(StageError::Failed)?;
    // A name may hold a number or an address, and a folder's name goes out in its URL.
    let account = call.crm_account.as_ref().map_or(NO_ACCOUNT, |account| account.name.as_str());
    let account = text::without_contacts(account);
    let held_at = call.started_at.unwrap_or(job.run_created_at);
    let entry = DocumentEntry {
        call_id: call.id.clone(),
        date: notice::date(held_at),
        title: call.title.as_deref().map(text::without_contacts),
        duration: call.duration_seconds.map(notice::minutes),
        mood: notice::mood(summary.sentiment),
        intent: summary.intent.clone(),
        url: call.url.as_deref().map(contacts::link_without_contacts),
    };
    let form = pipeline.documents.form();
    let filing = Filing {
        tenant: job.tenant.clone(),
        account: account.clone(),
        call_id: call.id.clone(),
        held_at,
        summary: pipeline.templates.call_summary(form, &account, &entry, &summary).map_err(StageError::Failed)?,
        log_entry: pipeline.templates.log_entry(form, &entry, &summary).map_err(StageError::Failed)?,
    };
    let waits = u32::try_from(job.free_attempts).unwrap_or(0);
    let links = pipeline.documents.file(filing, waits).await?;
    // An erasure looks for the call in the documents once; what was still being written then is taken out here.
    let mut db = pipeline.pool.acquire().await?;
    if calls::is_private_now(&mut db, &job.tenant, &job.call_id).await? {
        pipeline.documents.take_out(&job.tenant, &job.call_id).await.map_err(StageError::Retry)?;
        return Err(StageError::Skipped(skip_reason::PRIVATE));
    }
    let mut data = CallData::new(call, call.crm_account.as_ref(), job.run_id);
    data.summary = Some(SummaryFacts::from(&summary));
    data.documents = Some(links.clone());
    Ok(Effect::Documented(links, Box::new(data)))
}
