//! See `tests/it/properties/transcripts.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::transcripts::hold(data));
