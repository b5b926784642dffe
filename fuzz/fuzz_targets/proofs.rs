//! The target `proofs` for `cargo fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| opus_fuzz::targets::run_named("proofs", data));
