//! Follows logs. New lines are matched once, even if a file is renamed, truncated or compressed
//! meanwhile. Stored lines are matched again when something counts that did not count before.
//!
//! ```text
//! find --files--> identify --known, new, copy--> plan --stretches--> stretch --pipeline--> commit
//!                                     history --stretches--------------^
//! ```
//!
//! - [`find`] lists the files of the configured sources.
//! - [`identify`] recognises the known ones among them.
//! - [`plan`] (for new lines) and [`history`] (for stored lines) decide which stretches of which
//!   files are matched. A stretch is a part of a file.
//! - [`stretch`] passes the stretches through the [pipeline](crate::pipeline).
//! - [`commit`] decides which hits count. It stores them together with the file's new position, in
//!   one transaction. So nothing is lost or repeated, whenever the program ends.

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
