//! Parses any bytes as a STIX pattern.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threatsieve_feed::reduce::fuzzing::pattern(data));
