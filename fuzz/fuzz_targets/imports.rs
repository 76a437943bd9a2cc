//! See `tests/it/properties/imports.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::imports::hold(data));
