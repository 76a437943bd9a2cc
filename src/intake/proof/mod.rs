//! How a sender proves that it is who it says: over the raw bytes, before anything is parsed.
//!
//! A source takes any one of the proofs that are configured for it: Gong's signed token, a key in the URL, or an HMAC
//! of the body. None configured refuses everything.

mod gong_token;
mod stored;
mod webhook_url;

pub use self::stored::{SourceKeys, seal};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use jsonwebtoken::DecodingKey;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{
    config::GongConfig,
    domain::{access::OWN_TENANT, ids::SourceId, signature},
};

/// How far the timestamp of a Standard Webhooks signature may be from now, in seconds: the standard's own tolerance.
const TIMESTAMP_TOLERANCE: i64 = 300;

/// A request body whose sender is proven. Only [`Source::prove`] makes one.
#[derive(Debug, Clone)]
pub struct VerifiedBody {
    pub(super) tenant: String,
    pub(super) source: SourceId,
    pub(super) bytes: Bytes,
}

/// Somebody who may send us callbacks.
#[derive(Clone)]
pub struct Source {
    /// Its id.
    pub id: SourceId,
    /// Whose it is.
    pub tenant: String,
    public_keys: Vec<DecodingKey>,
    url_key: Option<SecretString>,
    secret: Option<SecretString>,
}

/// What a request brings as proof.
#[derive(Debug, Default, Clone, Copy)]
pub struct Evidence<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// `key` of the query.
    pub url_key: Option<&'a str>,
    /// The `X-Signature` header.
    pub plain_signature: Option<&'a str>,
    /// The `webhook-id`, `webhook-timestamp` and `webhook-signature` headers.
    pub standard_signature: Option<(&'a str, &'a str, &'a str)>,
}

/// Why a request is refused. Says nothing of what would have been right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The source takes no proof at all.
    #[error(
        "no proof is configured for this source: set GONG_WEBHOOK_PUBLIC_KEY, GONG_WEBHOOK_URL_KEY or GONG_WEBHOOK_SECRET"
    )]
    NothingConfigured,
    /// The request brings none of the proofs that are configured.
    #[error("the request carries no proof of its sender that this source takes")]
    Missing,
    /// The token is no RS256 token of a known key.
    #[error("the token is not signed with RS256 by a known key")]
    BadToken,
    /// The token's time is over.
    #[error("the token has expired")]
    Expired,
    /// The token was made for another URL.
    #[error("the token was signed for another URL; PUBLIC_URL must be the address that stands in Gong's rule")]
    OtherUrl,
    /// The token was made for another body.
    #[error("the token was signed for another body")]
    OtherBody,
    /// The `key` of the query is wrong.
    #[error("the key in the URL is wrong")]
    WrongKey,
    /// No HMAC matches.
    #[error("the signature does not match the body")]
    BadSignature,
    /// The signature is too old or from the future.
    #[error("the signature's timestamp is more than five minutes away")]
    StaleSignature,
}

impl Source {
    /// The Gong connection that the environment configures.
    #[must_use]
    pub fn from_config(config: &GongConfig) -> Self {
        Self {
            id: crate::domain::ids::DEFAULT_SOURCE,
            tenant: OWN_TENANT.to_owned(),
            public_keys: config.public_keys.clone(),
            url_key: config.url_key.clone(),
            secret: config.secret.clone(),
        }
    }

    /// Refuses, before its body is read, a request that brings no proof of a kind that this source takes.
    pub fn expect(&self, evidence: &Evidence<'_>) -> Result<(), ProofError> {
        let token = !self.public_keys.is_empty() && evidence.authorization.is_some();
        let url_key = self.url_key.is_some() && evidence.url_key.is_some();
        let signed = evidence.plain_signature.is_some() || evidence.standard_signature.is_some();
        let closed = self.public_keys.is_empty() && self.url_key.is_none() && self.secret.is_none();
        match closed {
            true => Err(ProofError::NothingConfigured),
            false if token || url_key || (self.secret.is_some() && signed) => Ok(()),
            false => Err(ProofError::Missing),
        }
    }

    /// Checks what a request brings against what is configured. `urls` are the addresses under which the request may
    /// have been sent to us.
    pub fn prove(
        &self,
        evidence: &Evidence<'_>,
        bytes: Bytes,
        urls: &[Url],
        now: DateTime<Utc>,
    ) -> Result<VerifiedBody, ProofError> {
        self.expect(evidence)?;
        let checks = [
            self.check_token(evidence, &bytes, urls, now),
            self.check_signature(evidence, &bytes, now),
            self.check_url_key(evidence),
        ];
        let mut refusal = ProofError::Missing;
        for check in checks.into_iter().flatten() {
            match check {
                Ok(()) => return Ok(VerifiedBody { tenant: self.tenant.clone(), source: self.id, bytes }),
                Err(error) if refusal == ProofError::Missing => refusal = error,
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    fn check_token(
        &self,
        evidence: &Evidence<'_>,
        body: &[u8],
        urls: &[Url],
        now: DateTime<Utc>,
    ) -> Option<Result<(), ProofError>> {
        let header = evidence.authorization?.trim();
        let configured = !self.public_keys.is_empty() && !header.is_empty();
        configured.then(|| gong_token::verify(header, &self.public_keys, body, urls, now))
    }

    fn check_url_key(&self, evidence: &Evidence<'_>) -> Option<Result<(), ProofError>> {
        let expected = self.url_key.as_ref()?.expose_secret();
        let matches = signature::same_secret(evidence.url_key?, expected);
        Some(if matches { Ok(()) } else { Err(ProofError::WrongKey) })
    }

    fn check_signature(
        &self,
        evidence: &Evidence<'_>,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Option<Result<(), ProofError>> {
        let secret = self.secret.as_ref()?.expose_secret();
        let plain = evidence.plain_signature.map(|claimed| {
            if signature::plain_matches(secret, body, claimed) { Ok(()) } else { Err(ProofError::BadSignature) }
        });
        let standard = evidence.standard_signature.map(|(id, timestamp, claimed)| {
            let timestamp: i64 = timestamp.parse().map_err(|_| ProofError::BadSignature)?;
            if !signature::standard_matches(secret, id, timestamp, body, claimed) {
                return Err(ProofError::BadSignature);
            }
            let age = i128::from(now.timestamp()) - i128::from(timestamp);
            if age.abs() > i128::from(TIMESTAMP_TOLERANCE) { Err(ProofError::StaleSignature) } else { Ok(()) }
        });
        match (plain, standard) {
            (Some(Ok(())), _) => Some(Ok(())),
            (plain, None) => plain,
            (_, standard) => standard,
        }
    }
}
