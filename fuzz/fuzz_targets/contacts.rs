//! See `tests/it/properties/contacts.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::contacts::hold(data));
