//! Following logs: new lines matched once, whatever is renamed, truncated or compressed meanwhile, and
//! stored lines matched again when something counts that did not before.
//!
//! ```text
//! find --files--> identify --known, new, copies--> plan --stretches--> stretch --pipeline--> commit
//!                                       history --stretches--------------^
//! ```
//!
//! [`find`] lists the files of the configured sources, and [`identify`] recognises those that are known.
//! [`plan`] (for new lines) and [`history`] (for stored ones) say which stretches of which files are to be
//! matched. [`stretch`] runs them through the one [pipeline](crate::pipeline). [`commit`] judges what was
//! found and stores it together with how far the file is matched, in one transaction: nothing is lost or
//! repeated whenever the program ends.

mod commit;
mod compare;
mod find;
mod history;
mod identify;
mod logs;
mod opened;
mod plan;
mod stretch;
mod troubles;

#[cfg(test)]
mod tests;

pub(crate) use find::shared_logs;
pub(crate) use history::{HistoryReport, match_history};
pub(crate) use logs::{FollowReport, follow_logs};
pub(crate) use troubles::Trouble;
