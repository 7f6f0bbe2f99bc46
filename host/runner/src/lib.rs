//! Runs Threatsieve's matcher: packs a blacklist into the component, compiles it, and looks batches of observables up in a pool of instances that
//! share the blacklist's memory. The only crate that names wasmtime.
//!
//! # Parts
//!
//! [`Runner`] is what hosts use: [`Runner::load`] a blacklist, [`Runner::check`] batches from any number of threads, load the next one meanwhile.
//! Loading goes through three steps, a module each: `pack` adds the blacklist's match sections to the component as a page-aligned data segment,
//! `code` compiles that and keeps the machine code in a sealed memory file or a private directory, `generation` maps it and pools
//! instances. `instance` holds one instance to its limits. The component is built from `guest/matcher` by the build script, and `wit/matcher.wit` is the
//! contract with it.
//!
//! ```no_run
//! use std::sync::Arc;
//! use threatsieve_blacklist::Blacklist;
//! use threatsieve_blacklist::observable::{Batch, Kind};
//! use threatsieve_runner::{Bytes, Runner, RunnerOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let blacklist = Blacklist::open(Bytes::from(std::fs::read("bad.blacklist")?), None)?;
//! let runner = Runner::new(RunnerOptions::default())?;
//! runner.load(Arc::new(blacklist))?;
//!
//! let mut batch = Batch::new();
//! batch.push(Kind::Host, b"www.evil.com");
//! let answer = runner.check(&batch)?;
//! for hit in &answer.hits {
//!     println!("observable {} is covered by {:?}", hit.observable, answer.blacklist.entry(hit.entry));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//!
//! Nothing the component does harms the process: a call ends at its deadline, an instance grows by no more memory than its ceiling, recursion ends at
//! [`RunnerOptions::stack_bytes`], and each of these, like a trap, costs that batch's answer and that instance ([`CheckError`]).
//! A blacklist's image has at most [`MAX_IMAGE_BYTES`]. Loading takes, at its peak, about three times the image besides the caller's blacklist, and
//! leaves it in memory once (see `code`), or the whole file but once with [`RunnerOptions::keep_match_sections`] off.

mod bindings;
mod cache;
mod code;
mod counters;
mod engine;
mod error;
mod generation;
mod instance;
mod options;
mod pack;
mod runner;

pub use bytes::Bytes;

pub use self::counters::Counters;
pub use self::error::{AnswerError, CacheError, CheckError, PackError, RunnerError};
pub use self::options::{CodeCache, RunnerOptions};
pub use self::pack::{MAX_IMAGE_BYTES, Packing};
pub use self::runner::{Answer, MATCHER, Runner};
