//! Reads any bytes as a TAXII 1 message.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threatsieve_feed::fuzzing::misp(data));
