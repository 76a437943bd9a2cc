//! Finds our own files again by the key that they were made under.
//!
//! A search is for recovery: it may be behind. The ids that the caller stores are the truth.

use crate::clients::http::UpstreamError;
use http::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Drive, FileInfo, Kind,
    api::{ALL_DRIVES, Call, Target},
    errors::Failure,
    files::FIELDS,
};

/// The name of the app property that holds the key.
pub(super) const PROPERTY: &str = "aftercall";
/// How many bytes of the hash are kept: enough that no two keys meet.
const KEY_BYTES: usize = 20;

/// How many pages of a search are read. A key has one file, or a few after a mishap.
const MOST_PAGES: usize = 50;
/// The search in spans and errors.
const WHAT: &str = "search by key";

/// Where to search.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place<'a> {
    /// Only directly in this folder.
    pub parent: Option<&'a str>,
    /// Only in this shared drive; [`FileInfo::drive_id`] of the root says which.
    pub drive_id: Option<&'a str>,
}

impl Drive {
    /// Finds what has been made under a key and is not in the trash, the oldest first. A parent that is not visible
    /// holds nothing.
    ///
    /// What was made a moment ago may be missing: finding nothing is not proof.
    pub async fn find_by_key(&self, place: Place<'_>, key: &str, kind: Kind) -> Result<Vec<FileInfo>, UpstreamError> {
        let condition = with_key(key, kind, place.parent);
        let mut found = Vec::new();
        let mut incomplete = false;
        let mut page_token: Option<String> = None;
        // A page may be empty and yet not the last: only a missing token ends the search.
        for _ in 0..MOST_PAGES {
            let page = match self.page(place, &condition, page_token.as_deref()).await {
                Err(Failure::NotFound(_)) => return Ok(Vec::new()),
                page => page?,
            };
            let files = page["files"].as_array().map(Vec::as_slice).unwrap_or_default();
            found.extend(files.iter().filter_map(FileInfo::read));
            incomplete |= page["incompleteSearch"].as_bool().unwrap_or(false);
            page_token = page["nextPageToken"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
            if page_token.is_none() {
                return settled(found, incomplete);
            }
        }
        Err(UpstreamError::Retry(format!("google-drive ({WHAT}): no end after {MOST_PAGES} pages")))
    }

    async fn page(&self, place: Place<'_>, condition: &str, page_token: Option<&str>) -> Result<Value, Failure> {
        let fields = format!("nextPageToken,incompleteSearch,files({FIELDS})");
        let mut query = vec![ALL_DRIVES, ("includeItemsFromAllDrives", "true"), ("pageSize", "100")];
        query.extend([("q", condition), ("fields", &fields)]);
        query.extend(place.drive_id.map(|id| [("corpora", "drive"), ("driveId", id)]).into_iter().flatten());
        query.extend(page_token.map(|token| ("pageToken", token)));
        let call = Call { what: WHAT, method: Method::GET, target: Target::Files, query: &query, content: None };
        self.api.send(call).await
    }
}

/// What a search to its end found.
fn settled(mut found: Vec<FileInfo>, incomplete: bool) -> Result<Vec<FileInfo>, UpstreamError> {
    if found.is_empty() && incomplete {
        // Taken for "there is none", this would make a second one.
        return Err(UpstreamError::Retry(format!("google-drive ({WHAT}): Drive did not search everywhere")));
    }
    // Without a time it is no candidate for the oldest; the id makes the order the same for everybody.
    found.sort_by_cached_key(|file| (file.created_time.is_none(), file.created_time, file.id.clone()));
    found.dedup_by(|one, other| one.id == other.id);
    Ok(found)
}

/// The value of the app property for a key. Name and value may have 124 bytes together, and a call's id can be longer,
/// so what stands there is a hash.
pub(super) fn property_value(key: &str) -> String {
    hex::encode(&Sha256::digest(key)[..KEY_BYTES])
}

/// The condition for files with a key. Without "trashed = false" the trash is searched too.
fn with_key(key: &str, kind: Kind, parent: Option<&str>) -> String {
    let (property, value, kind) = (literal(PROPERTY), literal(&property_value(key)), literal(kind.mime_type()));
    let own =
        format!("appProperties has {{ key={property} and value={value} }} and mimeType = {kind} and trashed = false");
    match parent {
        Some(parent) => format!("{own} and {} in parents", literal(parent)),
        None => own,
    }
}

/// A text in quotes. The backslash first, or it would be escaped twice.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_and_backslashes_are_escaped() {
        assert_eq!(literal(r"Ana's \ calls"), r"'Ana\'s \\ calls'");
        assert_eq!(literal(r"\'"), r"'\\\''");
    }

    #[test]
    fn the_condition_names_key_kind_and_parent() {
        let value = property_value("call 1");
        assert_eq!(
            with_key("call 1", Kind::Document, Some("p")),
            format!(
                "appProperties has {{ key='aftercall' and value='{value}' }} and mimeType = \
                 'application/vnd.google-apps.document' and trashed = false and 'p' in parents"
            )
        );
    }

    proptest! {
        #[test]
        fn every_key_fits_into_a_property(key in ".{0,400}") {
            prop_assert!(PROPERTY.len() + property_value(&key).len() <= 124);
        }
    }
}
