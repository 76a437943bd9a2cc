//! How Gong proves that it is Gong.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::DecodingKey;
use secrecy::SecretString;

use super::env::Env;

/// The proofs that the default source takes; any one that verifies is enough, none configured refuses everything.
#[derive(Clone)]
pub struct GongConfig {
    /// `GONG_WEBHOOK_PUBLIC_KEY`: the keys that Gong's rules show, several while one is rotated.
    pub public_keys: Vec<DecodingKey>,
    /// `GONG_WEBHOOK_URL_KEY`: the `?key=` of the URL that was pasted into the rule.
    pub url_key: Option<SecretString>,
    /// `GONG_WEBHOOK_SECRET`: the HMAC key of a relay.
    pub secret: Option<SecretString>,
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
        }
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
fn public_key(text: &str) -> Option<DecodingKey> {
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
