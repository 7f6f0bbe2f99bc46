//! Reads any bytes as a filter's expression and an object.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threatsieve_feed::fuzzing::filter(data));
