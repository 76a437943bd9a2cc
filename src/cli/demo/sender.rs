//! Plays Gong: signs callbacks as a rule with "Signed JWT header" does.

use anyhow::anyhow;
use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde_json::json;
use sha2::{Digest, Sha256};

/// How long a token is good for, in seconds.
const LIFETIME: i64 = 300;

/// A sender with a key of its own.
pub struct Sender {
    /// What the receiving side is configured with.
    pub public_key: DecodingKey,
    private_key: EncodingKey,
}

impl Sender {
    /// Makes an RSA key of 2048 bits.
    pub fn new() -> anyhow::Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("cannot make an RSA key"))?;
        let private = AsDer::as_der(&pair).map_err(|_| anyhow!("cannot encode the RSA key"))?;
        let public = AsDer::as_der(pair.public_key()).map_err(|_| anyhow!("cannot encode the RSA key"))?;
        let public: &aws_lc_rs::encoding::PublicKeyX509Der<'_> = &public;
        Ok(Self {
            public_key: DecodingKey::from_rsa_pem(pem("PUBLIC KEY", public.as_ref()).as_bytes())?,
            private_key: EncodingKey::from_rsa_pem(pem("PRIVATE KEY", pkcs8(&private)).as_bytes())?,
        })
    }

    /// The `Authorization` header for a body sent to `url`, as Gong sends it: the bare token.
    pub fn sign(&self, url: &str, body: &[u8], now: i64) -> anyhow::Result<String> {
        let claims = json!({
            "webhook_url": url,
            "body_sha256": hex::encode(Sha256::digest(body)),
            "exp": now + LIFETIME,
        });
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.private_key)?)
    }
}

fn pkcs8<'a>(der: &'a aws_lc_rs::encoding::Pkcs8V1Der<'_>) -> &'a [u8] {
    der.as_ref()
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}
