//! See `tests/it/properties/ids.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::ids::hold(data));
