//! One instance of the component, within its limits.

use std::sync::Arc;
use std::time::Duration;

use threatsieve_blacklist::observable::{BatchError, BatchReader};
use threatsieve_blacklist::{Hit, How};
use wasmtime::{Engine, ResourceLimiter, Store, Trap};

use crate::bindings::exports::threatsieve::matcher::lookup;
use crate::bindings::{Matcher, MatcherPre};
use crate::engine::DEADLINE_EPOCHS;
use crate::error::{AnswerError, CheckError};
use crate::linear::Image;

/// The most hits in one answer. The contract sets this number.
const MAX_HITS: usize = 1 << 20;
/// The cost of lifting the longest answer, as the runtime counts it: the bytes of the hits, and
/// some for the rest.
const ANSWER_BYTES: usize = MAX_HITS * size_of::<lookup::Hit>() + 4096;
/// The most entries in all tables. The component's own table has a few hundred.
const MAX_TABLE_ENTRIES: usize = 100_000;

/// The limits of an instance.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) deadline: Duration,
    pub(crate) memory_ceiling_bytes: usize,
    /// The image in its memory, which does not count against the ceiling.
    pub(crate) image: Arc<Image>,
}

/// Decides when an instance asks the runtime for more memory.
pub(crate) struct Limiter {
    limits: Arc<Limits>,
    /// Set when memory was refused. The runtime reports only the consequence.
    refused_memory: bool,
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // The first request, at creation, does not include the image. Later ones do.
        let image = self.limits.image.mapped_bytes();
        if desired <= self.limits.memory_ceiling_bytes.saturating_add(image) {
            return Ok(true);
        }
        self.refused_memory = true;
        // An error ends the call at once. After a plain refusal the component would continue and
        // trap in some other way.
        Err(wasmtime::format_err!("memory ceiling"))
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ENTRIES)
    }

    fn instances(&self) -> usize {
        4
    }

    fn tables(&self) -> usize {
        4
    }

    fn memories(&self) -> usize {
        1
    }
}

/// An instance with its own store, used by one call at a time.
pub(crate) struct Instance {
    store: Store<Limiter>,
    matcher: Matcher,
}

impl Instance {
    pub(crate) fn new(
        engine: &Engine,
        pre: &MatcherPre<Limiter>,
        limits: &Arc<Limits>,
    ) -> Result<Instance, CheckError> {
        let mut store =
            Store::new(engine, Limiter { limits: limits.clone(), refused_memory: false });
        store.limiter(|limiter| limiter);
        store.set_hostcall_fuel(ANSWER_BYTES);
        store.set_epoch_deadline(DEADLINE_EPOCHS);
        match pre.instantiate(&mut store) {
            Ok(matcher) => Ok(Instance { store, matcher }),
            Err(error) => Err(failure(&store, error, CheckError::Instance)),
        }
    }

    /// Looks up a batch. After any error other than [`CallError::Fault`] the instance must not be
    /// used again.
    pub(crate) fn check(&mut self, batch: &[u8]) -> Result<Vec<lookup::Hit>, CallError> {
        self.store.set_epoch_deadline(DEADLINE_EPOCHS);
        match self.matcher.threatsieve_matcher_lookup().call_check(&mut self.store, batch) {
            Ok(Ok(hits)) => Ok(hits),
            Ok(Err(fault)) => Err(CallError::Fault(fault)),
            Err(error) => Err(CallError::Failed(self.failure(error))),
        }
    }

    pub(crate) fn describe(&mut self) -> Result<lookup::Description, CheckError> {
        self.store.set_epoch_deadline(DEADLINE_EPOCHS);
        match self.matcher.threatsieve_matcher_lookup().call_describe(&mut self.store) {
            Ok(Ok(description)) => Ok(description),
            Ok(Err(fault)) => Err(fault.into()),
            Err(error) => Err(self.failure(error)),
        }
    }

    fn failure(&self, error: wasmtime::Error) -> CheckError {
        failure(&self.store, error, |error| CheckError::Answer(AnswerError::Form(error)))
    }
}

/// The reason why a call has no answer.
pub(crate) enum CallError {
    /// The component reported it. The instance is fit for the next batch.
    Fault(lookup::Fault),
    /// The call did not end normally.
    Failed(CheckError),
}

/// Classifies a runtime error: one of the limits, a trap, or another one.
fn failure(
    store: &Store<Limiter>,
    error: wasmtime::Error,
    other: fn(wasmtime::Error) -> CheckError,
) -> CheckError {
    let limits = &store.data().limits;
    if store.data().refused_memory {
        return CheckError::MemoryCeiling { limit_bytes: limits.memory_ceiling_bytes };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => CheckError::Deadline { limit: limits.deadline },
        Some(trap) => CheckError::Trap { trap: trap.to_string() },
        None => other(error),
    }
}

impl From<lookup::Fault> for CheckError {
    fn from(fault: lookup::Fault) -> CheckError {
        match fault {
            lookup::Fault::Batch(malformed) => CheckError::Batch(malformed.into()),
            lookup::Fault::TooManyHits(got) => CheckError::TooManyHits { got },
            lookup::Fault::BlacklistMissing => {
                CheckError::Blacklist { reason: "there is none in its memory".to_owned() }
            }
            lookup::Fault::BlacklistUnreadable(reason) => CheckError::Blacklist { reason },
        }
    }
}

impl From<lookup::Malformed> for BatchError {
    fn from(malformed: lookup::Malformed) -> BatchError {
        match malformed {
            lookup::Malformed::TooLarge(got) => BatchError::TooLarge { got: got as usize },
            lookup::Malformed::TooMany => BatchError::TooMany,
            lookup::Malformed::Truncated(at) => BatchError::Truncated { at: at as usize },
            lookup::Malformed::UnknownKind(lookup::UnknownKind { at, kind }) => {
                BatchError::UnknownKind { at: at as usize, kind }
            }
        }
    }
}

/// Checks an answer against the batch and the blacklist, and converts it to hits. The batch's first
/// observable gets the number `first`.
pub(crate) fn accept(
    answer: &[lookup::Hit],
    batch: &[u8],
    first: u32,
    entries: u32,
    hits: &mut Vec<Hit>,
) -> Result<(), CheckError> {
    if answer.is_empty() {
        return Ok(());
    }
    let observables = BatchReader::new(batch)?.count();
    hits.try_reserve(answer.len())
        .map_err(|_| CheckError::Memory { hits: hits.len() + answer.len() })?;
    let mut last = 0;
    for hit in answer {
        if hit.observable as usize >= observables {
            return Err(AnswerError::Observable { got: hit.observable, observables }.into());
        }
        if hit.observable < last {
            return Err(AnswerError::Order { got: hit.observable, after: last }.into());
        }
        last = hit.observable;
        for entry in [Some(hit.entry), hit.allowed_by].into_iter().flatten() {
            if entry >= entries {
                return Err(AnswerError::Entry { got: entry, entries }.into());
            }
        }
        hits.push(Hit {
            observable: first + hit.observable,
            entry: hit.entry,
            how: how(hit.how),
            allowed_by: hit.allowed_by,
        });
    }
    Ok(())
}

fn how(how: lookup::How) -> How {
    match how {
        lookup::How::Exact => How::Exact,
        lookup::How::Subdomain => How::Subdomain,
        lookup::How::Cidr => How::Cidr,
        lookup::How::Range => How::Range,
        lookup::How::Url => How::Url,
        lookup::How::UrlPrefix => How::UrlPrefix,
        lookup::How::UrlQueryUnlogged => How::UrlQueryUnlogged,
        lookup::How::FileName => How::FileName,
    }
}
