//! The private key of a user, read from PEM, and the fingerprint of its public half.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rsa::KeyPair,
    signature::KeyPair as _,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::EncodingKey;
use sha2::{Digest, Sha256};

/// Snowflake takes no shorter keys (contract §2.1).
const SHORTEST_KEY_BITS: usize = 2048;

/// An RSA private key whose public half is registered with a user.
#[derive(Clone)]
pub struct PrivateKey {
    signing: EncodingKey,
    fingerprint: String,
}

impl PrivateKey {
    /// Reads an unencrypted key in PEM, PKCS#8 or the older PKCS#1. The error is fit for an operator and contains
    /// nothing of the key.
    pub fn parse_pem(pem: &str) -> Result<Self, String> {
        let pem = pem.trim();
        if pem.contains("BEGIN ENCRYPTED PRIVATE KEY") || pem.contains("Proc-Type: 4,ENCRYPTED") {
            return Err("the private key is encrypted; decrypt it with \
                        `openssl pkcs8 -in encrypted.p8 -out key.p8` and keep the file readable for this service only"
                .to_owned());
        }
        if !pem.contains("PRIVATE KEY-----") {
            return Err("not a private key in PEM (-----BEGIN PRIVATE KEY-----)".to_owned());
        }
        let unreadable = || "the private key cannot be read; it must be an RSA key in PEM (PKCS#8)".to_owned();
        let signing = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| unreadable())?;
        let pair = KeyPair::from_der(signing.as_bytes()).map_err(|why| match why.to_string().as_str() {
            "TooSmall" => too_short(),
            _ => unreadable(),
        })?;
        if pair.public_modulus_len() * 8 < SHORTEST_KEY_BITS {
            return Err(too_short());
        }
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| unreadable())?;
        let fingerprint = format!("SHA256:{}", STANDARD.encode(Sha256::digest(public.as_ref())));
        Ok(Self { signing, fingerprint })
    }

    /// The fingerprint of the public half, as `DESCRIBE USER` shows it under `RSA_PUBLIC_KEY_FP`. No secret.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What tokens are signed with.
    #[must_use]
    pub fn signing(&self) -> &EncodingKey {
        &self.signing
    }
}

fn too_short() -> String {
    format!("the private key is too short; Snowflake wants an RSA key of at least {SHORTEST_KEY_BITS} bits")
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}
