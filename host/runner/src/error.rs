//! Everything that can go wrong, one enum for each thing a host does.
//!
//! [`RunnerError`] belongs to setting up and loading: the runner goes on with what it had. [`CheckError`] belongs to one batch, which has then no answer:
//! the host marks its events as unchecked and goes on.

use std::io;
use std::path::PathBuf;
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
    /// The blacklist does not fit the component.
    #[error("blacklist {name:?}, generation {generation}, cannot be packed")]
    Pack {
        /// The blacklist's name.
        name: String,
        /// Its generation.
        generation: u64,
        /// What is wrong.
        source: PackError,
    },
    /// There is not enough memory for the packed component.
    #[error("no memory for a packed component of {bytes} bytes")]
    Memory {
        /// How much was asked for.
        bytes: usize,
    },
    /// There is not enough memory for the metadata beside the compiled code.
    #[error("no memory for the metadata of a blacklist of {bytes} bytes")]
    Metadata {
        /// Bytes of its file.
        bytes: usize,
        /// Why the system gives none.
        source: io::Error,
    },
    /// The thread that compiles cannot be started.
    #[error("the compiler's thread cannot be started")]
    CompilerThread(#[source] io::Error),
    /// The packed component does not compile.
    #[error("the packed component does not compile")]
    Compile(#[source] wasmtime::Error),
    /// The memory file for compiled code cannot be made.
    #[error("compiled code cannot be kept in a sealed memory file ({step})")]
    Memfd {
        /// The system call that failed.
        step: &'static str,
        /// How.
        source: io::Error,
    },
    /// The directory for compiled code is not fit for it.
    #[error("compiled code cannot be kept in {}", path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        source: CacheError,
    },
    /// Compiled code does not load.
    #[error("compiled code does not load; loading goes through /proc/self/fd")]
    Load(#[source] wasmtime::Error),
    /// The component is not a matcher: it imports something, or does not export the contract.
    #[error("the component does not fit the contract threatsieve:matcher/lookup@1.0.0")]
    Contract(#[source] wasmtime::Error),
    /// The first instance did not describe itself.
    #[error("the packed blacklist does not answer")]
    Describe(#[source] CheckError),
    /// The first instance describes another blacklist than was packed.
    #[error("the component holds {got}, packed was {packed}")]
    Mismatch {
        /// What it says.
        got: String,
        /// What it should say.
        packed: String,
    },
}

/// Why a blacklist cannot be packed into a component.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Longer than [`crate::MAX_IMAGE_BYTES`].
    #[error("match sections of {got} bytes, at most {limit} fit", limit = crate::MAX_IMAGE_BYTES)]
    TooLarge {
        /// Bytes given.
        got: usize,
    },
    /// The bytes are no component, or a damaged one.
    #[error("not a readable component")]
    Malformed(#[from] wasmparser::BinaryReaderError),
    /// The component is readable, but not one that a blacklist can be packed into.
    #[error("not a matcher component: {0}")]
    Foreign(&'static str),
    /// The destination failed.
    #[error("the packed component cannot be written")]
    Write(#[from] io::Error),
}

/// Why a directory, or a file in it, is not used for compiled code.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// A symbolic link or no directory.
    #[error("it is a symbolic link or not a directory")]
    NotADirectory,
    /// Somebody else's.
    #[error("it belongs to user {got}, expected {expected}")]
    Owner {
        /// Whose it is.
        got: u32,
        /// Whose it should be.
        expected: u32,
    },
    /// Open to others.
    #[error("its mode is {got:04o}, expected 0700; set it with chmod 0700")]
    Mode {
        /// The permission bits found.
        got: u32,
    },
    /// A system call failed.
    #[error("{step} failed")]
    Io {
        /// What was tried.
        step: &'static str,
        /// How it failed.
        source: io::Error,
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
    /// No instance can be made, for want of address space for one.
    #[error("no instance can be made")]
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
