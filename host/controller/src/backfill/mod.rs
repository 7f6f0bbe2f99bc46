//! Stored events in the indices of a cluster: finds those that touch what newly counts, writes
//! their flags, and records and reports flagged events, also those that a pipeline flagged.
//!
//! ```text
//! plan --fields--> due --passes--> find --events--> settle --flags--> work --writes--> the index
//!                                                     ^                                    |
//!                              retract --documents----'      state <--matches-- follow <---'
//! ```
//!
//! - [`plan`] decides whether an index can be changed, and where its values are listed.
//! - [`due`] decides which events of a shard are due, and for which indicators.
//! - [`find`] finds the events that may match, in the cheapest of three ways.
//! - [`settle`] matches them with the blacklist in use, as the lines of files are, and computes
//!   their flags ([`threatsieve_flag::rewrite`]).
//! - [`work`] writes the flags, each only if the event is still the one that was read.
//! - [`follow`] records flagged events in the state, in the order of the shard's writes. Alerts are
//!   made of that. So there is one way to alerts, for events that a pipeline flagged and for those
//!   that a backfill flagged.
//! - [`retract`] takes flags back.
//! - [`passes`] puts these together for the events that are due, and [`round`] for a round.
//! - [`claim`] keeps a second controller from the same cluster.
//!
//! All calls to the cluster go through [`Events`].

mod claim;
mod due;
mod earlier;
mod estimate;
mod events;
mod find;
mod follow;
mod passes;
mod plan;
mod report;
mod retract;
mod round;
mod settle;
mod work;

pub(crate) use estimate::{Estimate, estimate};
pub(crate) use events::{Change, Changed, Claim, Document, Events, Index, Primary, Values, Wanted};
pub(crate) use passes::RESERVED;
pub(crate) use report::{BackfillReport, LeftOut};
pub(crate) use round::{Asked, Backfilling};
