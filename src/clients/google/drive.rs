//! The calls to Drive, one method each. None is repeated here, and none remembers a file.

use std::{sync::Arc, time::Duration};

use crate::clients::http::{BreakerState, Sender, SenderContext, SystemLimits, UpstreamError};
use anyhow::ensure;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use url::Url;

use super::{
    GoogleConfig,
    api::{ALL_DRIVES, Api, Call, Target, unreadable},
    errors::Failure,
    files::{FIELDS, FileInfo, Kind, is_id},
    multipart, search,
    token::Tokens,
};

/// Where Drive is.
const API_URL: &str = "https://www.googleapis.com";
/// The most that goes into one request; Drive wants larger content in pieces. In bytes.
const LARGEST_UPLOAD: usize = 5_000_000;
/// What a document's content is written in.
const HTML: &str = "text/html";

/// Drive, as one identity.
#[derive(Clone)]
pub struct Drive {
    pub(super) api: Api,
}

/// What became of a file that was to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is there.
    Done(FileInfo),
    /// Nothing was made: the parent does not exist any more, or is not visible to us any more.
    ParentGone,
}

/// What became of a document whose content was to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// It has the new content.
    Done,
    /// It is deleted, in the trash, or not visible to us any more: make another.
    Gone,
}

impl Drive {
    /// Builds the client. Asks nothing yet.
    pub fn new(config: GoogleConfig, context: &SenderContext) -> anyhow::Result<Self> {
        let base = config.api_url.clone().map_or_else(|| Url::parse(API_URL), Ok)?;
        ensure!(!base.cannot_be_a_base(), "the URL of Google's API has no host");
        let config = Arc::new(config);
        let drive = SystemLimits {
            system: "google-drive",
            setting: "GOOGLE_API_URL",
            read: Duration::from_secs(45), // a conversion is silent for some time
            total: Duration::from_secs(60),
            largest_answer: 4 << 20,
            concurrency: 4,
        };
        // Another system: while Drive is left alone, tokens can still be had, and the other way round.
        let token = SystemLimits {
            system: "google-token",
            setting: "token_uri of the key",
            read: Duration::from_secs(20),
            total: Duration::from_secs(30),
            largest_answer: 1 << 20,
            concurrency: 1,
        };
        let tokens = Arc::new(Tokens::new(Sender::new(token, context)?, Arc::clone(&config)));
        Ok(Self { api: Api { config, sender: Sender::new(drive, context)?, tokens, base } })
    }

    /// Whether requests are let through at present: those to Drive, and those for the tokens that it wants.
    #[must_use]
    pub fn breakers(&self) -> [(&'static str, BreakerState); 2] {
        [("google-drive", self.api.sender.breaker()), ("google-token", self.api.tokens.breaker())]
    }

    /// Looks a file up. `None` when it does not exist or is not visible to us.
    pub async fn describe(&self, id: &str) -> Result<Option<FileInfo>, UpstreamError> {
        const WHAT: &str = "look up a file";
        let query = &[ALL_DRIVES, ("fields", FIELDS)];
        let call = Call { what: WHAT, method: Method::GET, target: Target::File(id), query, content: None };
        match self.api.send(call).await {
            Ok(answer) => FileInfo::read(&answer).map(Some).ok_or_else(|| unreadable(WHAT)),
            Err(Failure::NotFound(_)) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// An unused id for a folder that is to be made. Store it before it is used: a repeated creation then finds the
    /// first.
    pub async fn generate_id(&self) -> Result<String, UpstreamError> {
        const WHAT: &str = "make an id";
        // The only call that does not know `supportsAllDrives`.
        let query = &[("count", "1"), ("space", "drive"), ("type", "files"), ("fields", "ids")];
        let call = Call { what: WHAT, method: Method::GET, target: Target::Ids, query, content: None };
        let answer = self.api.send(call).await?;
        let id = answer["ids"][0].as_str().filter(|id| is_id(id));
        id.map(str::to_owned).ok_or_else(|| unreadable(WHAT))
    }

    /// Makes a folder under an id of [`Self::generate_id`]. Safe to repeat: an id in use is this folder, made before,
    /// and is answered as it is now, which may be in the trash.
    pub async fn create_folder(&self, id: &str, name: &str, parent: &str, key: &str) -> Result<Created, UpstreamError> {
        const WHAT: &str = "make a folder";
        let mut metadata = metadata(name, parent, key, Kind::Folder);
        metadata["id"] = id.into();
        let query = &[ALL_DRIVES, ("fields", FIELDS)];
        let content = Some(("application/json; charset=UTF-8", metadata.to_string().into()));
        let call = Call { what: WHAT, method: Method::POST, target: Target::Files, query, content };
        match self.api.send(call).await {
            Err(Failure::IdInUse(_)) => {
                let found = self.describe(id).await?;
                Ok(Created::Done(found.unwrap_or_else(|| FileInfo::unseen(id, name, Kind::Folder))))
            }
            answer => created(WHAT, answer),
        }
    }

    /// Makes a document from HTML in UTF-8 that says so itself (`<meta charset>`).
    ///
    /// Not safe to repeat: Drive takes no ids for documents. After a [`UpstreamError::Retry`] it may be there; search
    /// by key before trying again.
    pub async fn create_document(
        &self,
        name: &str,
        parent: &str,
        key: &str,
        html: &str,
    ) -> Result<Created, UpstreamError> {
        const WHAT: &str = "make a document";
        // The kind in the metadata and another type in the part are what makes Drive convert.
        let upload = multipart::related(&metadata(name, parent, key, Kind::Document), HTML, html);
        ensure_fits(WHAT, &upload.body)?;
        let query = &[("uploadType", "multipart"), ALL_DRIVES, ("fields", FIELDS)];
        let content = Some((upload.content_type.as_str(), upload.body));
        let call = Call { what: WHAT, method: Method::POST, target: Target::Upload, query, content };
        created(WHAT, self.api.send(call).await)
    }

    /// Replaces the whole content of a document; id, links and sharing stay. Safe to repeat.
    pub async fn replace_document(&self, id: &str, html: &str) -> Result<Replaced, UpstreamError> {
        const WHAT: &str = "replace a document";
        let body = Bytes::copy_from_slice(html.as_bytes());
        ensure_fits(WHAT, &body)?;
        let query = &[("uploadType", "media"), ALL_DRIVES, ("fields", "id,trashed")];
        let content = Some((HTML, body));
        let call = Call { what: WHAT, method: Method::PATCH, target: Target::Content(id), query, content };
        match self.api.send(call).await {
            // A document in the trash takes new content without a word.
            Ok(answer) if answer["trashed"].as_bool() == Some(true) => Ok(Replaced::Gone),
            Ok(_) => Ok(Replaced::Done),
            Err(Failure::NotFound(_)) => Ok(Replaced::Gone),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Puts a file into the trash. Safe to repeat; what is gone already counts as done.
    pub async fn trash(&self, id: &str) -> Result<(), UpstreamError> {
        const WHAT: &str = "trash a file";
        let query = &[ALL_DRIVES, ("fields", "id,trashed")];
        let content = Some(("application/json; charset=UTF-8", json!({"trashed": true}).to_string().into()));
        let call = Call { what: WHAT, method: Method::PATCH, target: Target::File(id), query, content };
        match self.api.send(call).await {
            Ok(_) | Err(Failure::NotFound(_)) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }
}

fn metadata(name: &str, parent: &str, key: &str, kind: Kind) -> Value {
    json!({
        "name": name,
        "mimeType": kind.mime_type(),
        "parents": [parent],
        "appProperties": {search::PROPERTY: search::property_value(key)},
    })
}

/// The parent is the only file that a creation names, so nothing else can be missing.
fn created(what: &str, answer: Result<Value, Failure>) -> Result<Created, UpstreamError> {
    match answer {
        Ok(answer) => FileInfo::read(&answer).map(Created::Done).ok_or_else(|| unreadable(what)),
        Err(Failure::NotFound(_)) => Ok(Created::ParentGone),
        Err(failure) => Err(failure.into()),
    }
}

fn ensure_fits(what: &str, body: &Bytes) -> Result<(), UpstreamError> {
    if body.len() <= LARGEST_UPLOAD {
        return Ok(());
    }
    let (size, most) = (body.len() / 1000, LARGEST_UPLOAD / 1_000_000);
    Err(UpstreamError::Never(format!("google-drive ({what}): {size} kB are too much, Drive takes {most} MB at once")))
}
