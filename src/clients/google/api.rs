//! Sends calls to Drive with a token, and once more with a fresh one when the token is refused.

use std::sync::Arc;

use crate::clients::http::{Reply, Sender, UpstreamError};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use super::{
    GoogleConfig,
    errors::{self, Failure},
    files::is_id,
    token::{Token, Tokens},
};

/// The default of every method is `false`, and hides whatever is in a shared drive.
pub(super) const ALL_DRIVES: (&str, &str) = ("supportsAllDrives", "true");

/// A call, ready to be sent more than once.
pub(super) struct Call<'a> {
    /// Names it in spans and errors.
    pub(super) what: &'static str,
    pub(super) method: Method,
    pub(super) target: Target<'a>,
    pub(super) query: &'a [(&'a str, &'a str)],
    /// A content type and the body.
    pub(super) content: Option<(&'a str, Bytes)>,
}

/// What a call is about.
#[derive(Clone, Copy)]
pub(super) enum Target<'a> {
    /// All files.
    Files,
    /// A supply of unused ids.
    Ids,
    /// One file's metadata.
    File(&'a str),
    /// A new file with content.
    Upload,
    /// One file's content.
    Content(&'a str),
}

/// The authorised way to Drive.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) config: Arc<GoogleConfig>,
    pub(super) sender: Sender,
    pub(super) tokens: Arc<Tokens>,
    pub(super) base: Url,
}

impl Api {
    /// Sends a call and reads the answer to a success.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<Value, Failure> {
        let url = self.url(&call)?;
        let token = self.tokens.get().await?;
        let mut reply = self.exchange(&call, &url, &token).await?;
        if reply.status == StatusCode::UNAUTHORIZED {
            // Revoked before its time. A second refusal is not the token's fault any more.
            self.tokens.forget(&token).await;
            let fresh = self.tokens.get().await?;
            reply = self.exchange(&call, &url, &fresh).await?;
        }
        if !reply.status.is_success() {
            return Err(errors::failure(call.what, &reply, self.sender.now(), &self.config));
        }
        reply.json().ok_or_else(|| unreadable(call.what).into())
    }

    async fn exchange(&self, call: &Call<'_>, url: &Url, token: &Token) -> Result<Reply, UpstreamError> {
        let mut request =
            self.sender.request(call.method.clone(), url.clone()).bearer_auth(token.secret.expose_secret());
        if let Some((content_type, body)) = &call.content {
            request = request.header(header::CONTENT_TYPE, *content_type).body(body.clone());
        }
        match call.target {
            Target::Upload => self.sender.send(call.what, request).await, // a second time it would make a second document
            _ => self.sender.send_repeatable(call.what, request).await,
        }
    }

    fn url(&self, call: &Call<'_>) -> Result<Url, UpstreamError> {
        let (upload, last) = match call.target {
            Target::Files => (None, None),
            Target::Ids => (None, Some("generateIds")),
            Target::File(id) => (None, Some(checked(id, call.what)?)),
            Target::Upload => (Some("upload"), None),
            Target::Content(id) => (Some("upload"), Some(checked(id, call.what)?)),
        };
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(upload).extend(["drive", "v3", "files"]).extend(last);
        }
        url.query_pairs_mut().extend_pairs(call.query);
        Ok(url)
    }
}

/// Something that is no id would change the path, and with it what is asked for.
fn checked<'a>(id: &'a str, what: &str) -> Result<&'a str, UpstreamError> {
    let wrong =
        || UpstreamError::Never(format!("google-drive ({what}): a file's id has only letters, digits, - and _"));
    if is_id(id) { Ok(id) } else { Err(wrong()) }
}

/// The answer to a success that is none of Drive's. It may have been done.
pub(super) fn unreadable(what: &str) -> UpstreamError {
    UpstreamError::Retry(format!("google-drive ({what}): the answer cannot be read"))
}
