//! Who we are to Snowflake: tokens signed with a key, or one token that an operator gave (contract §2).
//!
//! Fetching and refreshing OAuth tokens is not done here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{clients::http::UpstreamError, domain::clock::Clock};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;

use crate::config::{PrivateKey, SnowflakeAuth};

use super::{account::Account, names::object_name};

/// How long a signed token counts. Snowflake takes up to an hour; clocks differ.
const LIFETIME: TimeDelta = TimeDelta::minutes(30);
/// When a new one is signed: well before the old one ends, so that a long exchange does not outlive it.
const RENEWED_AFTER: TimeDelta = TimeDelta::minutes(15);

/// Tells Snowflake who asks.
pub(super) struct Credentials {
    source: Source,
    clock: Clock,
}

enum Source {
    KeyPair { key: PrivateKey, subject: String, current: Mutex<Option<Signed>> },
    Given { token: SecretString, token_type: &'static str },
}

struct Signed {
    token: SecretString,
    at: DateTime<Utc>,
}

/// A token, and the word for its kind in `X-Snowflake-Authorization-Token-Type`.
#[derive(Clone)]
pub(super) struct Bearer {
    pub(super) token: SecretString,
    pub(super) token_type: &'static str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: String,
    sub: &'a str,
    iat: i64,
    exp: i64,
}

impl Credentials {
    /// Fails when a key comes without a user, or a token cannot stand in a header.
    pub(super) fn new(
        auth: SnowflakeAuth,
        account: &Account,
        user: Option<&str>,
        clock: Clock,
    ) -> Result<Self, &'static str> {
        let source = match auth {
            SnowflakeAuth::KeyPair(key) => {
                let user =
                    user.and_then(object_name).ok_or("a Snowflake private key needs SNOWFLAKE_USER beside it")?;
                Source::KeyPair { key, subject: format!("{}.{user}", account.claim()), current: Mutex::default() }
            }
            SnowflakeAuth::Token(token) => {
                let token = token.expose_secret().trim();
                if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err("the Snowflake token has characters that no token has; was it pasted whole?");
                }
                Source::Given { token: token.into(), token_type: type_of(token) }
            }
        };
        Ok(Self { source, clock })
    }

    /// The token to send now.
    pub(super) fn bearer(&self) -> Result<Bearer, UpstreamError> {
        match &self.source {
            Source::Given { token, token_type } => Ok(Bearer { token: token.clone(), token_type }),
            Source::KeyPair { key, subject, current } => {
                let now = self.clock.now();
                let mut current = locked(current);
                // A clock that was set back makes a token of the future, which is not valid either.
                let fresh = |signed: &&Signed| signed.at <= now && now - signed.at < RENEWED_AFTER;
                let token = if let Some(signed) = current.as_ref().filter(fresh) {
                    signed.token.clone()
                } else {
                    let token = sign(key, subject, now)?;
                    *current = Some(Signed { token: token.clone(), at: now });
                    token
                };
                Ok(Bearer { token, token_type: "KEYPAIR_JWT" })
            }
        }
    }

    /// Forgets a token that was refused. Whether another one can be had.
    pub(super) fn forget(&self, refused: &Bearer) -> bool {
        let Source::KeyPair { current, .. } = &self.source else { return false };
        let mut current = locked(current);
        // Another request may have put a new one there meanwhile.
        if current.as_ref().is_some_and(|signed| signed.token.expose_secret() == refused.token.expose_secret()) {
            *current = None;
        }
        true
    }

    /// What an operator compares with Snowflake when it does not know us.
    pub(super) fn advice(&self) -> String {
        match &self.source {
            Source::KeyPair { key, subject, .. } => format!(
                "we signed as {subject}: check the spelling of SNOWFLAKE_ACCOUNT and SNOWFLAKE_USER, that this \
                 machine's clock is right, and that DESCRIBE USER shows RSA_PUBLIC_KEY_FP {} (if not, register the \
                 public key with ALTER USER … SET RSA_PUBLIC_KEY)",
                key.fingerprint()
            ),
            Source::Given { token_type, .. } => format!(
                "the token was sent as {token_type}: it may have expired or been rotated or revoked; put a new one into \
                 SNOWFLAKE_TOKEN (a service user also needs a network policy that allows this address)"
            ),
        }
    }

    /// Who asks, for a report.
    pub(super) fn name(&self) -> &str {
        match &self.source {
            Source::KeyPair { subject, .. } => subject,
            Source::Given { .. } => "the token's user",
        }
    }
}

fn sign(key: &PrivateKey, subject: &str, now: DateTime<Utc>) -> Result<SecretString, UpstreamError> {
    let claims = Claims {
        iss: format!("{subject}.{}", key.fingerprint()),
        sub: subject,
        iat: now.timestamp(),
        exp: (now + LIFETIME).timestamp(),
    };
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, key.signing())
        .map(SecretString::from)
        .map_err(|_| UpstreamError::Never("the Snowflake private key cannot sign".to_owned()))
}

/// Which kind a given token is of. Snowflake's own OAuth tokens begin with `ver:`. A token in three parts is somebody
/// else's OAuth token unless Snowflake issued it: programmatic access tokens have that form too, and are told apart by
/// their issuer, `SF:` and a number.
fn type_of(token: &str) -> &'static str {
    let parts: Vec<&str> = token.split('.').collect();
    let in_three_parts = matches!(parts.as_slice(), [header, _, _] if header.starts_with("eyJ"));
    let claims = parts.get(1).and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok());
    let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    let issuer = claims.as_ref().and_then(|claims| claims.get("iss")?.as_str()).unwrap_or_default();
    if token.starts_with("ver:") || (in_three_parts && !issuer.starts_with("SF:")) {
        "OAUTH"
    } else {
        "PROGRAMMATIC_ACCESS_TOKEN"
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_token_tells_its_kind() {
        let token = |claims: &str| format!("eyJhbGciOiJFUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        for (given, token_type) in [
            (token(r#"{"p":"1:2","iss":"SF:1049","exp":1}"#), "PROGRAMMATIC_ACCESS_TOKEN"),
            (token(r#"{"iss":"https://idp.example/","aud":"x"}"#), "OAUTH"),
            (token("not json"), "OAUTH"),
            ("ver:1-hint:8364123-ETMsDgAAAY".to_owned(), "OAUTH"),
            ("opaque-secret".to_owned(), "PROGRAMMATIC_ACCESS_TOKEN"),
            ("a.b.c".to_owned(), "PROGRAMMATIC_ACCESS_TOKEN"),
        ] {
            assert_eq!(type_of(&given), token_type, "{given}");
        }
    }
}
