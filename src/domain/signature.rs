//! HMAC-SHA256 signatures, made for what goes out and checked for what comes in.
//!
//! Two forms over the same raw body: [Standard Webhooks](https://www.standardwebhooks.com) and the plain
//! `sha256=<hex>` that CRMs and automation tools expect. All comparisons take the same time for any input.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Says in a secret that what follows is base64 of the key.
const STANDARD_PREFIX: &str = "whsec_";
/// Bytes of a generated secret: what the standard recommends at least (24) and as much as the hash can use (32).
const SECRET_BYTES: usize = 32;

/// Generates a secret of the form `whsec_<base64>`.
#[must_use]
pub fn generate_secret() -> String {
    let mut key = [0u8; SECRET_BYTES];
    rand::fill(&mut key);
    format!("{STANDARD_PREFIX}{}", STANDARD.encode(key))
}

/// Whether receivers will derive the same key from a secret as we do: one of the standard's form must hold what the
/// standard asks for, base64 of at least 24 bytes.
#[must_use]
pub fn is_usable(secret: &str) -> bool {
    let Some(key) = secret.strip_prefix(STANDARD_PREFIX) else { return true };
    STANDARD.decode(key).is_ok_and(|key| key.len() >= 24)
}

/// The `webhook-signature` of Standard Webhooks: `v1,<base64>` over `id.timestamp.body`.
#[must_use]
pub fn standard(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> String {
    format!("v1,{}", STANDARD.encode(standard_tag(secret, id, timestamp, body)))
}

/// The plain `X-Signature`: `sha256=<hex>` over the body, keyed with the text of the secret as it was shown.
#[must_use]
pub fn plain(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hex::encode(tag(secret.as_bytes(), &[body])))
}

/// Checks a plain signature, with or without `sha256=`, in either letter case.
#[must_use]
pub fn plain_matches(secret: &str, body: &[u8], claimed: &str) -> bool {
    let digits = claimed.trim();
    let digits = digits.strip_prefix("sha256=").unwrap_or(digits);
    hex::decode(digits).is_ok_and(|claimed| same(&claimed, &tag(secret.as_bytes(), &[body])))
}

/// Checks a `webhook-signature` header: one of its space-separated `v1,` signatures must match.
#[must_use]
pub fn standard_matches(secret: &str, id: &str, timestamp: i64, body: &[u8], claimed: &str) -> bool {
    let expected = standard_tag(secret, id, timestamp, body);
    claimed
        .split_ascii_whitespace()
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
        .any(|claimed| same(&claimed, &expected))
}

/// Compares two secrets in a time that tells nothing of their contents or length.
#[must_use]
pub fn same_secret(one: &str, other: &str) -> bool {
    // Tags of equal length under a fixed key: `ct_eq` alone returns early when lengths differ.
    same(&tag(b"compare", &[one.as_bytes()]), &tag(b"compare", &[other.as_bytes()]))
}

fn standard_tag(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> [u8; 32] {
    let decoded = secret.strip_prefix(STANDARD_PREFIX).and_then(|key| STANDARD.decode(key).ok());
    let key = decoded.as_deref().unwrap_or(secret.as_bytes());
    tag(key, &[id.as_bytes(), b".", timestamp.to_string().as_bytes(), b".", body])
}

fn tag(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_standard_comes_out_as_published() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signature = standard(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_plain_signature_is_accepted_bare_prefixed_and_in_capitals() {
        let signature = plain("text of any form", b"body");
        let bare = signature.strip_prefix("sha256=").unwrap();
        for claimed in [signature.as_str(), bare, &bare.to_uppercase()] {
            assert!(plain_matches("text of any form", b"body", claimed), "{claimed}");
        }
        assert!(!plain_matches("another", b"body", &signature));
        assert!(!plain_matches("text of any form", b"body", ""));
    }

    proptest! {
        #[test]
        fn both_forms_verify_and_no_changed_byte_does(
            secret in "[ -~]{1,60}", body in proptest::collection::vec(any::<u8>(), 1..200),
            at in any::<i64>(), index in any::<prop::sample::Index>(),
        ) {
            let mut changed = body.clone();
            changed[index.index(body.len())] ^= 1;
            let signature = standard(&secret, "evt_1", at, &body);
            let several = format!("v1a,x {signature}");
            prop_assert!(standard_matches(&secret, "evt_1", at, &body, &several));
            prop_assert!(!standard_matches(&secret, "evt_1", at, &changed, &signature));
            prop_assert!(plain_matches(&secret, &body, &plain(&secret, &body)));
            prop_assert!(!plain_matches(&secret, &changed, &plain(&secret, &body)));
        }
    }
}
