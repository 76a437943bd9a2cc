//! Taking addresses and numbers out of what goes out.

use aftercall::domain::{contacts, redact::redact, text::without_contacts};
use divan::{Bencher, black_box, counter::BytesCount};
use serde_json::json;

use crate::summariser::words;

#[divan::bench(args = ["We decide on the renewal in June.", "Write to dana@halden.example or call +1 415 555 0134."])]
fn redacted_sentence(bencher: Bencher<'_, '_>, sentence: &str) {
    bencher.counter(BytesCount::of_str(sentence)).bench(|| redact(black_box(sentence)));
}

#[divan::bench(args = ["quick-check-in", "renewal-at-risk"])]
fn redacted_conversation(bencher: Bencher<'_, '_>, slug: &str) {
    let words = words(slug);
    bencher.counter(BytesCount::of_str(&words)).bench(|| without_contacts(black_box(&words)));
}

#[divan::bench]
fn event_of_another_program(bencher: Bencher<'_, '_>) {
    let data = json!({
        "guest": {"name": "Dana", "email": "dana@halden.example", "phone": "+1 415 555 0134", "note": "call me on 415-555-0134"},
        "reservation_id": "4155550134", "url": "https://x.example/?mail=a%40b.example", "at": "2031-05-06T09:30:00Z",
    });
    let bencher = bencher.counter(BytesCount::new(data.to_string().len()));
    bencher.with_inputs(|| data.clone()).bench_values(contacts::without_contacts);
}
