//! Threatsieve's MISP events: indicators in, MISP events out; MISP's answers in, verdicts out. No
//! I/O, no clock.
//!
//! - [`convert`] makes the [`WantedEvent`] of an [`EventPlan`] and its indicators. All UUIDs are
//!   deterministic ([`ids`]).
//! - [`HeldEvent::parse`] reads an event that MISP holds, and [`compare`] lists the differences.
//! - [`next_write`] makes the next request of them, and [`dropped`] finds what MISP dropped of it.
//! - [`adopt`] finds the wanted attributes in an event that MISP made of an uploaded package.
//! - [`sightings_body`] makes the request for sightings.
//! - [`verdict`] says what an answer means for what was sent.
#![forbid(unsafe_code)]

mod adopt;
mod combination;
mod compare;
mod convert;
mod dropped;
mod form;
mod held;
pub mod ids;
mod plan;
mod scalar;
mod sighting;
mod tags;
mod template;
mod text;
mod time;
mod verdict;
mod wanted;
mod write;

pub use adopt::{Adopted, adopt};
pub use compare::{Difference, Importance, Place, What, compare};
pub use convert::{Conversion, Unconvertible, convert, weight};
pub use dropped::{DropReason, Dropped, dropped, probe, probed};
pub use form::{MAX_NETWORKS, Reason};
pub use held::{
    HeldAttribute, HeldError, HeldEvent, HeldObject, MAX_ANSWER_BYTES, MAX_HELD_ATTRIBUTES,
};
pub use ids::Origin;
pub use plan::{Distribution, EventPlan, Member, Withdrawal};
pub use sighting::{Sighting, SightingKind, sightings_added, sightings_body, sightings_path};
pub use tags::{tag_tlp, tlp_tag};
pub use template::{DOMAIN_IP, FILE, Template, URL};
pub use verdict::{Answer, Call, Verdict, unanswered, verdict};
pub use wanted::{Presence, WantedAttribute, WantedEvent, WantedObject};
pub use write::{Write, WriteCall, WriteOptions, next_write};
