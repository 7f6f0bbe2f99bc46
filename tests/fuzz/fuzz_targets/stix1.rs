//! Reads any bytes as packages of STIX 1.x.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threatsieve_feed::fuzzing::stix1(data));
