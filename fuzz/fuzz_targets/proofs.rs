//! See `tests/it/properties/proofs.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::properties::proofs::hold(data));
