//! Tokens of a service account: an assertion signed with its key is exchanged for a token that works for an hour.
//!
//! Beyond a hiccup the exchange is not repeated here: what may pass is for the caller's queue to try again.

use std::{sync::Arc, time::Duration};

use crate::{
    clients::http::{BreakerState, Reply, Sender, UpstreamError},
    domain::{clock::after, text},
};
use chrono::{DateTime, Utc};
use http::{Method, header};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Mutex;
use url::form_urlencoded;

use super::GoogleConfig;

/// All that the identity can see. The narrower `drive.file` reaches only what the app itself made: a root folder that a
/// human made and shared would answer 404.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/drive";
/// How long an assertion is good for, in seconds. Google takes at most an hour; the rest is for rounding.
const ASSERTION_SECONDS: i64 = 3595;
/// A token is replaced this long before it ends, so that none ends under way.
const REFRESH_BEFORE: Duration = Duration::from_secs(120);
/// How long a token lasts when the answer does not say, and the longest that is believed.
const TOKEN_LASTS: Duration = Duration::from_hours(1);
/// How much of what Google says is shown, in characters.
const MESSAGE_LENGTH: usize = 300;
/// The exchange in spans and errors.
const WHAT: &str = "fetch a token";

/// The one token of a process, fetched when it is needed.
pub(super) struct Tokens {
    sender: Sender,
    config: Arc<GoogleConfig>,
    /// Locked while a token is fetched: whoever comes meanwhile waits for that one instead of fetching another.
    current: Mutex<Option<Arc<Token>>>,
}

/// A token and when to stop using it.
pub(super) struct Token {
    pub(super) secret: SecretString,
    stale_from: DateTime<Utc>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
}

impl Tokens {
    /// Whether tokens are asked for at present.
    pub(super) fn breaker(&self) -> BreakerState {
        self.sender.breaker()
    }

    pub(super) fn new(sender: Sender, config: Arc<GoogleConfig>) -> Self {
        Self { sender, config, current: Mutex::default() }
    }

    /// A token that works for some time yet.
    pub(super) async fn get(&self) -> Result<Arc<Token>, UpstreamError> {
        let mut current = self.current.lock().await;
        if let Some(token) = current.as_ref().filter(|token| self.sender.now() < token.stale_from) {
            return Ok(Arc::clone(token));
        }
        *current = None;
        let token = Arc::new(self.fetch().await?);
        *current = Some(Arc::clone(&token));
        Ok(token)
    }

    /// Forgets a token that was refused, unless another has taken its place already.
    pub(super) async fn forget(&self, refused: &Arc<Token>) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|token| Arc::ptr_eq(token, refused)) {
            *current = None;
        }
    }

    async fn fetch(&self) -> Result<Token, UpstreamError> {
        let asked_at = self.sender.now();
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
            .append_pair("assertion", &self.assertion(asked_at)?)
            .finish();
        let request = self
            .sender
            .request(Method::POST, self.config.key.token_url().clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        let reply = self.sender.send_repeatable(WHAT, request).await?;
        if !reply.status.is_success() {
            return Err(self.refused(&reply));
        }
        // The body may hold a token that cannot be read: none of it is shown.
        token(&reply, asked_at).ok_or_else(|| UpstreamError::Retry(format!("google-token ({WHAT}): no token came")))
    }

    fn assertion(&self, now: DateTime<Utc>) -> Result<String, UpstreamError> {
        let iat = now.timestamp();
        let key = &self.config.key;
        let claims = Claims {
            iss: key.client_email(),
            scope: SCOPE,
            aud: key.audience(),
            iat,
            exp: iat + ASSERTION_SECONDS,
            sub: self.config.subject.as_deref(),
        };
        let unusable =
            || UpstreamError::Never("google-token: the private key of the service account cannot sign".into());
        key.sign(&claims).ok_or_else(unusable)
    }

    fn refused(&self, reply: &Reply) -> UpstreamError {
        let said = reply.json().unwrap_or_default();
        let field = |name: &str| said.get(name).and_then(Value::as_str).and_then(text::clean);
        let code = field("error").unwrap_or_default();
        let message =
            field("error_description").map_or_else(|| reply.excerpt(), |text| text::shorten(&text, MESSAGE_LENGTH));
        let status = reply.status.as_u16();
        let why = format!("google-token ({WHAT}): {status} {code}: {message}");
        if status == 429 || reply.status.is_server_error() {
            return match reply.retry_after(self.sender.now()) {
                Some(wait) => UpstreamError::Later { why, wait },
                None => UpstreamError::Retry(why),
            };
        }
        UpstreamError::Never(format!("{why}. {}", self.advice(&code)))
    }

    /// What an operator can do about a refusal.
    fn advice(&self, code: &str) -> String {
        let account = self.config.key.client_email();
        match (code, &self.config.subject) {
            ("invalid_grant", None) => format!(
                "Check that this machine's clock is right, and that the key is not deleted and {account} not disabled"
            ),
            ("invalid_grant", Some(user)) => format!(
                "Check that this machine's clock is right, that the key is not deleted and {account} not disabled, and \
                 that {user} (GOOGLE_IMPERSONATE) is a user of the Workspace"
            ),
            ("unauthorized_client" | "access_denied", Some(user)) => format!(
                "{account} may not act for {user} (GOOGLE_IMPERSONATE): an administrator of the Workspace has to grant \
                 domain-wide delegation to its client id with the scope {SCOPE}"
            ),
            _ => format!("Check the key of {account}"),
        }
    }
}

fn token(reply: &Reply, asked_at: DateTime<Utc>) -> Option<Token> {
    let answer = reply.json()?;
    let secret = answer.get("access_token")?.as_str().filter(|token| !token.is_empty())?;
    let seconds = answer.get("expires_in");
    let seconds = seconds.and_then(|value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()));
    let lasts = seconds.map_or(TOKEN_LASTS, Duration::from_secs).min(TOKEN_LASTS);
    Some(Token { secret: secret.into(), stale_from: after(asked_at, lasts.saturating_sub(REFRESH_BEFORE)) })
}
