//! Errors, with one enum for each thing a host does.
//!
//! [`RunnerError`] is about setting up and loading. The runner continues with what it had.
//! [`CheckError`] is about one batch, which then has no answer. The host marks its events as
//! unchecked and continues.

use std::io;
use std::time::Duration;

use threatsieve_blacklist::observable::BatchError;

/// The reason why a runner could not be created or a blacklist not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The options or this machine do not suit the runtime.
    #[error("the component runtime cannot be set up")]
    Engine(#[source] wasmtime::Error),
    /// The thread that ends long calls cannot be started.
    #[error("the deadline thread cannot be started")]
    Ticker(#[source] io::Error),
    /// The blacklist's match sections are longer than [`crate::MAX_IMAGE_BYTES`].
    #[error(
        "blacklist {name:?}, generation {generation}: match sections of {got} bytes, at most \
         {limit} fit; split it into several blacklists",
        limit = crate::MAX_IMAGE_BYTES
    )]
    TooLarge {
        /// The blacklist's name.
        name: String,
        /// The generation of the blacklist.
        generation: u64,
        /// The size of its match sections in bytes.
        got: usize,
    },
    /// The embedded machine code does not suit this machine: the processor lacks a feature that it
    /// was compiled for.
    #[error("the matcher's machine code does not run on this machine")]
    Code(#[source] wasmtime::Error),
    /// The component is not a matcher: it imports something, or does not export the contract.
    #[error("the component does not fit the contract threatsieve:matcher/lookup@1.0.0")]
    Contract(#[source] wasmtime::Error),
    /// The first instance did not describe itself.
    #[error("the first instance with the blacklist does not answer")]
    Describe(#[source] CheckError),
    /// The first instance describes another blacklist than the one that was mapped.
    #[error("the matcher describes its blacklist as {got}, expected {expected}")]
    Mismatch {
        /// Its description.
        got: String,
        /// The expected description.
        expected: String,
    },
}

/// The reason why a batch has no answer. It affects only that batch, and at most the instance that
/// had it.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Nothing has been loaded yet.
    #[error("no blacklist is loaded")]
    NoBlacklist,
    /// The batch is malformed. The instance stays usable.
    #[error("the batch is malformed")]
    Batch(#[from] BatchError),
    /// One observable alone has more hits than an answer holds.
    #[error("one observable has {got} hits, an answer has at most 1048576")]
    TooManyHits {
        /// The number of its hits.
        got: u32,
    },
    /// The component trapped.
    #[error("the matcher trapped: {trap}")]
    Trap {
        /// The runtime's name for the trap, such as "wasm `unreachable` instruction executed".
        trap: String,
    },
    /// The call took too long.
    #[error("the matcher did not answer within {limit:?}")]
    Deadline {
        /// [`crate::RunnerOptions::deadline`].
        limit: Duration,
    },
    /// The component wanted more memory than it may have.
    #[error("the matcher asked for more than {limit_bytes} bytes besides the blacklist")]
    MemoryCeiling {
        /// [`crate::RunnerOptions::memory_ceiling_bytes`].
        limit_bytes: usize,
    },
    /// No instance can be created: the system has no address space or no memory for it.
    #[error("cannot make an instance of the matcher")]
    Instance(#[source] wasmtime::Error),
    /// The component reports that it has no readable blacklist.
    #[error("the matcher cannot use its blacklist: {reason}")]
    Blacklist {
        /// The component's reason.
        reason: String,
    },
    /// The answer is invalid.
    #[error("the matcher's answer is wrong")]
    Answer(#[from] AnswerError),
    /// There is not enough memory for the answer.
    #[error("no memory for an answer of {hits} hits")]
    Memory {
        /// The number of its hits.
        hits: usize,
    },
}

/// The fault in an answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// A hit for an observable that is not in the batch.
    #[error("hit of observable {got}, the batch has {observables}")]
    Observable {
        /// The observable's number.
        got: u32,
        /// The number of observables in the batch.
        observables: usize,
    },
    /// A hit by an entry that is not in the blacklist.
    #[error("hit by entry {got}, the blacklist has {entries}")]
    Entry {
        /// The entry's number.
        got: u32,
        /// The number of entries in the blacklist.
        entries: u32,
    },
    /// The hits are not in the order of the observables.
    #[error("hit of observable {got} after one of observable {after}")]
    Order {
        /// The observable's number.
        got: u32,
        /// The number before it.
        after: u32,
    },
    /// The answer does not have the contract's form, or is longer than the contract allows.
    #[error("the answer cannot be read")]
    Form(#[source] wasmtime::Error),
}
