//! The event to make: its frame, and the indicators it holds.

use std::collections::BTreeSet;

use threatsieve_blacklist::{Indicator, Timestamp};
use uuid::Uuid;

use crate::ids::Origin;

/// The frame of a MISP event: everything but its indicators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPlan {
    /// The thing it stands for.
    pub origin: Origin,
    /// Its UUID: [`Origin::event_uuid`], or that of the event that MISP made of an uploaded
    /// package.
    pub uuid: Uuid,
    /// Its title.
    pub info: String,
    /// Its date.
    pub date: Timestamp,
    /// The name of the feed, for comments.
    pub feed: String,
    /// The readers of the event.
    pub distribution: Distribution,
    /// Tags of the event. A TLP tag here is a minimum: the event gets the strictest TLP of this and
    /// of its indicators.
    pub tags: Vec<String>,
    /// Tags that an earlier version of this event had from us. They are removed where they are no
    /// longer wanted. Other tags stay: they are of analysts.
    pub former_tags: BTreeSet<String>,
    /// The marking of attributes whose indicators are withdrawn.
    pub withdrawal: Withdrawal,
    /// The event is to be published.
    pub publish: bool,
}

impl EventPlan {
    /// Creates a plan with the UUID of its origin, for the own organisation, unpublished, and
    /// without tags.
    pub fn new(origin: Origin, info: &str, date: Timestamp) -> EventPlan {
        let feed = origin.feed().to_owned();
        EventPlan {
            uuid: origin.event_uuid(),
            info: info.to_owned(),
            date,
            feed,
            distribution: Distribution::Organisation,
            tags: Vec::new(),
            former_tags: BTreeSet::new(),
            withdrawal: Withdrawal::ToIdsOff,
            publish: false,
            origin,
        }
    }
}

/// The readers of an event. Its attributes inherit this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Distribution {
    /// The own organisation.
    Organisation,
    /// Organisations on this server.
    Community,
    /// Organisations on servers that are connected to this one.
    Connected,
    /// Everybody.
    All,
    /// The members of a sharing group, by its id on the server.
    SharingGroup(u64),
}

impl Distribution {
    /// MISP's number.
    pub fn number(self) -> u8 {
        match self {
            Distribution::Organisation => 0,
            Distribution::Community => 1,
            Distribution::Connected => 2,
            Distribution::All => 3,
            Distribution::SharingGroup(_) => 4,
        }
    }

    /// The id of the sharing group; 0 without one, as MISP shows it.
    pub fn sharing_group(self) -> u64 {
        match self {
            Distribution::SharingGroup(id) => id,
            _ => 0,
        }
    }
}

/// The marking of an attribute whose indicators are all withdrawn. Both can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Withdrawal {
    /// The attribute stays visible, without the mark for detection (`to_ids`).
    ToIdsOff,
    /// The attribute is deleted softly.
    Delete,
}

/// An indicator that belongs to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// The indicator.
    pub indicator: &'a Indicator,
    /// False if it is withdrawn: revoked, expired, retracted by an operator, gone from its feed.
    pub is_active: bool,
}
