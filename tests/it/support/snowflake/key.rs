//! The key pair of the stand-in's user.

use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// One for all tests: making one takes a tenth of a second.
static SHARED: LazyLock<Pair> = LazyLock::new(generate);

/// Both halves as they stand in files.
#[derive(Clone)]
pub struct Pair {
    private_der: Vec<u8>,
    public_der: Vec<u8>,
}

pub fn shared() -> Pair {
    SHARED.clone()
}

pub fn generate() -> Pair {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let private: Pkcs8V1Der<'_> = pair.as_der().expect("encodes");
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("encodes");
    Pair { private_der: private.as_ref().to_vec(), public_der: public.as_ref().to_vec() }
}

impl Pair {
    pub fn private_pem(&self) -> String {
        pem("PRIVATE KEY", &self.private_der)
    }

    pub fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.public_der)
    }

    /// As `DESCRIBE USER` shows it.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD.encode(Sha256::digest(&self.public_der)))
    }
}

/// With lines as openssl writes them.
pub fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64 is ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
