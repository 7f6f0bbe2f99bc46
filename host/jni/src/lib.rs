//! The native library of the ingest plugin: the functions that
//! `org.threatsieve.core.matcher.Native` declares, on top of the runner.
//!
//! # Parts
//!
//! [`native`] contains the functions that Java calls. Each converts its arguments, calls one of the
//! plain modules, and converts the result. A panic or a [`failure::Failure`] becomes a
//! `NativeException` of its kind. `node` holds the named blacklists, each with a runner, within a
//! memory budget. `check` looks up a batch, and `lines` a batch of raw log lines. `answer` writes
//! the result for the documents that matched, with the fields of `threatsieve-flag`. `terms` looks
//! up the terms of an index's dictionary, for the query.
//!
//! # Limits
//!
//! A call takes at most 65,536 observables and 8 MiB ([`threatsieve_blacklist::observable`]), and a
//! processor has at most 256 fields. For one document, 10,000 hits are judged and 1,000 matches are
//! kept. An answer has at most 64 MiB; further documents go unchecked. Buffers of up to 1 MiB each
//! are kept for the thread's next call. docs/plugin.md describes what can still end the process.

mod answer;
mod budget;
mod check;
mod contexts;
mod failure;
mod file;
mod layout;
mod lines;
pub mod native;
mod node;
mod nodes;
mod options;
mod terms;
#[cfg(test)]
mod tests;
