//! Reads any bytes as STIX.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threatsieve_feed::fuzzing::stix(data));
