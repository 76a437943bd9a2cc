//! See `tests/it/properties/requests.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::requests::hold(data));
