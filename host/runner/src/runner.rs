//! The runner itself: loading, switching, checking.

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use memmap2::MmapMut;
use threatsieve_blacklist::observable::Batch;
use threatsieve_blacklist::{Blacklist, Hit};
use wasmtime::Engine;

use crate::Bytes;
use crate::code::CodeStore;
use crate::counters::{Counters, Sums};
use crate::engine::{Ticker, engine};
use crate::error::{CheckError, RunnerError};
use crate::generation::Generation;
use crate::instance::Limits;
use crate::options::RunnerOptions;
use crate::pack::Packing;

/// The matcher, without a blacklist: what the build script made of `guest/matcher`.
pub static MATCHER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/matcher.wasm"));

/// What a batch's observables touch.
#[derive(Debug)]
pub struct Answer {
    /// The blacklist that answered: the one that was current when the call began. [`RunnerOptions::keep_match_sections`] says what of it.
    pub blacklist: Arc<Blacklist<Bytes>>,
    /// The hits, in the order of the observables, for one observable the most specific entry first. Those that an allow-list entry suppresses
    /// are among them.
    pub hits: Vec<Hit>,
}

/// Answers batches from the blacklist loaded last, from any number of threads.
pub struct Runner {
    current: ArcSwapOption<Generation>,
    /// Held while a blacklist is loaded, so that two at a time do not need their memory at once, and the later call wins.
    loading: Mutex<()>,
    code: CodeStore,
    sums: Sums,
    options: RunnerOptions,
    engine: Engine,
    /// Ends calls at their deadline; stops with the runner.
    _ticker: Ticker,
}

impl Runner {
    /// A runner without a blacklist.
    pub fn new(options: RunnerOptions) -> Result<Runner, RunnerError> {
        Runner::with_component(options, Cow::Borrowed(MATCHER))
    }

    /// A runner of another component than the embedded one, for tests of the limits with hostile ones.
    #[doc(hidden)]
    pub fn with_component(
        options: RunnerOptions,
        component: Cow<'static, [u8]>,
    ) -> Result<Runner, RunnerError> {
        let engine = engine(&options)?;
        let ticker = Ticker::start(engine.weak(), options.deadline)?;
        let code = CodeStore::new(&engine, component, &options.code_cache);
        Ok(Runner {
            current: ArcSwapOption::empty(),
            loading: Mutex::new(()),
            code,
            sums: Sums::default(),
            options,
            engine,
            _ticker: ticker,
        })
    }

    /// Packs a blacklist, compiles it, proves that it answers, and switches to it. Calls in flight end on the old one, which is
    /// freed with the last of them; on an error the old one stays. Loading what is loaded already does nothing. Takes 0.1 s and more: not for a thread that
    /// must not wait.
    pub fn load(&self, blacklist: Arc<Blacklist<Bytes>>) -> Result<(), RunnerError> {
        // Nothing is behind this lock that a panic could leave half done.
        let _one_at_a_time = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = blacklist.digest();
        if self.current.load().as_ref().is_some_and(|current| current.blacklist.digest() == digest) {
            return Ok(());
        }
        let image = blacklist.guest_image();
        let packing = Packing::plan(self.code.component(), image).map_err(|source| RunnerError::Pack {
            name: blacklist.name().to_owned(),
            generation: blacklist.generation(),
            source,
        })?;
        let component = self.code.compiled(&packing, &digest)?;
        let limits = Limits {
            deadline: self.options.deadline,
            memory_ceiling_bytes: self.options.memory_ceiling_bytes,
            image_bytes: image.len(),
        };
        drop(packing);
        let blacklist = match self.options.keep_match_sections {
            true => blacklist,
            false => Arc::new(metadata(&blacklist)?),
        };
        let next = Generation::new(&self.engine, &component, blacklist, limits, self.options.instances)?;
        next.prove(&self.sums)?;
        self.current.store(Some(Arc::new(next)));
        self.sums.load();
        Ok(())
    }

    /// The blacklist that the next call will be answered from.
    pub fn blacklist(&self) -> Option<Arc<Blacklist<Bytes>>> {
        self.current.load().as_ref().map(|current| current.blacklist.clone())
    }

    /// Looks a batch up.
    pub fn check(&self, batch: &Batch) -> Result<Answer, CheckError> {
        self.check_encoded(batch.as_bytes(), batch.len())
    }

    /// Looks a batch up that is encoded as `wit/matcher.wit` has it, which the component verifies; `observables` is for the counters alone.
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

    /// What it has done so far.
    pub fn counters(&self) -> Counters {
        self.sums.snapshot(self.current.load().as_ref().map(|current| current.blacklist.generation()))
    }
}

/// The blacklist without its match sections, in memory that is given back as a whole.
fn metadata(blacklist: &Blacklist<Bytes>) -> Result<Blacklist<Bytes>, RunnerError> {
    // Nothing that is in memory is longer than that.
    let bytes = blacklist.file_bytes() as usize;
    let refused = |source| RunnerError::Metadata { bytes, source };
    let zeroed = MmapMut::map_anon(bytes).map_err(refused)?;
    blacklist
        .without_match_sections(zeroed, Bytes::from_owner)
        .ok_or_else(|| refused(io::ErrorKind::InvalidInput.into()))
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("options", &self.options)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
