//! The four requests of the SQL API v2 (contract §1.1), each with its credentials and headers. What the answers mean is
//! for others to say, but for a refused token: that is answered with a new one here, once.

use crate::clients::http::{Reply, Sender, UpstreamError};
use http::{Method, StatusCode, header};
use reqwest::RequestBuilder;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use super::{
    auth::{Bearer, Credentials},
    errors::explain,
};

/// Longer handles are not Snowflake's, which are UUIDs.
const LONGEST_HANDLE: usize = 128;

/// What Snowflake calls a statement that it runs or ran.
#[derive(Debug, Clone)]
pub(super) struct Handle(String);

impl Handle {
    /// The handle in an answer, if it can stand in a path as it is.
    pub(super) fn find(body: &Value) -> Option<Self> {
        let handle = body.get("statementHandle")?.as_str()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let valid = (1..=LONGEST_HANDLE).contains(&handle.len()) && handle.bytes().all(plain);
        valid.then(|| Self(handle.to_owned()))
    }
}

/// A way to one account's statements.
pub(super) struct Api {
    pub(super) sender: Sender,
    pub(super) base: Url,
    pub(super) credentials: Credentials,
}

impl Api {
    /// Submits a statement. `repeat` says that the same id was submitted before: Snowflake then looks whether it ran
    /// already instead of running it again, which is expensive and so never asked for at the first time (§1.7).
    /// After a broken connection, 500 or 502, when nobody knows whether it ran, it is repeated once while `deadline`
    /// allows.
    pub(super) async fn submit(
        &self,
        body: &Value,
        request_id: Uuid,
        repeat: bool,
        deadline: Instant,
    ) -> Result<Reply, UpstreamError> {
        let first = self.submit_once(body, request_id, repeat).await;
        let unsure = match &first {
            Ok(reply) => matches!(reply.status, StatusCode::INTERNAL_SERVER_ERROR | StatusCode::BAD_GATEWAY),
            Err(error) => matches!(error, UpstreamError::Retry(_)),
        };
        if unsure && Instant::now() < deadline { self.submit_once(body, request_id, true).await } else { first }
    }

    async fn submit_once(&self, body: &Value, request_id: Uuid, repeat: bool) -> Result<Reply, UpstreamError> {
        let mut url = self.url(&[]);
        url.query_pairs_mut().append_pair("requestId", &request_id.to_string());
        if repeat {
            url.query_pairs_mut().append_pair("retry", "true");
        }
        self.exchange("submit", || self.sender.request(Method::POST, url.clone()).json(body)).await
    }

    /// Asks whether a statement has ended; its result comes with the answer. Snowflake also names an address to ask,
    /// which is not followed: credentials go to the configured host only.
    pub(super) async fn poll(&self, handle: &Handle) -> Result<Reply, UpstreamError> {
        let url = self.url(&[&handle.0]);
        self.exchange("poll", || self.get(&url)).await
    }

    /// Fetches a further part of a result, counted from 1.
    pub(super) async fn partition(&self, handle: &Handle, number: usize) -> Result<Reply, UpstreamError> {
        let mut url = self.url(&[&handle.0]);
        url.query_pairs_mut().append_pair("partition", &number.to_string());
        self.exchange("partition", || self.get(&url)).await
    }

    /// Stops a statement. Whether that worked.
    pub(super) async fn cancel(&self, handle: &Handle) -> bool {
        let url = self.url(&[&handle.0, "cancel"]);
        let build = || self.sender.request(Method::POST, url.clone()).json(&json!({}));
        self.exchange("cancel", build).await.is_ok_and(|reply| reply.status.is_success())
    }

    /// Turns an answer that brought nothing into an error.
    pub(super) fn refused(&self, what: &str, reply: &Reply) -> UpstreamError {
        explain(what, reply, self.sender.now(), &self.credentials.advice())
    }

    /// Every request names its type of content, those without any too (contract §1.2).
    fn get(&self, url: &Url) -> RequestBuilder {
        self.sender.request(Method::GET, url.clone()).header(header::CONTENT_TYPE, "application/json")
    }

    fn url(&self, further: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v2", "statements"]).extend(further);
        }
        url
    }

    /// Sends with credentials, and once more with new ones where the first were refused: a request that was not
    /// authorised did nothing.
    async fn exchange(&self, what: &'static str, build: impl Fn() -> RequestBuilder) -> Result<Reply, UpstreamError> {
        let bearer = self.credentials.bearer()?;
        let reply = self.sender.send(what, authorised(build(), &bearer)).await?;
        if reply.status != StatusCode::UNAUTHORIZED || !self.credentials.forget(&bearer) {
            return Ok(reply);
        }
        self.sender.send(what, authorised(build(), &self.credentials.bearer()?)).await
    }
}

fn authorised(request: RequestBuilder, bearer: &Bearer) -> RequestBuilder {
    request
        .bearer_auth(bearer.token.expose_secret())
        .header("X-Snowflake-Authorization-Token-Type", bearer.token_type)
        .header(header::ACCEPT, "application/json")
}
