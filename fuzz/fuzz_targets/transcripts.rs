//! Holds input to `tests/it/properties/transcripts.rs`; the twin of `cargo test` is in `tests/it/hostile.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::transcripts::hold(data));
