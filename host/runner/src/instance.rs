//! One instance of the component, held to its limits.

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

/// Hits of one answer at most; the contract's number.
const MAX_HITS: usize = 1 << 20;
/// What lifting the longest answer costs, as the runtime counts: the hits' bytes and some for the rest.
const ANSWER_BYTES: usize = MAX_HITS * size_of::<lookup::Hit>() + 4096;
/// Entries of all tables; the component's own has a few hundred.
const MAX_TABLE_ENTRIES: usize = 100_000;

/// What an instance may use.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) deadline: Duration,
    pub(crate) memory_ceiling_bytes: usize,
    /// The image in its memory, which does not count.
    pub(crate) image: Arc<Image>,
}

/// What the runtime asks when an instance wants more.
pub(crate) struct Limiter {
    limits: Arc<Limits>,
    /// Set when memory was refused: the runtime reports what came of it, not why.
    refused_memory: bool,
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // At its creation the memory is asked for without the image, from then on with it.
        let image = self.limits.image.mapped_bytes();
        if desired <= self.limits.memory_ceiling_bytes.saturating_add(image) {
            return Ok(true);
        }
        self.refused_memory = true;
        // An error ends the call at once; "no" would let the component go on and trap some other way.
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

/// An instance with a store of its own, used by one call at a time.
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
        let mut store = Store::new(engine, Limiter { limits: limits.clone(), refused_memory: false });
        store.limiter(|limiter| limiter);
        store.set_hostcall_fuel(ANSWER_BYTES);
        store.set_epoch_deadline(DEADLINE_EPOCHS);
        match pre.instantiate(&mut store) {
            Ok(matcher) => Ok(Instance { store, matcher }),
            Err(error) => Err(failure(&store, error, CheckError::Instance)),
        }
    }

    /// Looks a batch up. After any error but [`Refused::Fault`] the instance is no longer fit for use.
    pub(crate) fn check(&mut self, batch: &[u8]) -> Result<Vec<lookup::Hit>, Refused> {
        self.store.set_epoch_deadline(DEADLINE_EPOCHS);
        match self.matcher.threatsieve_matcher_lookup().call_check(&mut self.store, batch) {
            Ok(Ok(hits)) => Ok(hits),
            Ok(Err(fault)) => Err(Refused::Fault(fault)),
            Err(error) => Err(Refused::Failed(self.failure(error))),
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

/// Why there is no answer.
pub(crate) enum Refused {
    /// The component said so, and is fit for the next batch.
    Fault(lookup::Fault),
    /// It did not come so far.
    Failed(CheckError),
}

/// Sorts a runtime error: one of the limits, a trap, or neither.
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

/// Turns an answer into hits, `first` being the number of the batch's first observable, and holds it to the batch and the blacklist.
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
    hits.try_reserve(answer.len()).map_err(|_| CheckError::Memory { hits: hits.len() + answer.len() })?;
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
