//! See `tests/it/properties/callbacks.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::callbacks::hold(data));
