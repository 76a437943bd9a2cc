//! See `tests/it/properties/claims.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::claims::hold(data));
