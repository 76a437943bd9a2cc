//! Proving who sent a callback, over its raw bytes.

use std::sync::LazyLock;

use aftercall::{
    config::Config,
    domain::signature,
    intake::proof::{Evidence, Source},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use divan::{Bencher, counter::BytesCount};
use url::Url;

use crate::gong::{Gong, Signing};

const SECRET: &str = "an-hmac-secret";
const URL: &str = "https://hooks.example.test/webhooks/gong";
const NOW: i64 = 1_935_828_000;

static GONG: LazyLock<Gong> = LazyLock::new(Gong::generate);
static SOURCE: LazyLock<Source> = LazyLock::new(|| {
    let vars = [("GONG_WEBHOOK_PUBLIC_KEY", GONG.bare_key.clone()), ("GONG_WEBHOOK_SECRET", SECRET.to_owned())];
    let vars = vars.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Source::from_config(&Config::from_vars(vars).expect("a configuration").gong)
});

#[divan::bench(args = [4, 64])]
fn signed_token(bencher: Bencher<'_, '_>, kib: usize) {
    let body = body(kib);
    let token = GONG.token(&Signing { url: URL, body: &body, exp: NOW });
    bench(bencher, &body, Evidence { authorization: Some(&token), ..Evidence::default() }, true);
}

#[divan::bench(args = [4, 64])]
fn token_of_another_key(bencher: Bencher<'_, '_>, kib: usize) {
    let body = body(kib);
    let token = Gong::generate().token(&Signing { url: URL, body: &body, exp: NOW });
    bench(bencher, &body, Evidence { authorization: Some(&token), ..Evidence::default() }, false);
}

#[divan::bench(args = [4, 64])]
fn hmac(bencher: Bencher<'_, '_>, kib: usize) {
    let body = body(kib);
    let signature = signature::plain(SECRET, &body);
    bench(bencher, &body, Evidence { plain_signature: Some(&signature), ..Evidence::default() }, true);
}

#[divan::bench(args = [4, 64])]
fn standard_webhook(bencher: Bencher<'_, '_>, kib: usize) {
    let body = body(kib);
    let (at, signature) = (NOW.to_string(), signature::standard(SECRET, "msg_1", NOW, &body));
    let evidence = Evidence { standard_signature: Some(("msg_1", &at, &signature)), ..Evidence::default() };
    bench(bencher, &body, evidence, true);
}

#[divan::bench(args = [4, 64])]
fn wrong_hmac(bencher: Bencher<'_, '_>, kib: usize) {
    let body = body(kib);
    let signature = signature::plain("another secret", &body);
    bench(bencher, &body, Evidence { plain_signature: Some(&signature), ..Evidence::default() }, false);
}

fn body(kib: usize) -> Bytes {
    vec![b'x'; kib * 1024].into()
}

fn bench(bencher: Bencher<'_, '_>, body: &Bytes, evidence: Evidence<'_>, is_good: bool) {
    let (urls, now) = ([Url::parse(URL).expect("a URL")], DateTime::<Utc>::from_timestamp(NOW, 0).expect("a time"));
    let prove = || SOURCE.prove(&evidence, body.clone(), &urls, now);
    assert_eq!(prove().is_ok(), is_good);
    bencher.counter(BytesCount::new(body.len())).bench(prove);
}
