//! Documents in Google Drive: one folder per account with "Call Summary" (replaced in place, so that its link stays) and
//! "Summary Log" (each call once, newest first).
//!
//! What is filed stands in our database first. One worker at a time writes a folder, and it writes everything filed so far,
//! so that many calls of one account cost one write. Ids are stored before they are used again; Drive's search serves only
//! to find what was made by a request whose answer was lost.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::Filing;
use crate::{
    clients::google::{Created, Drive, Kind, Place, Replaced},
    db::documents::{self, Folder, FolderKey, KnownDocument, NewEntry},
    domain::{
        clock::{Clock, after},
        payload::DocumentLinks,
        retry::jittered,
    },
    pipeline::StageError,
};

/// Drive takes 1.02 million characters per document (contract §3.3); what is older than fits is left to the recordings.
const LARGEST_LOG: i64 = 900_000;
/// How long whoever finds a folder being written stays away.
const BUSY: Duration = Duration::from_secs(1);
/// How long Drive's search may be behind: within this time "not found" is no proof.
const SEARCH_LAG: Duration = Duration::from_secs(30);
/// When to look again within it.
const SEARCH_AGAIN: Duration = Duration::from_secs(10);

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

/// One of an account's two documents.
#[derive(Clone, Copy)]
enum Document {
    Summary,
    Log,
}

impl Document {
    const fn title(self) -> &'static str {
        match self {
            Self::Summary => "Call Summary",
            Self::Log => "Summary Log",
        }
    }

    fn of(self, folder: &mut Folder) -> &mut KnownDocument {
        match self {
            Self::Summary => &mut folder.summary,
            Self::Log => &mut folder.log,
        }
    }
}

/// A folder that we are the writer of.
struct Writing<'a> {
    store: &'a DriveStore,
    key: FolderKey<'a>,
    claim: Uuid,
    /// The folder's name as people see it.
    title: &'a str,
}

impl DriveStore {
    /// Keeps documents under the folder `root`. A writer that died is waited for as long as `lease`.
    #[must_use]
    pub fn new(drive: Drive, root: String, pool: PgPool, clock: Clock, lease: Duration) -> Self {
        Self { name: format!("drive:{root}"), drive, root, pool, clock, lease }
    }

    /// Files a call and tells where.
    pub(super) async fn file(&self, filing: &Filing) -> Result<DocumentLinks, StageError> {
        let key = FolderKey { tenant: &filing.tenant, store: &self.name, folder: &filing.account };
        let entry = NewEntry {
            call_id: &filing.call_id,
            held_at: filing.held_at,
            summary_html: &filing.summary,
            entry_html: &filing.log_entry,
        };
        let mut tx = self.pool.begin().await?;
        let version = documents::file_entry(&mut tx, key, &entry, self.clock.now()).await?;
        tx.commit().await?;
        let (claim, now) = (Uuid::now_v7(), self.clock.now());
        if documents::claim_folder(&self.pool, key, claim, now, after(now, self.lease)).await? {
            let title = if filing.tenant == "default" {
                filing.account.clone()
            } else {
                format!("{} ({})", filing.account, filing.tenant)
            };
            let writing = Writing { store: self, key, claim, title: &title };
            let written = writing.write(version).await;
            documents::release_folder(&self.pool, key, claim).await?;
            return written;
        }
        // Whoever writes now may have begun before this call was filed, or have it with it already.
        match self.folder(key).await? {
            folder if folder.written_version >= version => Ok(links(&folder)),
            _ => Err(busy()),
        }
    }

    async fn folder(&self, key: FolderKey<'_>) -> Result<Folder, StageError> {
        Ok(documents::find_folder(&self.pool, key).await?.ok_or(sqlx::Error::RowNotFound)?)
    }
}

impl Writing<'_> {
    /// Brings the folder up to `version` at least.
    async fn write(&self, version: i64) -> Result<DocumentLinks, StageError> {
        let mut folder = self.store.folder(self.key).await?;
        if folder.written_version >= version {
            return Ok(links(&folder));
        }
        // Read before the entries: what is filed in between is written by its own run.
        let up_to = folder.version;
        let log = self.log().await?;
        let summary = folder.summary_html.clone();
        self.ensure_folder(&mut folder).await?;
        self.put(&mut folder, Document::Summary, &summary).await?;
        self.put(&mut folder, Document::Log, &log).await?;
        folder.written_version = up_to;
        self.save(&folder).await?;
        Ok(links(&folder))
    }

    async fn log(&self) -> Result<String, StageError> {
        let (entries, left_out) = documents::list_entries(&self.store.pool, self.key, LARGEST_LOG).await?;
        let older = match left_out {
            0 => String::new(),
            left_out => format!("<p>{left_out} older calls are not shown.</p>"),
        };
        let title = escape(self.key.folder);
        Ok(format!(
            "<html><head><meta charset=\"utf-8\"></head><body><h1>Summary Log: {title}</h1>{}{older}</body></html>",
            entries.concat()
        ))
    }

    /// Makes the folder under an id that is stored before: a repeated creation finds the first.
    async fn ensure_folder(&self, folder: &mut Folder) -> Result<(), StageError> {
        if folder.folder_url.is_some() {
            return Ok(());
        }
        let id = if let Some(id) = &folder.folder_id {
            id.clone()
        } else {
            let id = self.store.drive.generate_id().await?;
            folder.folder_id = Some(id.clone());
            self.save(folder).await?;
            id
        };
        match self.store.drive.create_folder(&id, self.title, &self.store.root, &self.property(None)).await? {
            Created::Done(made) if !made.trashed => {
                folder.folder_url = made.web_view_link;
                self.save(folder).await
            }
            Created::Done(_) => Err(self.forget_folder(folder).await?),
            Created::ParentGone => Err(StageError::Failed(anyhow::anyhow!(
                "google-drive: the root folder (GOOGLE_DRIVE_FOLDER_ID) is not there any more, or not shared with us"
            ))),
        }
    }

    /// Replaces a document, or makes it where there is none.
    async fn put(&self, folder: &mut Folder, document: Document, html: &str) -> Result<(), StageError> {
        if let Some(id) = document.of(folder).id.clone() {
            match self.store.drive.replace_document(&id, html).await? {
                Replaced::Done => return Ok(()),
                Replaced::Gone => {
                    *document.of(folder) = KnownDocument::default();
                    self.save(folder).await?;
                }
            }
        }
        if let Some(begun_at) = document.of(folder).begun_at
            && self.adopt(folder, document, begun_at).await?
        {
            let id = document.of(folder).id.clone().unwrap_or_default();
            return match self.store.drive.replace_document(&id, html).await? {
                Replaced::Done => Ok(()),
                Replaced::Gone => Err(busy()),
            };
        }
        self.make(folder, document, html).await
    }

    /// Takes over the document that a lost request made, and puts its doubles into the trash. `false` when there is none.
    async fn adopt(
        &self,
        folder: &mut Folder,
        document: Document,
        begun_at: DateTime<Utc>,
    ) -> Result<bool, StageError> {
        let place = Place { parent: folder.folder_id.as_deref(), drive_id: None };
        let found = self.store.drive.find_by_key(place, &self.property(Some(document)), Kind::Document).await?;
        let mut found = found.into_iter();
        let Some(oldest) = found.next() else {
            if self.store.clock.now() < after(begun_at, SEARCH_LAG) {
                let why = format!("google-drive: whether \"{}\" was made is not known yet", document.title());
                return Err(StageError::Later { why, wait: SEARCH_AGAIN });
            }
            return Ok(false);
        };
        for double in found {
            self.store.drive.trash(&double.id).await?;
        }
        *document.of(folder) = KnownDocument { id: Some(oldest.id), url: oldest.web_view_link, begun_at: None };
        self.save(folder).await?;
        Ok(true)
    }

    async fn make(&self, folder: &mut Folder, document: Document, html: &str) -> Result<(), StageError> {
        // Remembered before: if the answer is lost, the next try looks for the document first.
        document.of(folder).begun_at = Some(self.store.clock.now());
        self.save(folder).await?;
        let parent = folder.folder_id.clone().unwrap_or_default();
        let key = self.property(Some(document));
        match self.store.drive.create_document(document.title(), &parent, &key, html).await? {
            Created::Done(made) => {
                *document.of(folder) = KnownDocument { id: Some(made.id), url: made.web_view_link, begun_at: None };
                self.save(folder).await
            }
            Created::ParentGone => Err(self.forget_folder(folder).await?),
        }
    }

    /// Somebody removed the folder: the next try makes another.
    async fn forget_folder(&self, folder: &mut Folder) -> Result<StageError, StageError> {
        folder.folder_id = None;
        folder.folder_url = None;
        folder.summary = KnownDocument::default();
        folder.log = KnownDocument::default();
        self.save(folder).await?;
        Ok(StageError::Retry(anyhow::anyhow!("google-drive: the account's folder was removed; another is made")))
    }

    async fn save(&self, folder: &Folder) -> Result<(), StageError> {
        let ours = documents::save_folder(&self.store.pool, self.key, self.claim, folder).await?;
        if ours { Ok(()) } else { Err(busy()) }
    }

    /// What our own files are found again by.
    fn property(&self, document: Option<Document>) -> String {
        let what = document.map_or("Folder", Document::title);
        format!("{}\n{}\n{}\n{what}", self.key.tenant, self.key.store, self.key.folder)
    }
}

fn busy() -> StageError {
    let why = "another worker writes the account's documents".to_owned();
    StageError::Later { why, wait: jittered(BUSY, rand::random()) }
}

fn links(folder: &Folder) -> DocumentLinks {
    let url = |url: &Option<String>| url.clone().unwrap_or_default();
    DocumentLinks {
        folder_url: url(&folder.folder_url),
        summary_url: url(&folder.summary.url),
        log_url: url(&folder.log.url),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
