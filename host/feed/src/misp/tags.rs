//! Tags: machine tags of taxonomies (`tlp:amber`) and of galaxies
//! (`misp-galaxy:threat-actor="APT28"`).

use serde::Deserialize;
use threatsieve_blacklist::{Threat, ThreatKind, Tlp};

use super::scalar::Scalar;
use crate::text::cut;

/// The most threats and labels of one attribute. Further ones are ignored.
const MAX_THREATS: usize = 32;
const MAX_LABELS: usize = 16;
/// The longest label that is kept, in bytes.
const MAX_LABEL_BYTES: usize = 128;

/// A tag.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MispTag {
    name: Scalar,
}

impl MispTag {
    /// Creates a tag.
    pub fn new(name: &str) -> MispTag {
        MispTag { name: name.into() }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        self.name.text().trim()
    }
}

/// The tags that an attribute must have, or must not have. Its event's tags count as its own.
/// Upper and lower case are the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagFilter {
    /// It must have one of these; none means any.
    pub wanted: Vec<String>,
    /// It must have none of these.
    pub unwanted: Vec<String>,
}

impl TagFilter {
    /// Reads a list of tags. Those that are not wanted begin with `!`.
    pub fn new<'t>(tags: impl IntoIterator<Item = &'t str>) -> TagFilter {
        let mut filter = TagFilter::default();
        for tag in tags {
            match tag.strip_prefix('!') {
                Some(tag) => filter.unwanted.push(tag.trim().to_owned()),
                None => filter.wanted.push(tag.trim().to_owned()),
            }
        }
        filter
    }

    /// Returns whether a tag is wanted.
    pub fn wants(&self, tags: &[MispTag]) -> bool {
        self.wanted.is_empty() || has_any(tags, &self.wanted)
    }

    /// Returns whether any of the tags is not wanted.
    pub fn excludes(&self, tags: &[MispTag]) -> bool {
        has_any(tags, &self.unwanted)
    }
}

fn has_any(tags: &[MispTag], names: &[String]) -> bool {
    tags.iter().any(|tag| names.iter().any(|name| name.eq_ignore_ascii_case(tag.name())))
}

/// The meaning of an attribute's tags together with those of its event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The strictest level of all tags.
    pub(super) tlp: Option<Tlp>,
    pub(super) confidence: Option<u8>,
    pub(super) threats: Vec<Threat>,
    /// All other tags.
    pub(super) labels: Vec<String>,
}

impl Meaning {
    /// Reads the tags. A confidence of the attribute's own counts more than that of its event, and
    /// of several the lowest.
    pub(super) fn of(own: &[MispTag], of_event: &[MispTag]) -> Meaning {
        let mut meaning = Meaning::default();
        for tags in [own, of_event] {
            let mut confidence: Option<u8> = None;
            for tag in tags.iter().map(MispTag::name).filter(|name| !name.is_empty()) {
                if let Some(level) = tlp(tag) {
                    meaning.tlp = meaning.tlp.max(Some(level));
                } else if let Some(number) = self::confidence(tag) {
                    confidence = confidence.into_iter().chain(number).min();
                } else if let Some(threat) = galaxy(tag) {
                    meaning.threats.extend(threat);
                } else if tag.len() <= MAX_LABEL_BYTES {
                    meaning.labels.push(tag.to_owned());
                }
            }
            meaning.confidence = meaning.confidence.or(confidence);
        }
        meaning.threats.sort_unstable();
        meaning.threats.dedup();
        meaning.threats.truncate(MAX_THREATS);
        let mut known = std::collections::HashSet::new();
        meaning.labels.retain(|label| known.insert(label.clone()));
        meaning.labels.truncate(MAX_LABELS);
        meaning
    }
}

/// Returns what follows a namespace.
fn in_namespace<'t>(tag: &'t str, namespace: &str) -> Option<&'t str> {
    let start = tag.get(..namespace.len())?;
    start.eq_ignore_ascii_case(namespace).then(|| &tag[namespace.len()..])
}

/// Reads a marking. One that is not understood is the strictest.
fn tlp(tag: &str) -> Option<Tlp> {
    let level = in_namespace(tag, "tlp:")?;
    Some(Tlp::from_name(level.trim()).unwrap_or(Tlp::Red))
}

/// Reads a confidence: the numbers are those of the taxonomy `misp`, and for the others those of
/// STIX 2.1, appendix A. The inner `None` is a confidence that cannot be judged.
fn confidence(tag: &str) -> Option<Option<u8>> {
    let tag = tag.to_ascii_lowercase();
    let (name, word) = tag.split_once('=')?;
    let word = word.trim_matches('"');
    let number = match name {
        "misp:confidence-level" => match word {
            "completely-confident" => 100,
            "usually-confident" => 75,
            "fairly-confident" => 50,
            "rarely-confident" => 25,
            "unconfident" => 0,
            _ => return Some(None),
        },
        "estimative-language:confidence-in-analytic-judgment" => match word {
            "high" => 85,
            "moderate" => 50,
            "low" => 15,
            _ => return Some(None),
        },
        "admiralty-scale:information-credibility" => match word {
            "1" => 90,
            "2" => 70,
            "3" => 50,
            "4" => 30,
            "5" => 10,
            _ => return Some(None),
        },
        _ => return None,
    };
    Some(Some(number))
}

/// Reads the tag of a galaxy. The inner `None` is one that names no threat, such as a country.
fn galaxy(tag: &str) -> Option<Option<Threat>> {
    let (galaxy, name) = in_namespace(tag, "misp-galaxy:")?.split_once('=')?;
    let name = name.trim().trim_matches('"').trim();
    let Some(kind) = threat_kind(&galaxy.to_ascii_lowercase()).filter(|_| !name.is_empty()) else {
        return Some(None);
    };
    let (name, id) = match name.rsplit_once(" - ") {
        Some((name, id)) if is_external(id) => (name, Some(id.to_owned())),
        _ => (name, None),
    };
    Some(Some(Threat { kind, name: cut(name), id, tlp: None }))
}

/// The galaxies of malware and tools, besides those whose names end like this.
const SOFTWARE: [&str; 14] = [
    "android",
    "backdoor",
    "banker",
    "botnet",
    "cryptominers",
    "exploit-kit",
    "malpedia",
    "malware",
    "ransomware",
    "rat",
    "stealer",
    "tds",
    "tool",
    "wiper",
];

fn threat_kind(galaxy: &str) -> Option<ThreatKind> {
    let ends = |ends: &[&str]| ends.iter().any(|end| galaxy.ends_with(end));
    if ends(&["attack-pattern", "technique", "techniques"]) {
        Some(ThreatKind::Technique)
    } else if ends(&["threat-actor", "intrusion-set", "activity-group", "campaign", "campaigns"]) {
        Some(ThreatKind::Group)
    } else {
        ends(&SOFTWARE).then_some(ThreatKind::Software)
    }
}

/// Returns whether a text is an id of ATT&CK: `G0007`, `T1566.002`.
fn is_external(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(['T', 'S', 'G', 'C']) else { return false };
    let (first, second) = digits.split_once('.').unwrap_or((digits, "000"));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    first.len() == 4 && second.len() == 3 && all_digits(first) && all_digits(second)
}
