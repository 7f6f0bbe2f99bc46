//! Reads any bytes as a list.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threatsieve_feed::fuzzing::list(data));
