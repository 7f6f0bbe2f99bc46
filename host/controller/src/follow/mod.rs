//! Following logs: new lines matched once, whatever is renamed, truncated or compressed meanwhile, and stored lines matched again for what is new.
//!
//! [`find`] lists a source's files, [`identify`] tells which of them is which of those known, [`reading`] matches stretches of them on all cores,
//! and [`commit`] stores what came of each piece together with how far the file is matched then: in one transaction, so that
//! nothing is lost or repeated whenever the program ends. [`logs`] and [`history`] put that together.

mod commit;
mod find;
mod found_event;
mod history;
mod identify;
mod logs;
mod opened;
mod plan;
mod reading;
mod troubles;

#[cfg(test)]
mod tests;

pub(crate) use found_event::FoundEvent;
pub(crate) use history::{HistoryReport, match_history};
pub(crate) use logs::{FollowReport, follow_logs};
pub(crate) use opened::{Digest, Stat};
pub(crate) use troubles::Trouble;
