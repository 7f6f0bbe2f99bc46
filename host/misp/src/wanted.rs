//! The event that MISP is to hold.

use std::borrow::Cow;
use std::collections::BTreeSet;

use threatsieve_blacklist::{IndicatorId, Timestamp, Tlp};
use uuid::Uuid;

use crate::plan::{Distribution, Withdrawal};
use crate::template::Template;

/// An event that MISP is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedEvent {
    /// Its UUID.
    pub uuid: Uuid,
    /// Its title, as MISP stores it.
    pub info: String,
    /// Its date, as `2026-11-29`.
    pub date: String,
    /// Its readers.
    pub distribution: Distribution,
    /// The strictest TLP of its plan and its indicators.
    pub tlp: Option<Tlp>,
    /// Its tags, that of the TLP included.
    pub tags: BTreeSet<String>,
    /// Tags that are removed where they are not wanted.
    pub former_tags: BTreeSet<String>,
    /// The marking of what is no longer wanted.
    pub withdrawal: Withdrawal,
    /// It is to be published.
    pub publish: bool,
    /// The attributes that belong to no object, by UUID.
    pub attributes: Vec<WantedAttribute>,
    /// The objects, by UUID.
    pub objects: Vec<WantedObject>,
}

impl WantedEvent {
    /// Returns whether nothing in it is active. Such an event is not worth creating.
    pub fn is_idle(&self) -> bool {
        self.all_attributes().all(|attribute| attribute.presence != Presence::Active)
    }

    /// All attributes, those of objects included.
    pub fn all_attributes(&self) -> impl Iterator<Item = &WantedAttribute> {
        self.attributes.iter().chain(self.objects.iter().flat_map(|object| &object.attributes))
    }

    /// The UUIDs of the attributes that name an indicator, for sightings. Those that MISP does not
    /// export, such as names of files, are left out.
    pub fn attributes_of(&self, indicator: &IndicatorId) -> Vec<Uuid> {
        self.all_attributes()
            .filter(|attribute| attribute.is_telling && attribute.indicators.contains(indicator))
            .map(|attribute| attribute.uuid)
            .collect()
    }
}

/// The state that an attribute is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    /// There, for detection.
    Active,
    /// There if it ever was, not for detection.
    Off,
    /// Softly deleted if it ever was there.
    Deleted,
}

/// An attribute that MISP is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedAttribute {
    /// Its UUID.
    pub uuid: Uuid,
    /// Its type.
    pub kind: Cow<'static, str>,
    /// Its category.
    pub category: Cow<'static, str>,
    /// Its value, as MISP stores it.
    pub value: String,
    /// Its relation to its object.
    pub relation: Option<Cow<'static, str>>,
    /// The state it is to have.
    pub presence: Presence,
    /// It is for detection while it is active. Names of files are not.
    pub is_telling: bool,
    /// Its comment.
    pub comment: String,
    /// Its own tags.
    pub tags: BTreeSet<String>,
    /// The time from which its indicators hold.
    pub first_seen: Option<Timestamp>,
    /// The time until which they hold; later than `first_seen`.
    pub last_seen: Option<Timestamp>,
    /// The indicators that name its value.
    pub indicators: Vec<IndicatorId>,
}

impl WantedAttribute {
    /// The mark for detection that it is to have.
    pub fn to_ids(&self) -> bool {
        self.is_telling && self.presence == Presence::Active
    }
}

/// An object that MISP is to hold. It is never deleted itself: its attributes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedObject {
    /// Its UUID.
    pub uuid: Uuid,
    /// Its template.
    pub template: Template,
    /// Its comment.
    pub comment: String,
    /// Its attributes, in the order of the conjunction's parts.
    pub attributes: Vec<WantedAttribute>,
}

impl WantedObject {
    /// The state of its attributes: they share it.
    pub fn presence(&self) -> Presence {
        self.attributes.iter().map(|attribute| attribute.presence).min().unwrap_or(Presence::Off)
    }
}
