//! Ids as they stand in paths, bodies and, bare, as the cursors of lists.

use aftercall::domain::ids::EventId;
use divan::{Bencher, black_box};

const SHOWN: &str = "evt_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80";

#[divan::bench]
fn made() -> EventId {
    EventId::new()
}

#[divan::bench]
fn read() -> EventId {
    black_box(SHOWN).parse().expect("an id")
}

#[divan::bench]
fn shown(bencher: Bencher<'_, '_>) {
    let id = read();
    bencher.bench(|| black_box(id).to_string());
}

#[divan::bench]
fn cursor_made_and_read(bencher: Bencher<'_, '_>) {
    let id = read().uuid();
    bencher.bench(|| {
        let cursor = black_box(id).simple().to_string();
        uuid::Uuid::try_parse(&cursor).expect("a cursor")
    });
}
