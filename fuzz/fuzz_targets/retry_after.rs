//! See `tests/it/properties/retry_after.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::retry_after::hold(data));
