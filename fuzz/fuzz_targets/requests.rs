//! Holds input to `tests/it/properties/requests.rs`; the twin of `cargo test` is in `tests/it/hostile.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::requests::hold(data));
