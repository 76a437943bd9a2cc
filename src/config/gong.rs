//! How Gong proves that it is Gong, and how its API is asked.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::DecodingKey;
use secrecy::SecretString;
use url::Url;

use super::env::{Env, secure_url};

/// The proofs that the default source takes; any one that verifies is enough, none configured refuses everything.
#[derive(Clone)]
pub struct GongConfig {
    /// `GONG_WEBHOOK_PUBLIC_KEY`: the keys that Gong's rules show, several while one is rotated.
    pub public_keys: Vec<DecodingKey>,
    /// `GONG_WEBHOOK_URL_KEY`: the `?key=` of the URL that was pasted into the rule.
    pub url_key: Option<SecretString>,
    /// `GONG_WEBHOOK_SECRET`: the HMAC key of a relay.
    pub secret: Option<SecretString>,
    /// The API, if there are credentials for it.
    pub api: Option<GongApiConfig>,
    /// `GONG_POLLING`: whether calls are also found by asking.
    pub polling: Option<PollingConfig>,
}

/// How the API is asked.
#[derive(Debug, Clone)]
pub struct GongApiConfig {
    /// `GONG_API_URL`: the tenant's own host, as its API page shows it.
    pub url: Url,
    /// `GONG_ACCESS_KEY`.
    pub access_key: String,
    /// `GONG_ACCESS_KEY_SECRET`.
    pub access_key_secret: SecretString,
}

/// How often and how far back the API is asked for calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollingConfig {
    /// `POLL_INTERVAL`.
    pub interval: Duration,
    /// `GONG_POLL_OVERLAP`: a call shows only once Gong has processed it, so every poll looks back this far.
    pub overlap: Duration,
}

impl fmt::Debug for GongConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GongConfig").field("public_keys", &self.public_keys.len()).finish_non_exhaustive()
    }
}

impl GongConfig {
    pub(super) fn read(env: &mut Env) -> Self {
        Self {
            public_keys: env.read("GONG_WEBHOOK_PUBLIC_KEY", public_keys).unwrap_or_default(),
            url_key: env.secret("GONG_WEBHOOK_URL_KEY"),
            secret: env.secret("GONG_WEBHOOK_SECRET"),
            api: GongApiConfig::read(env),
            polling: PollingConfig::read(env),
        }
    }
}

impl GongApiConfig {
    fn read(env: &mut Env) -> Option<Self> {
        let url = env.read("GONG_API_URL", secure_url);
        let pair = env.pair("GONG_ACCESS_KEY", "GONG_ACCESS_KEY_SECRET");
        if pair.is_none() && env.is_set("GONG_API_URL") {
            env.needs("GONG_API_URL", &["GONG_ACCESS_KEY", "GONG_ACCESS_KEY_SECRET"]);
        }
        let (access_key, access_key_secret) = pair?;
        let url = url.unwrap_or_else(|| Url::parse("https://api.gong.io").expect("a constant URL"));
        Some(Self { url, access_key, access_key_secret })
    }
}

impl PollingConfig {
    fn read(env: &mut Env) -> Option<Self> {
        let interval = env.duration("POLL_INTERVAL", Duration::from_mins(5));
        let overlap = env.duration("GONG_POLL_OVERLAP", Duration::from_hours(24));
        let on = env.switch("GONG_POLLING", false);
        if on {
            env.needs("GONG_POLLING", &["GONG_ACCESS_KEY", "GONG_ACCESS_KEY_SECRET"]);
        }
        on.then_some(Self { interval, overlap })
    }
}

fn public_keys(text: &str) -> Result<Vec<DecodingKey>, String> {
    let key = |(index, text): (usize, &str)| {
        public_key(text).ok_or(format!(
            "key {} is not an RSA public key (PEM, or the one line of base64 that Gong shows)",
            index + 1
        ))
    };
    text.split(',').enumerate().map(key).collect()
}

/// Reads PEM or the bare base64 that Gong shows. White space is free: keys are pasted through forms and YAML,
/// which turn line breaks into spaces or a literal `\n`.
#[must_use]
pub fn public_key(text: &str) -> Option<DecodingKey> {
    let text = text.replace("\\n", "\n");
    let body = match text.split_once("-----BEGIN PUBLIC KEY-----") {
        Some((_, rest)) => rest.split_once("-----END PUBLIC KEY-----")?.0,
        None => text.as_str(),
    };
    let base64: String = body.split_whitespace().collect();
    // Checked by decoding here, so that a torn paste is found at the start and not at the first callback.
    STANDARD.decode(&base64).ok()?;
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
    DecodingKey::from_rsa_pem(pem.as_bytes()).ok()
}
