//! Reads any bytes as a log of every format.
#![no_main]

libfuzzer_sys::fuzz_target!(|log: &[u8]| threatsieve_log::fuzzing::log(log));
