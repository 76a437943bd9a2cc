//! Tokens that are signed by the right key and say anything: the header on one line, the claims on the next, then the body.

use std::sync::LazyLock;

use aftercall::intake::proof::Evidence;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::{
    fields,
    proofs::{NOW, URL, is_taken},
};
use crate::support::{Gong, Signing};

static GONG: LazyLock<Gong> = LazyLock::new(Gong::shared);

/// A token is believed only if it is RS256 and says what Gong says of this body, this address and this time.
pub fn hold(data: &[u8]) {
    let Some(([header, claims], body)) = fields(data) else { return };
    let token = GONG.sign(header.as_bytes(), claims.as_bytes());
    if is_taken(&with(&token), body) {
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("what is believed is JSON");
        let (header, claims) = (read(header), read(claims));
        assert_eq!(header["alg"], "RS256");
        assert!(claims["exp"].as_f64().is_some_and(|end| end >= f64::from(i32::try_from(NOW - 60).unwrap())));
        let hash = claims["body_sha256"].as_str().expect("a hash").trim();
        assert!(hash.eq_ignore_ascii_case(&hex::encode(Sha256::digest(body))));
        assert!(leads_here(claims["webhook_url"].as_str().expect("an address")), "{claims}");
    }
    if token.is_ascii() {
        let at = data.len() % token.len();
        let mut bent = token.into_bytes();
        bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
        let bent = String::from_utf8(bent).expect("ASCII");
        assert!(!is_taken(&with(&bent), body), "bent at {at}");
    }
    let exp = NOW - 60 + i64::try_from(data.len() % 1000).expect("small");
    let good = GONG.token(&Signing { url: URL, body, exp });
    assert!(is_taken(&with(&good), body) && is_taken(&with(&format!("bEaReR {good} ")), body));
    assert!(!is_taken(&with(&good), &[body, b" "].concat()));
}

fn with(token: &str) -> Evidence<'_> {
    Evidence { authorization: Some(token), ..Evidence::default() }
}

/// However it is spelt, it is our host, by https, and our path without a query.
fn leads_here(claimed: &str) -> bool {
    let decoded = percent_decode_str(claimed).decode_utf8_lossy();
    let Ok(url) = Url::parse(claimed).or_else(|_| Url::parse(&decoded)) else { return false };
    let path = percent_decode_str(url.path()).decode_utf8_lossy().into_owned();
    url.scheme() == "https"
        && url.host_str() == Some("hooks.example.test")
        && url.port().is_none()
        && path.trim_end_matches('/') == "/webhooks/gong"
        && url.query_pairs().next().is_none()
}
