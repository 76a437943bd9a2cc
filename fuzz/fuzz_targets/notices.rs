//! See `tests/it/properties/notices.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::notices::hold(data));
