//! The runtime as every generation configures it, and the clock of the deadlines.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

use crate::error::RunnerError;
use crate::linear::{Creator, Image};
use crate::options::RunnerOptions;
use crate::settings::settings;

/// The number of clock ticks in a deadline. A call starts in the middle of a tick, so it gets one
/// more, and ends at most an eighth late.
const DEADLINE_TICKS: u32 = 8;
/// The argument of [`wasmtime::Store::set_epoch_deadline`] for each call.
pub(crate) const DEADLINE_EPOCHS: u64 = DEADLINE_TICKS as u64 + 1;
/// The shortest tick. A deadline is a safeguard and not worth a thread that never sleeps.
const SHORTEST_TICK: Duration = Duration::from_millis(1);

/// Creates an engine whose instances have this image in their memory. It costs next to nothing,
/// because there is no compiler in it.
pub(crate) fn engine(options: &RunnerOptions, image: Arc<Image>) -> Result<Engine, RunnerError> {
    let mut config = settings(options.signal_traps);
    config.max_wasm_stack(options.stack_bytes);
    config.wasm_backtrace_max_frames(None);
    config.with_host_memory(Arc::new(Creator(image)));
    Engine::new(&config).map_err(RunnerError::Engine)
}

/// The thread that advances the engines' epochs and with them every call's deadline. It ends when
/// this value is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    engines: Arc<Mutex<Engines>>,
    /// Dropped to stop the thread. `None` only during the drop.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Engines(Vec<EngineWeak>);

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} engines", self.0.len())
    }
}

impl Ticker {
    pub(crate) fn start(deadline: Duration) -> Result<Ticker, RunnerError> {
        let tick = (deadline / DEADLINE_TICKS).max(SHORTEST_TICK);
        let (alive, stopped) = mpsc::channel();
        let engines = Arc::new(Mutex::new(Engines::default()));
        let ticking = engines.clone();
        let thread = std::thread::Builder::new()
            .name("matcher-deadline".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(tick) {
                    tick_all(&ticking);
                }
            })
            .map_err(RunnerError::Ticker)?;
        Ok(Ticker { engines, alive: Some(alive), thread: Some(thread) })
    }

    /// Advances this engine's epoch too, as long as the engine lives.
    pub(crate) fn add(&self, engine: EngineWeak) {
        // A panic cannot leave a vector in an intermediate state.
        self.engines.lock().unwrap_or_else(PoisonError::into_inner).0.push(engine);
    }
}

/// Advances every engine's epoch and forgets dropped engines.
fn tick_all(engines: &Mutex<Engines>) {
    let mut engines = engines.lock().unwrap_or_else(PoisonError::into_inner);
    engines.0.retain(|engine| engine.upgrade().inspect(Engine::increment_epoch).is_some());
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // The thread cannot have panicked, and nobody could be informed.
            let _ = thread.join();
        }
    }
}
