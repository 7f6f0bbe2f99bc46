//! The native library of the ingest plugin: what `org.threatsieve.core.matcher.Native` declares, over the runner.
//!
//! # Parts
//!
//! [`native`] has the functions that Java calls: each converts its arguments, calls one of the plain modules, and converts what comes back;
//! a panic or a [`failure::Failure`] becomes a `NativeException` of its kind. `node` holds named blacklists, a runner each, within a budget of
//! memory. `check` looks a batch up and `lines` a batch of raw log lines: where a call fails, `halves` finds the documents that make it
//! fail, and `answer` writes what goes into those that matched, as `threatsieve-flag` has it.
//!
//! # Limits
//!
//! A call takes at most 65,536 observables and 8 MiB ([`threatsieve_blacklist::observable`]), a processor 256 fields. Of one document 10,000 hits
//! are judged and 1,000 matches kept. An answer holds 64 MiB, then its further documents go unchecked. Buffers that calls copy into are kept
//! for the thread's next call up to 1 MiB each. What can end the process all the same is told in docs/plugin.md.

mod answer;
mod budget;
mod check;
mod contexts;
mod failure;
mod file;
mod halves;
mod layout;
mod lines;
pub mod native;
mod node;
mod nodes;
mod options;
#[cfg(test)]
mod tests;
