//! Signing a webhook: both of its headers.

use aftercall::domain::signature;
use divan::{Bencher, black_box, counter::BytesCount};

#[divan::bench(args = [1, 4, 64])]
fn both_headers(bencher: Bencher<'_, '_>, kib: usize) {
    let (secret, body) = (signature::generate_secret(), vec![b'x'; kib * 1024]);
    bencher.counter(BytesCount::new(body.len())).bench(|| {
        let body = black_box(body.as_slice());
        (
            signature::standard(&secret, "evt_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80", 1_935_828_000, body),
            signature::plain(&secret, body),
        )
    });
}
