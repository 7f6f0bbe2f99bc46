//! The compiler and runtime as every runner sets them up, and the clock of its deadlines.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{Config, Engine, EngineWeak};

use crate::error::RunnerError;
use crate::options::RunnerOptions;

/// Ticks of the clock that a deadline lasts. A call starts somewhere within a tick, so one more is granted, and a call ends at most an eighth late.
const DEADLINE_TICKS: u32 = 8;
/// What [`wasmtime::Store::set_epoch_deadline`] is given for each call.
pub(crate) const DEADLINE_EPOCHS: u64 = DEADLINE_TICKS as u64 + 1;
/// The shortest tick: a deadline is a safeguard, not worth a thread that never sleeps.
const SHORTEST_TICK: Duration = Duration::from_millis(1);

pub(crate) fn engine(options: &RunnerOptions) -> Result<Engine, RunnerError> {
    let mut config = Config::new();
    config.signals_based_traps(options.signal_traps);
    config.epoch_interruption(true);
    config.max_wasm_stack(options.stack_bytes);
    // Instances map the blacklist from the code file and copy only pages that they write to, however little of the memory is initialised.
    config.memory_init_cow(true);
    config.memory_guaranteed_dense_image_size(u64::MAX);
    // The component is one thread of plain core wasm; what it does not use, a foreign one shall not either.
    config.concurrency_support(false);
    config.wasm_relaxed_simd(false);
    config.wasm_multi_memory(false);
    config.wasm_memory64(false);
    config.wasm_tail_call(false);
    // A trap is reported by its kind; frames of stripped code would tell nothing more.
    config.wasm_backtrace_max_frames(None);
    config.generate_address_map(false);
    Engine::new(&config).map_err(RunnerError::Engine)
}

/// The thread that moves an engine's epoch on, and with it every call's deadline. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    /// Dropped to stop the thread; `None` only while it is being dropped.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: EngineWeak, deadline: Duration) -> Result<Ticker, RunnerError> {
        let tick = (deadline / DEADLINE_TICKS).max(SHORTEST_TICK);
        let (alive, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("matcher-deadline".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(tick) {
                    match engine.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => return,
                    }
                }
            })
            .map_err(RunnerError::Ticker)?;
        Ok(Ticker { alive: Some(alive), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked, and there would be nobody to tell.
            let _ = thread.join();
        }
    }
}
