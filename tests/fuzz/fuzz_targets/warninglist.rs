//! Reads any bytes as a warninglist of MISP.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threatsieve_feed::fuzzing::warninglist(data));
