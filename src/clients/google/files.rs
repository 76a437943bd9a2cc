//! What Drive says about a file, read leniently: only the id is required.

use crate::domain::text;
use chrono::{DateTime, Utc};
use serde_json::Value;

/// The fields that are asked for of every file.
pub(super) const FIELDS: &str = "id,name,mimeType,driveId,trashed,createdTime,webViewLink,capabilities(canAddChildren)";
/// Longer ids are not Drive's; its own have up to 44 characters.
const LONGEST_ID: usize = 128;
/// How much of a name is kept, in characters.
const LONGEST_NAME: usize = 500;
/// Longer links are none of Drive's, in bytes.
const LONGEST_LINK: usize = 2000;

/// The kinds of file that are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A Google document.
    Document,
}

impl Kind {
    /// Its media type in Drive.
    #[must_use]
    pub fn mime_type(self) -> &'static str {
        match self {
            Self::Folder => "application/vnd.google-apps.folder",
            Self::Document => "application/vnd.google-apps.document",
        }
    }

    /// Where a browser finds it, when Drive did not say.
    fn link(self, id: &str) -> String {
        match self {
            Self::Folder => format!("https://drive.google.com/drive/folders/{id}"),
            Self::Document => format!("https://docs.google.com/document/d/{id}/edit"),
        }
    }
}

/// A file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// Its id.
    pub id: String,
    /// Its name; empty when Drive did not say. Names are not unique.
    pub name: String,
    /// Its media type; empty when Drive did not say.
    pub mime_type: String,
    /// The shared drive it is in; none in anybody's My Drive.
    pub drive_id: Option<String>,
    /// Whether it or a folder above it is in the trash.
    pub trashed: bool,
    /// Whether we may put something into it. Only `false` if Drive said so.
    pub can_add_children: bool,
    /// When it was made.
    pub created_time: Option<DateTime<Utc>>,
    /// Where a browser finds it: Drive's own link, else the well-known one for folders and documents.
    pub web_view_link: Option<String>,
}

impl FileInfo {
    /// Reads one file. `None` when it has no id.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let word = |field: &str| value.get(field).and_then(Value::as_str).and_then(text::clean);
        let id = word("id").filter(|id| is_id(id))?;
        let mime_type = word("mimeType").map(|name| text::shorten(&name, LONGEST_NAME)).unwrap_or_default();
        let kind = [Kind::Folder, Kind::Document].into_iter().find(|kind| kind.mime_type() == mime_type);
        let link = word("webViewLink").filter(|link| link.starts_with("https://") && link.len() <= LONGEST_LINK);
        let created = word("createdTime").and_then(|time| DateTime::parse_from_rfc3339(&time).ok());
        Some(Self {
            name: word("name").map(|name| text::shorten(&name, LONGEST_NAME)).unwrap_or_default(),
            drive_id: word("driveId").filter(|id| is_id(id)),
            trashed: value["trashed"].as_bool().unwrap_or(false),
            can_add_children: value["capabilities"]["canAddChildren"].as_bool().unwrap_or(true),
            created_time: created.map(|time| time.to_utc()),
            web_view_link: link.or_else(|| kind.map(|kind| kind.link(&id))),
            mime_type,
            id,
        })
    }

    /// What is known of a file that we named ourselves and that Drive does not show (yet).
    pub(super) fn unseen(id: &str, name: &str, kind: Kind) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            mime_type: kind.mime_type().to_owned(),
            drive_id: None,
            trashed: false,
            can_add_children: true,
            created_time: None,
            web_view_link: Some(kind.link(id)),
        }
    }
}

/// Whether a text has the form of an id, so that it can stand in a path or a query as it is.
pub(super) fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_needs_its_id_and_nothing_else() {
        let bare = FileInfo::read(&json!({"id": "f1", "name": 7, "trashed": "yes", "capabilities": []})).unwrap();
        assert_eq!((bare.name.as_str(), bare.trashed, bare.can_add_children), ("", false, true));
        assert_eq!((bare.web_view_link, bare.created_time), (None, None));
        for nameless in [json!({}), json!({"id": null}), json!({"id": "../x"}), json!([]), json!(3)] {
            assert_eq!(FileInfo::read(&nameless), None, "{nameless}");
        }
    }

    #[test]
    fn drives_own_link_is_preferred_to_the_well_known_one() {
        let told = json!({"id": "d", "mimeType": Kind::Document.mime_type(), "webViewLink": "https://docs.example/d"});
        assert_eq!(FileInfo::read(&told).unwrap().web_view_link.unwrap(), "https://docs.example/d");
        for (kind, link) in [
            (Kind::Document, "https://docs.google.com/document/d/d/edit"),
            (Kind::Folder, "https://drive.google.com/drive/folders/d"),
        ] {
            let odd = json!({"id": "d", "mimeType": kind.mime_type(), "webViewLink": "javascript:alert(1)"});
            assert_eq!(FileInfo::read(&odd).unwrap().web_view_link.unwrap(), link);
        }
    }

    proptest! {
        #[test]
        fn one_other_letter_makes_a_text_no_id(before in "[a-zA-Z_-]{0,8}", odd in "[^A-Za-z0-9_-]", after in "[0-9]{0,8}") {
            let text = format!("{before}{odd}{after}");
            prop_assert!(!is_id(&text));
        }
    }
}
