//! Settings that the machine code depends on.
//!
//! The build script compiles with them and the runner loads with them, from this one file, so that
//! both agree. wasmtime refuses code that was compiled with other settings.

use wasmtime::Config;

/// The settings of both sides, with traps found by signal handlers or by explicit checks.
pub(crate) fn settings(signal_traps: bool) -> Config {
    let mut config = Config::new();
    config.signals_based_traps(signal_traps);
    config.epoch_interruption(true);
    // The runner gives each instance its memory, with the blacklist in it. Copy-on-write images of
    // a module's own data and memories from elsewhere exclude each other.
    config.memory_init_cow(false);
    // The matcher is one thread of plain core wasm. A component that needs more is refused.
    config.concurrency_support(false);
    config.wasm_relaxed_simd(false);
    config.wasm_multi_memory(false);
    config.wasm_memory64(false);
    config.wasm_tail_call(false);
    // A trap is reported by its kind. The code has no symbols that a backtrace could show.
    config.generate_address_map(false);
    config
}
