//! Everything that can go wrong, one enum for each thing a host does.
//!
//! [`RunnerError`] belongs to setting up and loading: the runner goes on with what it had. [`CheckError`] belongs to one batch, which has then no answer:
//! the host marks its events as unchecked and goes on.

use std::io;
use std::time::Duration;

use threatsieve_blacklist::observable::BatchError;

/// Why a runner could not be made or a blacklist not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The options or this machine do not suit the runtime.
    #[error("the component runtime cannot be set up")]
    Engine(#[source] wasmtime::Error),
    /// The thread that ends overlong calls cannot be started.
    #[error("the deadline thread cannot be started")]
    Ticker(#[source] io::Error),
    /// The blacklist's match sections are longer than [`crate::MAX_IMAGE_BYTES`].
    #[error(
        "blacklist {name:?}, generation {generation}: match sections of {got} bytes, at most {limit} \
         fit; split it into several blacklists",
        limit = crate::MAX_IMAGE_BYTES
    )]
    TooLarge {
        /// The blacklist's name.
        name: String,
        /// Its generation.
        generation: u64,
        /// Bytes of its match sections.
        got: usize,
    },
    /// The embedded machine code does not suit this machine: the processor lacks what it was
    /// compiled for.
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
        /// What it says.
        got: String,
        /// What it should say.
        expected: String,
    },
}

/// Why a batch has no answer. Only that batch is affected, and at most the instance that had it.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Nothing has been loaded yet.
    #[error("no blacklist is loaded")]
    NoBlacklist,
    /// The batch is malformed; the instance lives on.
    #[error("the batch is malformed")]
    Batch(#[from] BatchError),
    /// One observable alone has more hits than an answer holds.
    #[error("{got} hits of one observable, an answer holds 1048576")]
    TooManyHits {
        /// How many it has.
        got: u32,
    },
    /// The component trapped.
    #[error("the matcher trapped: {trap}")]
    Trap {
        /// The runtime's name of the trap, such as "wasm `unreachable` instruction executed".
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
    /// No instance can be made: the system has no address space or no memory for one.
    #[error("cannot make an instance of the matcher")]
    Instance(#[source] wasmtime::Error),
    /// The component says that it holds no readable blacklist.
    #[error("the matcher cannot use its blacklist: {reason}")]
    Blacklist {
        /// Why, in its words.
        reason: String,
    },
    /// The answer makes no sense.
    #[error("the matcher's answer is wrong")]
    Answer(#[from] AnswerError),
    /// There is not enough memory for the answer.
    #[error("no memory for an answer of {hits} hits")]
    Memory {
        /// How many it has.
        hits: usize,
    },
}

/// What is wrong with an answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// A hit of an observable that the batch has not.
    #[error("hit of observable {got}, the batch has {observables}")]
    Observable {
        /// The number given.
        got: u32,
        /// Observables of the batch.
        observables: usize,
    },
    /// A hit by an entry that the blacklist has not.
    #[error("hit by entry {got}, the blacklist has {entries}")]
    Entry {
        /// The number given.
        got: u32,
        /// Entries of the blacklist.
        entries: u32,
    },
    /// Hits that are not in the order of the observables.
    #[error("hit of observable {got} after one of observable {after}")]
    Order {
        /// The number given.
        got: u32,
        /// The number before it.
        after: u32,
    },
    /// An answer that is not of the contract's form, or longer than it allows.
    #[error("the answer cannot be read")]
    Form(#[source] wasmtime::Error),
}
