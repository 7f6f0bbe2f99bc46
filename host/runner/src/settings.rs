//! Settings that the machine code depends on.
//!
//! The build script compiles with them and the runner loads with them. Both use this file, so that
//! they agree. wasmtime does not load code that was compiled with other settings.

use wasmtime::Config;

/// The settings for traps found by signal handlers or by explicit checks.
pub(crate) fn settings(signal_traps: bool) -> Config {
    let mut config = Config::new();
    config.signals_based_traps(signal_traps);
    config.epoch_interruption(true);
    // The runner creates each instance's memory, with the blacklist in it. wasmtime does not
    // support copy-on-write images of a module's own data in memories from elsewhere.
    config.memory_init_cow(false);
    // The matcher is one thread of plain core wasm. A component that needs more is rejected.
    config.concurrency_support(false);
    config.wasm_relaxed_simd(false);
    config.wasm_multi_memory(false);
    config.wasm_memory64(false);
    config.wasm_tail_call(false);
    // A trap is reported by its kind. The code has no symbols for a backtrace.
    config.generate_address_map(false);
    config
}
