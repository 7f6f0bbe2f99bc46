//! Runs Threatsieve's matcher. It maps a blacklist into the component's memory and looks up batches
//! of observables in a pool of instances that share the blacklist's pages. The only crate that uses
//! wasmtime.
//!
//! # Parts
//!
//! Hosts use [`Runner`]: they call [`Runner::load`] with a blacklist, [`Runner::check`] with
//! batches from any number of threads, and meanwhile load the next blacklist. `code` contains the
//! matcher's machine code, which the build script compiles from `guest/matcher`; there is no
//! compiler at run time. [`MemoryFile`] holds a blacklist's bytes so that nobody can change them.
//! `linear` maps them into an instance's memory, `generation` pools the instances, and `instance`
//! keeps each one within its limits. `wit/matcher.wit` is the contract with the component.
//!
//! ```no_run
//! use std::sync::Arc;
//! use threatsieve_blacklist::Blacklist;
//! use threatsieve_blacklist::observable::{Batch, Kind};
//! use threatsieve_runner::{MemoryFile, Runner, RunnerOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let blacklist = Blacklist::open(MemoryFile::copy_of(&std::fs::read("bad.blacklist")?)?, None)?;
//! let runner = Runner::new(RunnerOptions::default())?;
//! runner.load(Arc::new(blacklist))?;
//!
//! let mut batch = Batch::new();
//! batch.push(Kind::Host, b"www.evil.com");
//! let answer = runner.check(&batch)?;
//! for hit in &answer.hits {
//!     let entry = answer.blacklist.entry(hit.entry);
//!     println!("observable {} is covered by {entry:?}", hit.observable);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//!
//! Nothing the component does can harm the process. A call ends at its deadline, an instance's
//! memory grows only to its ceiling, and recursion ends at [`RunnerOptions::stack_bytes`]. Each of
//! these, like a trap, costs only the answer to that batch and that instance ([`CheckError`]). A
//! blacklist's image has at most [`MAX_IMAGE_BYTES`]. A blacklist is in memory once, as its
//! [`MemoryFile`]; loading copies nothing.

mod bindings;
mod code;
mod counters;
mod engine;
mod error;
mod generation;
mod instance;
mod isolate;
mod linear;
mod memory_file;
mod options;
mod runner;
mod settings;

pub use self::code::{Code, MATCHER};
pub use self::counters::Counters;
pub use self::error::{AnswerError, CheckError, RunnerError};
pub use self::isolate::{FailedCalls, Outcome};
pub use self::memory_file::{MemoryFile, MemoryFileError};
pub use self::options::RunnerOptions;
pub use self::runner::{Answer, MAX_IMAGE_BYTES, Runner};
