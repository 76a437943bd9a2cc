//! The files and the moods of the stand-in.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::account::{Account, Grant};

pub(super) const FOLDER: &str = "application/vnd.google-apps.folder";
pub(super) const DOCUMENT: &str = "application/vnd.google-apps.document";
pub(super) const ROOT: &str = "1RootMadeByAHuman_0000000000";
pub(super) const SHARED_DRIVE: &str = "0ASharedDrive-PVA";

/// Where the root is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// In a shared drive of which the account is a content manager.
    SharedDrive,
    /// In the My Drive of the user, shared with the account as an editor.
    MyDrive,
}

/// A file.
#[derive(Debug, Clone)]
pub struct File {
    pub id: String,
    pub name: String,
    pub mime_type: String,
    pub parent: Option<String>,
    pub properties: BTreeMap<String, String>,
    pub trashed: bool,
    pub drive_id: Option<String>,
    /// Only of documents.
    pub content: Option<String>,
    /// Its place in the order of creation.
    pub made: i64,
    /// So many searches do not find it yet.
    pub(super) unseen_by: u32,
}

pub(super) struct World {
    pub(super) account: Account,
    pub(super) files: HashMap<String, File>,
    /// Given out and not used yet.
    pub(super) free_ids: HashSet<String>,
    pub(super) used_ids: HashSet<String>,
    pub(super) unshared: bool,
    pub(super) read_only: bool,
    pub(super) lag: u32,
    pub(super) page_size: Option<usize>,
    pub(super) incomplete: bool,
    counter: i64,
}

impl World {
    pub(super) fn new(layout: Layout) -> Self {
        let root = File {
            id: ROOT.to_owned(),
            name: "Customer calls".to_owned(),
            mime_type: FOLDER.to_owned(),
            parent: None,
            properties: BTreeMap::new(),
            trashed: false,
            drive_id: (layout == Layout::SharedDrive).then(|| SHARED_DRIVE.to_owned()),
            content: None,
            made: 0,
            unseen_by: 0,
        };
        Self {
            account: Account::default(),
            files: HashMap::from([(ROOT.to_owned(), root)]),
            free_ids: HashSet::new(),
            used_ids: HashSet::new(),
            unshared: false,
            read_only: false,
            lag: 0,
            page_size: None,
            incomplete: false,
            counter: 0,
        }
    }

    pub(super) fn next(&mut self) -> i64 {
        self.counter += 1;
        self.counter
    }

    pub(super) fn new_id(&mut self) -> String {
        format!("1File-{:020}_x", self.next())
    }

    /// A file that a test names.
    pub(super) fn file(&mut self, id: &str) -> &mut File {
        self.files.get_mut(id).expect("a file")
    }

    /// Whether the file or a folder above it is in the trash.
    pub(super) fn is_trashed(&self, id: &str) -> bool {
        let above = std::iter::successors(self.files.get(id), |file| self.files.get(file.parent.as_deref()?));
        above.take(100).any(|file| file.trashed)
    }

    /// A file, if a call may know of it.
    pub(super) fn visible(&self, id: &str, grant: &Grant, all_drives: bool) -> Option<&File> {
        let made_by_us = id != ROOT;
        let file = self.files.get(id)?;
        let visible = !self.unshared && (grant.sees_all || made_by_us) && (all_drives || file.drive_id.is_none());
        visible.then_some(file)
    }

    /// All that can be asked for of a file; what is absent is null.
    pub(super) fn whole(&self, file: &File) -> Value {
        let made = DateTime::from_timestamp(1_900_000_000 + file.made, 0).expect("a time");
        let created = made.to_rfc3339_opts(SecondsFormat::Millis, true);
        // Also of one that is not kept yet.
        let trashed = file.trashed || file.parent.as_deref().is_some_and(|parent| self.is_trashed(parent));
        let link = match file.mime_type.as_str() {
            FOLDER => format!("https://drive.google.example/folders/{}", file.id),
            _ => format!("https://docs.google.example/d/{}", file.id),
        };
        json!({
            "kind": "drive#file", "id": file.id, "name": file.name, "mimeType": file.mime_type,
            "parents": file.parent.iter().collect::<Vec<_>>(), "appProperties": file.properties,
            "trashed": trashed, "driveId": file.drive_id, "createdTime": created,
            "modifiedTime": created, "webViewLink": link, "version": "1",
            "capabilities": {"canAddChildren": file.mime_type == FOLDER && !self.read_only, "canEdit": !self.read_only},
        })
    }
}
