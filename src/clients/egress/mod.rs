//! The one way out to addresses that users of the API chose.
//!
//! A target is resolved, its addresses checked, and the connection made to a checked address and no other, so a name
//! that changes its answer in between gains nothing. No redirect is followed, no proxy of the environment used, nothing
//! large sent, reading stops at a cap and the whole exchange at a deadline. HTTP/1.1 only: HTTP/2 gives a hostile
//! receiver more to play with and one POST nothing. Mail servers do not pass here: the operator chose those.

mod addresses;
mod error;
mod guard;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use tokio::time::{Instant, timeout_at};
use url::Url;

use self::guard::Guard;
pub use self::{error::EgressError, guard::Lookup};
use crate::{config::EgressConfig, domain::text};

/// How much is sent. What is told of a call takes a few kilobytes, and receivers seldom take more than this.
const BODY_CAP: usize = 1 << 20;
/// How much of an answer's body is read: enough to show an administrator what is wrong. Its head stops at the client's
/// own caps, 100 headers and 400 KB.
const ANSWER_CAP: usize = 4096;
/// How much of the answer is kept, in characters.
const EXCERPT_LENGTH: usize = 500;
/// How long a connection may take to come about, within the whole deadline.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What we say we are.
pub const USER_AGENT: &str = concat!("aftercall/", env!("CARGO_PKG_VERSION"));

/// Sends to targets that users of the API chose.
#[derive(Clone)]
pub struct Egress {
    client: reqwest::Client,
    guard: Guard,
}

/// What a target answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header as it came.
    pub retry_after: Option<String>,
    /// The beginning of the body.
    pub excerpt: String,
}

impl Egress {
    /// Builds the client. Fails when the system has no trust roots.
    pub fn new(config: &EgressConfig) -> anyhow::Result<Self> {
        Self::with_lookup(config, guard::system())
    }

    /// Does the same with another way of resolving names: no name server is on the wire where it could be replaced.
    pub fn with_lookup(config: &EgressConfig, lookup: Lookup) -> anyhow::Result<Self> {
        let guard = Guard::new(config, lookup);
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .no_gzip()
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .dns_resolver(guard.clone());
        let extra =
            config.extra_ca.iter().map(|der| reqwest::Certificate::from_der(der)).collect::<Result<Vec<_>, _>>()?;
        if !extra.is_empty() {
            builder = builder.tls_certs_merge(extra);
        }
        Ok(Self { client: builder.build()?, guard })
    }

    /// Checks what can be told of a target without resolving it; the error is fit for the one who typed it.
    pub fn check(&self, target: &str) -> Result<Url, String> {
        self.guard.check(target)
    }

    /// Posts `body` and reads the beginning of the answer, all within `deadline`.
    pub async fn post(
        &self,
        target: &str,
        headers: HeaderMap,
        body: Bytes,
        deadline: Duration,
    ) -> Result<Answer, EgressError> {
        let url = self.check(target).map_err(EgressError::Refused)?;
        if body.len() > BODY_CAP {
            return Err(EgressError::TooLarge(body.len()));
        }
        let end = Instant::now() + deadline;
        let sending = self.client.post(url).headers(headers).body(body).send();
        let answer = timeout_at(end, sending).await.map_err(|_| EgressError::TimedOut(deadline))?;
        Ok(read(answer.map_err(error::explain)?, end).await)
    }
}

/// Reads an answer up to the cap or the deadline. A body that breaks off or never ends does not undo a status that has
/// arrived.
async fn read(mut answer: reqwest::Response, end: Instant) -> Answer {
    let mut body = Vec::new();
    while body.len() < ANSWER_CAP {
        match timeout_at(end, answer.chunk()).await {
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_CAP - body.len())]),
            Ok(Ok(None) | Err(_)) | Err(_) => break,
        }
    }
    let retry_after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    // Before it is cut: half a number would not be known as one.
    let excerpt = text::clean(&text::without_contacts(&String::from_utf8_lossy(&body))).unwrap_or_default();
    Answer {
        status: answer.status().as_u16(),
        retry_after: retry_after.map(str::to_owned),
        excerpt: text::shorten(&excerpt, EXCERPT_LENGTH),
    }
}
