//! See `tests/it/properties/answers.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::answers::hold(data));
