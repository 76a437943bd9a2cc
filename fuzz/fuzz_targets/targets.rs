//! See `tests/it/properties/targets.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::targets::hold(data));
