//! Brings one account's folder in Drive up to date: the folder, "Call Summary" and "Summary Log", each made once.
//!
//! Every id is stored before it is used again. Folders take an id of ours, so making one twice makes one. Documents do not:
//! before one is made we remember that we are about to, and if the answer is lost the next try looks for it first.

use std::time::Duration;

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    clients::{
        google::{Created, Drive, FileInfo, Kind, Place, Replaced},
        http::UpstreamError,
    },
    db::documents::{self, Folder, FolderKey, KnownDocument},
    domain::clock::{Clock, after},
    pipeline::StageError,
};

/// How long Drive's search may be behind: within this time "not found" is no proof.
const SEARCH_LAG: Duration = Duration::from_secs(45);
/// When to look again within it.
const SEARCH_AGAIN: Duration = Duration::from_secs(15);

/// The only writer of a folder, for as long as its claim holds.
pub(super) struct Writer<'a> {
    pub(super) drive: &'a Drive,
    /// The folder in which accounts get theirs.
    pub(super) root: &'a str,
    pub(super) pool: &'a PgPool,
    pub(super) clock: &'a Clock,
    pub(super) key: FolderKey<'a>,
    pub(super) claim: Uuid,
    /// The folder's name as people see it.
    pub(super) title: String,
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

impl Writer<'_> {
    /// Writes both documents and returns what is then known of the folder.
    pub(super) async fn put(&self, mut folder: Folder, summary: &str, log: &str) -> Result<Folder, StageError> {
        self.ensure_folder(&mut folder).await?;
        // Before anything is written: an open question puts the run back.
        for document in [Document::Summary, Document::Log] {
            if document.of(&mut folder).begun_at.is_some() {
                self.settle_creation(&mut folder, document).await?;
            }
        }
        self.put_document(&mut folder, Document::Summary, summary).await?;
        self.put_document(&mut folder, Document::Log, log).await?;
        Ok(folder)
    }

    /// Makes the folder under an id that is stored before: a repeated creation finds the first.
    async fn ensure_folder(&self, folder: &mut Folder) -> Result<(), StageError> {
        if folder.folder_url.is_some() {
            return Ok(());
        }
        let id = if let Some(id) = &folder.folder_id {
            id.clone()
        } else {
            let id = self.drive.generate_id().await?;
            folder.folder_id = Some(id.clone());
            self.save(folder).await?;
            id
        };
        match self.drive.create_folder(&id, &self.title, self.root, &self.property("Folder")).await? {
            Created::Done(made) if !made.trashed => {
                folder.folder_url = made.web_view_link;
                self.save(folder).await
            }
            Created::Done(_) => Err(self.folder_is_gone(folder).await?),
            Created::ParentGone => Err(root_gone()),
        }
    }

    /// Replaces a document, or makes it where there is none.
    async fn put_document(&self, folder: &mut Folder, document: Document, html: &str) -> Result<(), StageError> {
        if let Some(id) = document.of(folder).id.clone() {
            match self.drive.replace_document(&id, html).await? {
                Replaced::Done => return Ok(()),
                Replaced::Gone => {
                    // To Drive, what was removed and what is not shared with us any more look alike.
                    self.ensure_root().await?;
                    *document.of(folder) = KnownDocument::default();
                    self.save(folder).await?;
                }
            }
        }
        self.make(folder, document, html).await
    }

    /// Finds out what became of a creation whose answer was lost: takes the document over, and puts doubles into the
    /// trash. Returns with the question settled, or an error that says to ask again later.
    async fn settle_creation(&self, folder: &mut Folder, document: Document) -> Result<(), StageError> {
        let mut found = self.find(folder, document).await?;
        let known = document.of(folder);
        let (now, begun_at) = (self.clock.now(), known.begun_at.unwrap_or_default());
        // The one that we know is the one whose link we gave away; otherwise the oldest stays.
        let keep = known.id.clone().or_else(|| found.first().map(|file| file.id.clone()));
        if keep.is_none() && now < after(begun_at, SEARCH_LAG) {
            let why = format!("google-drive: whether \"{}\" was made is not known yet", document.title());
            return Err(StageError::Later { why, wait: SEARCH_AGAIN });
        }
        if let Some(at) = found.iter().position(|file| Some(&file.id) == keep.as_ref()) {
            let kept = found.remove(at);
            (known.id, known.url) = (Some(kept.id), kept.web_view_link);
        }
        for double in found {
            self.drive.trash(&double.id).await?;
        }
        // What was made twice may show late: as long as that can be, the question stays open.
        if now >= after(begun_at, SEARCH_LAG) {
            document.of(folder).begun_at = None;
        }
        self.save(folder).await
    }

    async fn find(&self, folder: &Folder, document: Document) -> Result<Vec<FileInfo>, StageError> {
        let Some(id) = folder.folder_id.as_deref() else { return Ok(Vec::new()) };
        let drive_id = self.drive.describe(id).await?.and_then(|folder| folder.drive_id);
        let place = Place { parent: Some(id), drive_id: drive_id.as_deref() };
        Ok(self.drive.find_by_key(place, &self.property(document.title()), Kind::Document).await?)
    }

    async fn make(&self, folder: &mut Folder, document: Document, html: &str) -> Result<(), StageError> {
        let again = self.begin(folder, document).await?;
        let parent = folder.folder_id.clone().unwrap_or_default();
        let key = self.property(document.title());
        match self.drive.create_document(document.title(), &parent, &key, html).await {
            // Somebody put the folder into the trash, and the new document is there with it.
            Ok(Created::Done(made)) if made.trashed => Err(self.folder_is_gone(folder).await?),
            Ok(Created::Done(made)) => {
                let begun_at = if again { document.of(folder).begun_at } else { None };
                *document.of(folder) = KnownDocument { id: Some(made.id), url: made.web_view_link, begun_at };
                self.save(folder).await
            }
            Ok(Created::ParentGone) => Err(self.folder_is_gone(folder).await?),
            Err(error) => {
                if matches!(error, UpstreamError::Retry(_)) {
                    self.begin(folder, document).await?; // it may still come to be: the lag counts from here
                } else {
                    document.of(folder).begun_at = None;
                    self.save(folder).await?;
                }
                Err(error.into())
            }
        }
    }

    /// Remembers that a creation is under way, and tells whether one was before whose end is not known.
    async fn begin(&self, folder: &mut Folder, document: Document) -> Result<bool, StageError> {
        let before: Option<DateTime<Utc>> = document.of(folder).begun_at.replace(self.clock.now());
        self.save(folder).await?;
        Ok(before.is_some())
    }

    /// Fails unless the root is there and shared with us: else what is known of the account's files would be forgotten,
    /// and a root that is shared again would get everything twice.
    async fn ensure_root(&self) -> Result<(), StageError> {
        match self.drive.describe(self.root).await? {
            Some(root) if !root.trashed => Ok(()),
            _ => Err(root_gone()),
        }
    }

    /// Drive says that the folder is not there. If it is right, the next try makes another.
    async fn folder_is_gone(&self, folder: &mut Folder) -> Result<StageError, StageError> {
        let id = folder.folder_id.clone().unwrap_or_default();
        if self.drive.describe(&id).await?.is_some_and(|folder| !folder.trashed) {
            return Ok(StageError::Retry(anyhow!("google-drive: the account's folder does not show everywhere yet")));
        }
        self.ensure_root().await?;
        *folder = Folder {
            folder_id: None,
            folder_url: None,
            summary: KnownDocument::default(),
            log: KnownDocument::default(),
        };
        self.save(folder).await?;
        Ok(StageError::Retry(anyhow!("google-drive: the account's folder was removed; another is made")))
    }

    async fn save(&self, folder: &Folder) -> Result<(), StageError> {
        if documents::save_folder(self.pool, self.key, self.claim, folder).await? {
            return Ok(());
        }
        Err(StageError::Retry(anyhow!("the claim of the account's folder had run out")))
    }

    /// What our own files are found again by.
    fn property(&self, what: &str) -> String {
        format!("{}\n{}\n{}\n{what}", self.key.tenant, self.key.store, self.key.folder)
    }
}

fn root_gone() -> StageError {
    StageError::Failed(anyhow!(
        "google-drive: the root folder (GOOGLE_DRIVE_FOLDER_ID) is not there, in the trash, or not shared with us; \
         aftercall check says whom to share it with"
    ))
}
