//! Holds input to `tests/it/properties/retry_after.rs`; the twin of `cargo test` is in `tests/it/hostile.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::retry_after::hold(data));
