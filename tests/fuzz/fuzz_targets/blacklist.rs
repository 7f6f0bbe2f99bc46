//! Opens any bytes as a blacklist.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threatsieve_blacklist::fuzzing::blacklist(data));
