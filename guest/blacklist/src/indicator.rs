//! Indicators as feeds publish them: values that are said to be bad, the publisher, and the limits.

use core::time::Duration;

use crate::value::Value;

/// A point in time: microseconds since 1970-01-01T00:00:00Z without leap seconds (RFC 3339 as in
/// STIX 2.1, section 2.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the time that much later, or the last one there is.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(micros(duration)))
    }

    /// Returns the time that much earlier, or the first one there is.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(micros(duration)))
    }

    /// Returns how long this is after another time; zero if it is before it.
    pub fn since(self, earlier: Timestamp) -> Duration {
        if self > earlier {
            Duration::from_micros(self.0.abs_diff(earlier.0))
        } else {
            Duration::ZERO
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Traffic Light Protocol levels, least restricted first (FIRST TLP 2.0; TLP 1.0's WHITE is
/// `Clear`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Tlp {
    /// No limit on disclosure.
    Clear = 0,
    /// The community.
    Green = 1,
    /// The organisation and its clients.
    Amber = 2,
    /// The organisation alone.
    AmberStrict = 3,
    /// The individual recipients.
    Red = 4,
}

impl Tlp {
    /// All levels, least restricted first.
    pub const ALL: [Tlp; 5] = [Tlp::Clear, Tlp::Green, Tlp::Amber, Tlp::AmberStrict, Tlp::Red];

    /// The level's name as in ECS `threat.indicator.marking.tlp`.
    pub fn name(self) -> &'static str {
        match self {
            Tlp::Clear => "CLEAR",
            Tlp::Green => "GREEN",
            Tlp::Amber => "AMBER",
            Tlp::AmberStrict => "AMBER+STRICT",
            Tlp::Red => "RED",
        }
    }

    /// Returns the level with this name, in any case. `WHITE` is TLP 1.0's name for `CLEAR`.
    pub fn from_name(name: &str) -> Option<Tlp> {
        let name = name.to_ascii_uppercase();
        match name.as_str() {
            "WHITE" => Some(Tlp::Clear),
            _ => Tlp::ALL.into_iter().find(|level| level.name() == name),
        }
    }
}

/// The id of an indicator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IndicatorId {
    /// The STIX identifier that its publisher chose.
    Stix(String),
    /// The line of the list that contains it, counted from 1; shown as `FEED:LINE`.
    Line(u32),
}

/// The kinds of threats that an indicator can be related to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ThreatKind {
    /// Malware or a tool: ECS `threat.software`.
    Software = 0,
    /// An actor, an intrusion set or a campaign: ECS `threat.group`.
    Group = 1,
    /// An attack pattern: ECS `threat.technique`.
    Technique = 2,
}

impl ThreatKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [ThreatKind; 3] =
        [ThreatKind::Software, ThreatKind::Group, ThreatKind::Technique];

    /// The name of the ECS field set below `threat`.
    pub fn name(self) -> &'static str {
        match self {
            ThreatKind::Software => "software",
            ThreatKind::Group => "group",
            ThreatKind::Technique => "technique",
        }
    }
}

/// A threat that an indicator is related to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threat {
    /// Its kind.
    pub kind: ThreatKind,
    /// Its name.
    pub name: String,
    /// Its id in ATT&CK (`T1566`), if known.
    pub id: Option<String>,
    /// The strictest TLP marking of it and of the relationship.
    pub tlp: Option<Tlp>,
}

/// A port that a value is listed with (`1.2.3.4:8443`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// The port's number, 1 to 65535.
    pub number: u16,
    /// Only events with this port match. If false, the port is only shown: it tells where the host
    /// was seen, and the host is as bad on other ports.
    pub is_matched: bool,
}

/// A published statement that some values are bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indicator {
    /// Its id.
    pub id: IndicatorId,
    /// The publisher's confidence, 0 to 100 (STIX 2.1, section 3.2). `None` means unknown, which is
    /// not 0.
    pub confidence: Option<u8>,
    /// The strictest TLP marking that applies to it; `None` without a marking.
    pub tlp: Option<Tlp>,
    /// Events before this time do not match.
    pub valid_from: Option<Timestamp>,
    /// Events at or after this time do not match.
    pub valid_until: Option<Timestamp>,
    /// The time of the publisher's last change.
    pub modified: Option<Timestamp>,
    /// The publisher's title for it.
    pub name: Option<String>,
    /// The kinds of threat it indicates: STIX 2.1 `indicator_types`, STIX 2.0 `labels`.
    pub types: Vec<String>,
    /// The threats that it is related to.
    pub threats: Vec<Threat>,
    /// The port that the values are listed with.
    pub port: Option<Port>,
    /// The values it says are bad. Each one alone is enough.
    pub values: Vec<Value>,
}

impl Indicator {
    /// Creates an indicator with an id and values, and nothing else known.
    pub fn new(id: IndicatorId, values: Vec<Value>) -> Indicator {
        Indicator {
            id,
            confidence: None,
            tlp: None,
            valid_from: None,
            valid_until: None,
            modified: None,
            name: None,
            types: Vec::new(),
            threats: Vec::new(),
            port: None,
            values,
        }
    }
}
