//! One loaded blacklist: its engine, and the instances that wait for the next call.
//!
//! Shared by [`Arc`]. After a switch, the last call in flight frees instances, code and pages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use threatsieve_blacklist::image::FORMAT;
use threatsieve_blacklist::observable::offsets;
use threatsieve_blacklist::{Blacklist, Hit, NORMALISER, Role};
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::bindings::MatcherPre;
use crate::bindings::exports::threatsieve::matcher::lookup;
use crate::code::Code;
use crate::counters::Sums;
use crate::error::{CheckError, RunnerError};
use crate::instance::{CallError, Instance, Limiter, Limits, accept};
use crate::memory_file::MemoryFile;

pub(crate) struct Generation {
    pub(crate) blacklist: Arc<Blacklist<MemoryFile>>,
    entries: u32,
    engine: Engine,
    pre: MatcherPre<Limiter>,
    limits: Arc<Limits>,
    /// At most `keep` instances, the most recently used on top: its memory is in the caches.
    idle: Mutex<Vec<Instance>>,
    keep: usize,
}

impl Generation {
    /// Loads the machine code into an engine that maps the blacklist. At most `keep` instances stay
    /// idle.
    pub(crate) fn new(
        engine: Engine,
        code: Code,
        blacklist: Arc<Blacklist<MemoryFile>>,
        limits: Limits,
        keep: usize,
    ) -> Result<Generation, RunnerError> {
        let component = code.load(&engine).map_err(RunnerError::Code)?;
        // The linker defines nothing, so a component with any import is rejected here.
        let pre =
            Linker::new(&engine).instantiate_pre(&component).map_err(RunnerError::Contract)?;
        let pre = MatcherPre::new(pre).map_err(RunnerError::Contract)?;
        // The format cannot have more entries than a `u32` can number.
        let entries = Role::ALL.map(|role| blacklist.entries(role)).iter().sum::<u64>() as u32;
        let limits = Arc::new(limits);
        Ok(Generation { blacklist, entries, engine, pre, limits, idle: Mutex::default(), keep })
    }

    /// Creates the first instance and checks that it describes this blacklist.
    pub(crate) fn prove(&self, sums: &Sums) -> Result<(), RunnerError> {
        let mut instance = self.instance(sums).map_err(RunnerError::Describe)?;
        let got = instance.describe().map_err(RunnerError::Describe)?;
        let expected = lookup::Description {
            normaliser: NORMALISER.into(),
            format: FORMAT.into(),
            generation: self.blacklist.generation(),
            name: self.blacklist.name().to_owned(),
            entries: self.entries,
            // At most `MAX_IMAGE_BYTES`.
            image_bytes: self.limits.image.bytes() as u32,
        };
        let (got, expected) = (format!("{got:?}"), format!("{expected:?}"));
        if got != expected {
            return Err(RunnerError::Mismatch { got, expected });
        }
        self.put_back(instance);
        Ok(())
    }

    /// Looks up a batch and appends its hits to `hits`. Its first observable gets the number
    /// `first`.
    pub(crate) fn check(
        &self,
        batch: &[u8],
        first: u32,
        hits: &mut Vec<Hit>,
        sums: &Sums,
    ) -> Result<(), CheckError> {
        let idle = self.idle().pop();
        let mut instance = match idle {
            Some(instance) => instance,
            None => self.instance(sums)?,
        };
        match instance.check(batch) {
            Ok(answer) => {
                accept(&answer, batch, first, self.entries, hits)?;
                self.put_back(instance);
                Ok(())
            }
            Err(CallError::Fault(fault)) => {
                self.put_back(instance);
                match fault {
                    lookup::Fault::TooManyHits(_) => {
                        self.check_halves(batch, first, hits, sums, fault.into())
                    }
                    fault => Err(fault.into()),
                }
            }
            Err(CallError::Failed(error @ CheckError::MemoryCeiling { .. })) => {
                // The instance is dropped first, so that its memory is free for the halves.
                drop(instance);
                self.check_halves(batch, first, hits, sums, error)
            }
            Err(CallError::Failed(error)) => Err(error),
        }
    }

    /// Looks up both halves of a batch whose answer was too large for one call. Returns `error` if
    /// it has only one observable.
    fn check_halves(
        &self,
        batch: &[u8],
        first: u32,
        hits: &mut Vec<Hit>,
        sums: &Sums,
        error: CheckError,
    ) -> Result<(), CheckError> {
        let offsets = offsets(batch)?;
        let half = (offsets.len() - 1) / 2;
        if half == 0 {
            return Err(error);
        }
        let (front, back) = batch.split_at(offsets[half] as usize);
        self.check(front, first, hits, sums)?;
        self.check(back, first + half as u32, hits, sums)
    }

    /// Memory in use, in bytes: the file, and the instances' own memory.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.blacklist.file_bytes() + self.limits.image.own_bytes() as u64
    }

    fn instance(&self, sums: &Sums) -> Result<Instance, CheckError> {
        sums.instance();
        Instance::new(&self.engine, &self.pre, &self.limits)
    }

    fn put_back(&self, instance: Instance) {
        let mut idle = self.idle();
        if idle.len() < self.keep {
            idle.push(instance);
        } else {
            // Unmapping takes longer than the lock should be held.
            drop(idle);
            drop(instance);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        // A panic cannot leave a vector of instances in an intermediate state.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
