//! See `tests/it/properties/filters.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::filters::hold(data));
