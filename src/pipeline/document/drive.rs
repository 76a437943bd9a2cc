//! Documents in Google Drive: one folder per account with "Call Summary" (replaced in place, so that its link stays) and
//! "Summary Log" (each call once, newest first).
//!
//! What is filed stands in our database first. One worker at a time writes a folder, and it writes what others have filed
//! meanwhile too, so that many calls of one account cost few writes. Ids are stored before they are used again; how that
//! is done is `drive_folder`'s.

use std::time::Duration;

use anyhow::anyhow;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Filing, drive_folder::Writer};
use crate::{
    clients::google::Drive,
    db::documents::{self, Entry, Folder, FolderKey, NewEntry},
    domain::{
        access::OWN_TENANT,
        clock::{Clock, after},
        payload::DocumentLinks,
        retry::{Backoff, jittered},
    },
    pipeline::StageError,
    queue,
};

/// Drive takes 1.02 million characters per document (contract §3.3); what is older than fits is left to the recordings.
const LARGEST_LOG: usize = 900_000;
/// More entries do not fit, however short they are.
const MOST_ENTRIES: i64 = 4000;
/// How long whoever finds a folder being written stays away: mostly its call is written with the others'.
const BUSY: Backoff = Backoff { base: Duration::from_secs(1), factor: 2, cap: Duration::from_secs(15) };
/// The looks before that.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(200), Duration::from_millis(400)];
/// What was filed this long ago is not written for others any more: its own run asks for the call's privacy first.
const FRESH: TimeDelta = TimeDelta::seconds(60);

/// Keeps documents in a Drive folder.
pub struct DriveStore {
    drive: Drive,
    root: String,
    /// The store's name in our tables: another root is another store.
    name: String,
    pool: PgPool,
    clock: Clock,
    lease: Duration,
}

/// What a writer wrote.
struct Written {
    calls: Vec<String>,
    links: DocumentLinks,
}

impl DriveStore {
    /// Keeps documents under the folder `root`. A writer that died is waited for as long as `lease`.
    #[must_use]
    pub fn new(drive: Drive, root: String, pool: PgPool, clock: Clock, lease: Duration) -> Self {
        Self { name: format!("drive:{root}"), drive, root, pool, clock, lease }
    }

    /// Files a call and tells where. `waits` is how often this was put off already.
    pub(super) async fn file(&self, filing: &Filing, waits: u32) -> Result<DocumentLinks, StageError> {
        let key = FolderKey { tenant: &filing.tenant, store: &self.name, folder: &filing.account };
        let entry = NewEntry {
            call_id: &filing.call_id,
            held_at: filing.held_at,
            summary_html: &filing.summary,
            entry_html: &filing.log_entry,
        };
        if documents::file_entry(&self.pool, key, &entry, self.clock.now()).await? {
            return Ok(links(&self.folder(key).await?));
        }
        let claim = Uuid::now_v7();
        if !self.claim(key, claim).await? {
            // Whoever writes may have written this call with the others.
            if documents::is_written(&self.pool, key, &filing.call_id).await? {
                return Ok(links(&self.folder(key).await?));
            }
            let why = "another worker writes the account's documents".to_owned();
            return Err(StageError::Later { why, wait: jittered(BUSY.delay(waits + 1), rand::random()) });
        }
        let read_at = self.clock.now();
        let extend = |until| documents::extend_claim(&self.pool, key, claim, until);
        let renewed = queue::renew_until_lost(&self.clock, self.lease, extend);
        let written = tokio::select! {
            written = self.write(filing, key, claim, read_at) => written,
            () = renewed => Err(StageError::Retry(anyhow!("the claim of the account's folder is lost"))),
        };
        let calls = written.as_ref().map(|written| written.calls.as_slice()).unwrap_or_default();
        documents::release_folder(&self.pool, key, claim, calls, read_at).await?;
        Ok(written?.links)
    }

    /// Becomes the folder's writer. A write takes a second or so, so another's end is waited for that long.
    async fn claim(&self, key: FolderKey<'_>, claim: Uuid) -> Result<bool, StageError> {
        for pause in PAUSES {
            let now = self.clock.now();
            if documents::claim_folder(&self.pool, key, claim, now, after(now, self.lease)).await? {
                return Ok(true);
            }
            if !self.clock.moves() {
                break;
            }
            tokio::time::sleep(jittered(pause, rand::random())).await;
        }
        Ok(false)
    }

    async fn write(
        &self,
        filing: &Filing,
        key: FolderKey<'_>,
        claim: Uuid,
        read_at: DateTime<Utc>,
    ) -> Result<Written, StageError> {
        let listed = documents::list_entries(&self.pool, key, &filing.call_id, read_at - FRESH, MOST_ENTRIES).await?;
        let newest = listed.first().map_or(filing.call_id.as_str(), |entry| entry.call_id.as_str());
        let summary = documents::find_summary_html(&self.pool, key, newest).await?.unwrap_or_default();
        let writer = Writer {
            drive: &self.drive,
            root: &self.root,
            pool: &self.pool,
            clock: &self.clock,
            key,
            claim,
            title: title(filing),
        };
        let folder = writer.put(self.folder(key).await?, &summary, &log(&filing.account, &listed)).await?;
        Ok(Written { calls: listed.into_iter().map(|entry| entry.call_id).collect(), links: links(&folder) })
    }

    async fn folder(&self, key: FolderKey<'_>) -> Result<Folder, StageError> {
        Ok(documents::find_folder(&self.pool, key).await?.ok_or(sqlx::Error::RowNotFound)?)
    }
}

/// The folder's name as people see it.
fn title(filing: &Filing) -> String {
    match filing.tenant.as_str() {
        OWN_TENANT => filing.account.clone(),
        tenant => format!("{} ({tenant})", filing.account),
    }
}

/// The text of "Summary Log": as many entries as fit, the newest first.
fn log(account: &str, entries: &[Entry]) -> String {
    let escaped = account.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut log = format!("<html><head><meta charset=\"utf-8\"></head><body><h1>Summary Log: {escaped}</h1>");
    let mut shown = 0;
    for entry in entries {
        if shown > 0 && log.len() + entry.entry_html.len() > LARGEST_LOG {
            break;
        }
        log.push_str(&entry.entry_html);
        shown += 1;
    }
    let left_out = entries.first().map_or(0, |entry| entry.total) - shown;
    let older = if left_out > 0 { format!("<p>{left_out} older calls are not shown.</p>") } else { String::new() };
    log + &older + "</body></html>"
}

fn links(folder: &Folder) -> DocumentLinks {
    let url = |url: &Option<String>| url.clone().unwrap_or_default();
    DocumentLinks {
        folder_url: url(&folder.folder_url),
        summary_url: url(&folder.summary.url),
        log_url: url(&folder.log.url),
    }
}
