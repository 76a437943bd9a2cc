//! What can be told at the start, before the first document is refused.

use crate::clients::http::UpstreamError;

use super::{Drive, FileInfo, Kind};

/// What is known of the root folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootReport {
    /// Its name.
    pub name: String,
    /// Whether it is in a shared drive.
    pub in_shared_drive: bool,
    /// What will probably go wrong, for the operator.
    pub warnings: Vec<String>,
}

impl Drive {
    /// Checks the folder that everything is put into. [`UpstreamError::Never`] says what has to be changed before
    /// anything can work; a warning says what probably will not.
    pub async fn check(&self, root_id: &str) -> Result<RootReport, UpstreamError> {
        let config = &self.api.config;
        let (who, account) = (config.acts_as(), config.key.client_email());
        let never = |text: String| UpstreamError::Never(format!("google-drive: the root folder {text}"));
        let Some(root) = self.describe(root_id).await? else {
            // Drive does not say which of the two it is.
            return Err(never(format!(
                "does not exist or is not shared with {who}; share it, or the shared drive, with them"
            )));
        };
        if let Some(obstacle) = obstacle(&root, who) {
            return Err(never(obstacle));
        }
        let mut warnings = Vec::new();
        if root.drive_id.is_none() && config.subject.is_none() {
            warnings.push(format!(
                "The root folder is in somebody's My Drive, and {account} owns no storage: Drive will refuse documents \
                 (storageQuotaExceeded). Move the folder into a shared drive, or set GOOGLE_IMPERSONATE"
            ));
        }
        Ok(RootReport { in_shared_drive: root.drive_id.is_some(), name: root.name, warnings })
    }
}

/// Why nothing can be put into this root.
fn obstacle(root: &FileInfo, who: &str) -> Option<String> {
    if root.mime_type != Kind::Folder.mime_type() {
        return Some("is not a folder (GOOGLE_DRIVE_FOLDER_ID is the last part of the folder's URL)".to_owned());
    }
    if root.trashed {
        return Some("is in the trash; restore it, or name another".to_owned());
    }
    let forbidden =
        format!("takes nothing from {who}; make them a content manager of the shared drive, or an editor of it");
    (!root.can_add_children).then_some(forbidden)
}
