//! The feeds that go to each MISP server, and the events that they make there.
//!
//! A change of an indicator is noted in the transaction that makes it ([`changed`]). A round then
//! takes the changes over into events ([`take_over`]): each event with a change waits. An event is
//! sent until the server was seen to have what it should have ([`queue`]). So a program that ends
//! at any moment repeats at most a comparison.

mod content;
mod imported;
mod queue;
mod servers;
mod sightings;
mod take_over;

pub(crate) use self::content::{Refused, Standing, walk_event};
pub(crate) use self::queue::{
    Counts, Event, EventKind, Failed, LONGEST_PAUSE_MICROS, Settled, Stage,
};
pub(crate) use self::servers::ServerState;
pub(crate) use self::sightings::MatchSighting;
pub(super) use self::sightings::matches_are_false;
pub(crate) use self::take_over::{Link, Placed, Takeover};
pub(super) use self::take_over::{changed, is_sent, relations_changed};
