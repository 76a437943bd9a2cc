//! See `tests/it/properties/documents.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::documents::hold(data));
