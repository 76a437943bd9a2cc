//! Headers, URL keys and signatures of a callback, one a line, then its body.

use std::sync::LazyLock;

use aftercall::{
    config::Config,
    domain::signature,
    intake::proof::{Evidence, ProofError, Source, VerifiedBody},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use url::Url;

use super::{fields, given};
use crate::support::{Gong, Signing};

pub const SECRET: &str = "an-hmac-secret";
pub const URL_KEY: &str = "a-url-key";
pub const URL: &str = "https://hooks.example.test/webhooks/gong";
/// 2031-05-06T10:00:00Z.
pub const NOW: i64 = 1_935_828_000;

/// A source that takes every proof, and one token that it takes.
static SOURCE: LazyLock<(Source, String)> = LazyLock::new(|| {
    let gong = Gong::shared();
    let vars = [
        ("GONG_WEBHOOK_PUBLIC_KEY", gong.bare_key.clone()),
        ("GONG_WEBHOOK_URL_KEY", URL_KEY.to_owned()),
        ("GONG_WEBHOOK_SECRET", SECRET.to_owned()),
    ];
    let vars = vars.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let source = Source::from_config(&Config::from_vars(vars).expect("a configuration").gong);
    (source, gong.token(&Signing { url: URL, body: b"{}", exp: NOW }))
});

/// Has the source prove a body at [`NOW`].
pub fn prove(evidence: &Evidence<'_>, body: &[u8]) -> Result<VerifiedBody, ProofError> {
    let now = DateTime::<Utc>::from_timestamp(NOW, 0).expect("a time");
    let urls = [Url::parse(URL).expect("a URL")];
    SOURCE.0.prove(evidence, Bytes::copy_from_slice(body), &urls, now)
}

/// Whether the source takes a body with this evidence.
pub fn is_taken(evidence: &Evidence<'_>, body: &[u8]) -> bool {
    prove(evidence, body).is_ok()
}

/// Only who knows a secret is believed, and who does is, whatever else the request says.
pub fn hold(data: &[u8]) {
    let Some(([authorization, url_key, plain, id, timestamp, standard], body)) = fields(data) else { return };
    let evidence = Evidence {
        authorization: given(authorization),
        url_key: given(url_key),
        plain_signature: given(plain),
        standard_signature: given(standard).map(|standard| (id, timestamp, standard)),
    };
    let knows = url_key == URL_KEY || is_plain_of(plain, body) || is_standard_of(standard, id, timestamp, body);
    assert_eq!(is_taken(&evidence, body), knows, "{evidence:?}");

    let good = signature::plain(SECRET, body);
    assert!(is_taken(&Evidence { plain_signature: Some(&good), ..evidence }, body), "a good signature beside others");
    let standard = signature::standard(SECRET, id, NOW, body);
    let now = NOW.to_string();
    let signed = Evidence { standard_signature: Some((id, &now, &standard)), ..Evidence::default() };
    assert!(is_taken(&signed, body));
    let token = Evidence { authorization: Some(&SOURCE.1), ..evidence };
    assert!(is_taken(&token, b"{}"), "a good token beside others");

    let mut changed = body.to_vec();
    changed.push(b' ');
    for evidence in [signed, Evidence { plain_signature: Some(&good), ..Evidence::default() }] {
        assert!(!is_taken(&evidence, &changed), "another body");
    }
    let another = format!("{id}.");
    assert!(!is_taken(&Evidence { standard_signature: Some((&another, &now, &standard)), ..signed }, body));
}

fn is_plain_of(claimed: &str, body: &[u8]) -> bool {
    let expected = signature::plain(SECRET, body);
    let claimed = claimed.trim();
    let digits = claimed.strip_prefix("sha256=").unwrap_or(claimed);
    expected.strip_prefix("sha256=").is_some_and(|expected| expected.eq_ignore_ascii_case(digits))
}

fn is_standard_of(claimed: &str, id: &str, timestamp: &str, body: &[u8]) -> bool {
    let Ok(at) = timestamp.parse::<i64>() else { return false };
    let is_near = NOW.abs_diff(at) <= 300;
    is_near && claimed.split_ascii_whitespace().any(|one| one == signature::standard(SECRET, id, at, body))
}
