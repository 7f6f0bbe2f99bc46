//! Normalises any bytes as a value of every kind.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threatsieve_blacklist::fuzzing::normaliser(data));
