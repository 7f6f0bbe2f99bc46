//! The runner: loads blacklists, switches between them, and answers batches.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use threatsieve_blacklist::observable::Batch;
use threatsieve_blacklist::{Blacklist, Hit};

use crate::code::{Code, MATCHER};
use crate::counters::{Counters, Sums};
use crate::engine::{Ticker, engine};
use crate::error::{CheckError, RunnerError};
use crate::generation::Generation;
use crate::instance::Limits;
use crate::linear::Image;
use crate::memory_file::MemoryFile;
use crate::options::RunnerOptions;

/// The largest image of a blacklist in bytes: 1 GiB of the 4 that a component can address.
pub const MAX_IMAGE_BYTES: usize = 1 << 30;

/// The answer to a batch.
#[derive(Debug)]
pub struct Answer {
    /// The blacklist that answered: the current one when the call began.
    pub blacklist: Arc<Blacklist<MemoryFile>>,
    /// The hits, in the order of the observables; for one observable the most specific entry first.
    /// They include those that an allow-list entry suppresses.
    pub hits: Vec<Hit>,
}

/// Answers batches from the most recently loaded blacklist, on any number of threads.
pub struct Runner {
    current: ArcSwapOption<Generation>,
    /// Held while a blacklist is loaded: the later call wins.
    loading: Mutex<()>,
    code: Code,
    sums: Sums,
    options: RunnerOptions,
    /// Ends calls at their deadline. Stops with the runner.
    ticker: Ticker,
}

impl Runner {
    /// Creates a runner without a blacklist.
    ///
    /// # Errors
    ///
    /// The deadline thread cannot be started.
    pub fn new(options: RunnerOptions) -> Result<Runner, RunnerError> {
        Runner::with_code(options, MATCHER)
    }

    /// Creates a runner for another component than the matcher, for tests of the limits with
    /// hostile ones.
    #[doc(hidden)]
    pub fn with_code(options: RunnerOptions, code: Code) -> Result<Runner, RunnerError> {
        Ok(Runner {
            current: ArcSwapOption::empty(),
            loading: Mutex::new(()),
            code,
            sums: Sums::default(),
            ticker: Ticker::start(options.deadline)?,
            options,
        })
    }

    /// Maps a blacklist into a first instance, checks that it answers, and switches to it. This
    /// takes about 2 ms, whatever its size. Calls in flight end on the old blacklist, and the last
    /// of them frees it. Loading the current blacklist again does nothing.
    ///
    /// # Errors
    ///
    /// The blacklist is too large, the machine code does not run here, or no instance that answers
    /// can be created. The old blacklist stays in use.
    pub fn load(&self, blacklist: Arc<Blacklist<MemoryFile>>) -> Result<(), RunnerError> {
        // The lock guards no data, so a panic cannot leave any half changed.
        let _one_at_a_time = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = blacklist.digest();
        if self.current.load().as_ref().is_some_and(|current| current.blacklist.digest() == digest)
        {
            return Ok(());
        }
        let image_bytes = blacklist.guest_image().len();
        if image_bytes > MAX_IMAGE_BYTES {
            return Err(RunnerError::TooLarge {
                name: blacklist.name().to_owned(),
                generation: blacklist.generation(),
                got: image_bytes,
            });
        }
        let image = Image::new(blacklist.file().clone(), image_bytes);
        let engine = engine(&self.options, image.clone())?;
        self.ticker.add(engine.weak());
        let limits = Limits {
            deadline: self.options.deadline,
            memory_ceiling_bytes: self.options.memory_ceiling_bytes,
            image,
        };
        let next = Generation::new(engine, self.code, blacklist, limits, self.options.instances)?;
        next.prove(&self.sums)?;
        self.current.store(Some(Arc::new(next)));
        self.sums.load();
        Ok(())
    }

    /// The blacklist that will answer the next call.
    pub fn blacklist(&self) -> Option<Arc<Blacklist<MemoryFile>>> {
        self.current.load().as_ref().map(|current| current.blacklist.clone())
    }

    /// The memory that the current blacklist takes, in bytes: its file, and the own memory of its
    /// live instances. Machine code and the runtime's own structures take about 2 MB more.
    pub fn held_bytes(&self) -> u64 {
        self.current.load().as_ref().map_or(0, |current| current.held_bytes())
    }

    /// Looks up a batch.
    pub fn check(&self, batch: &Batch) -> Result<Answer, CheckError> {
        self.check_encoded(batch.as_bytes(), batch.len())
    }

    /// Looks up a batch that is encoded as in `wit/matcher.wit`. The component verifies it;
    /// `observables` is only for the counters.
    pub fn check_encoded(&self, batch: &[u8], observables: usize) -> Result<Answer, CheckError> {
        let start = Instant::now();
        let answer = self.answer(batch);
        match &answer {
            Ok(answer) => self.sums.answered(observables, &answer.hits, start.elapsed()),
            Err(error) => self.sums.failed(error, start.elapsed()),
        }
        answer
    }

    fn answer(&self, batch: &[u8]) -> Result<Answer, CheckError> {
        let generation = self.current.load();
        let generation = generation.as_ref().ok_or(CheckError::NoBlacklist)?;
        let mut hits = Vec::new();
        generation.check(batch, 0, &mut hits, &self.sums)?;
        Ok(Answer { blacklist: generation.blacklist.clone(), hits })
    }

    /// The counters so far.
    pub fn counters(&self) -> Counters {
        self.sums
            .snapshot(self.current.load().as_ref().map(|current| current.blacklist.generation()))
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("options", &self.options)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
