//! Gong's "Signed JWT header": an RS256 token that names the URL it was sent to and the hash of the body.

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use super::{ProofError, webhook_url};

/// How long past its end a token is still taken, in seconds: clocks differ, and Gong documents no leeway.
const LEEWAY: f64 = 60.0;

#[derive(Deserialize)]
struct Claims {
    exp: f64,
    webhook_url: String,
    body_sha256: String,
}

/// Verifies the value of an `Authorization` header. Gong sends the bare token; relays put `Bearer` before it.
pub(super) fn verify(
    header: &str,
    keys: &[DecodingKey],
    body: &[u8],
    urls: &[Url],
    now: DateTime<Utc>,
) -> Result<(), ProofError> {
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => header,
    };
    let claims = keys.iter().find_map(|key| signed_claims(token, key)).ok_or(ProofError::BadToken)?;
    #[expect(clippy::cast_precision_loss, reason = "seconds of this millennium are exact in a float")]
    if claims.exp + LEEWAY < now.timestamp() as f64 {
        return Err(ProofError::Expired);
    }
    if !webhook_url::is_one_of(&claims.webhook_url, urls) {
        return Err(ProofError::OtherUrl);
    }
    let claimed = hex::decode(claims.body_sha256.trim()).map_err(|_| ProofError::OtherBody)?;
    let same: bool = claimed.ct_eq(Sha256::digest(body).as_slice()).into();
    if same { Ok(()) } else { Err(ProofError::OtherBody) }
}

/// The claims of a token that `key` signed with RS256. Time is checked by the caller, who has the clock.
fn signed_claims(token: &str, key: &DecodingKey) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode::<Claims>(token, key, &validation).ok().map(|token| token.claims)
}
