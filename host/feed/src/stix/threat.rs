//! Threats that indicators are related to, the relationships that say so, and the reports that
//! refer to indicators. All may come before or after the indicator, also in another input.

use std::borrow::Cow;
use std::collections::HashMap;

use indexmap::IndexMap;
use serde::Deserialize;
use threatsieve_blacklist::{Threat, ThreatKind, Timestamp};

use super::marking::{Markings, SetId};
use super::object::{ObjectError, RawObject, Text, read, text, time, wrong};
use super::version::is_revoked;
use crate::text::cut;

/// The longest identifier that is kept, in bytes.
const MAX_ID_BYTES: usize = 256;
/// The most threats of one indicator. Further ones are ignored.
const MAX_THREATS: usize = 32;
/// The most indicators of one report. Further ones are ignored.
const MAX_REPORTED: usize = 100_000;
/// The longest external id that is kept (`T1566.001`), in bytes.
const MAX_EXTERNAL_BYTES: usize = 32;

/// The newest version of a threat, a relationship or a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related<T> {
    /// Its STIX identifier.
    pub id: String,
    /// The time of this version.
    pub modified: Option<Timestamp>,
    /// Its content; `None` if it is revoked.
    pub said: Option<T>,
}

/// The ends of a relationship, by their identifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// The indicator.
    pub indicator: String,
    /// The threat.
    pub threat: String,
}

/// A report (STIX 2.1, section 4.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// The identifiers of the indicators that it refers to.
    pub indicators: Vec<String>,
}

struct Version<T> {
    modified: Option<Timestamp>,
    markings: SetId,
    said: Option<T>,
}

/// The newest versions of all threats, relationships and reports.
#[derive(Default)]
pub(super) struct Threats {
    threats: IndexMap<Box<str>, Version<Threat>>,
    relations: IndexMap<Box<str>, Version<Ends>>,
    reports: IndexMap<Box<str>, Version<Report>>,
}

/// The kind of threat that an object of this type is.
pub(super) fn kind(object: &str) -> Option<ThreatKind> {
    Some(match object {
        "malware" | "tool" => ThreatKind::Software,
        "threat-actor" | "intrusion-set" | "campaign" => ThreatKind::Group,
        "attack-pattern" => ThreatKind::Technique,
        _ => return None,
    })
}

impl Threats {
    pub(super) fn len(&self) -> usize {
        self.threats.len() + self.relations.len() + self.reports.len()
    }

    /// Reads a threat.
    pub(super) fn threat(
        &mut self,
        object: &RawObject<'_>,
        kind: ThreatKind,
        markings: &mut Markings,
    ) -> Result<(), ObjectError> {
        let said = if is_revoked(object)? {
            None
        } else {
            let name = text(object.name, "name")?.unwrap_or_default();
            if name.trim().is_empty() {
                return Err(wrong("name", "the name of a threat", "nothing"));
            }
            Some(Threat { kind, name: cut(name.trim()), id: external_id(object), tlp: None })
        };
        keep(&mut self.threats, object, markings, said)
    }

    /// Reads a relationship. One that is not about an indicator and a threat is ignored.
    pub(super) fn relation(
        &mut self,
        object: &RawObject<'_>,
        markings: &mut Markings,
    ) -> Result<(), ObjectError> {
        let end = |raw, name| Ok::<_, ObjectError>(text(raw, name)?.unwrap_or_default());
        let source = end(object.source_ref, "source_ref")?;
        let target = end(object.target_ref, "target_ref")?;
        let is_threat = target.split_once("--").is_some_and(|(of, _)| kind(of).is_some());
        let fits = source.starts_with("indicator--")
            && is_threat
            && source.len() <= MAX_ID_BYTES
            && target.len() <= MAX_ID_BYTES;
        let relates = matches!(
            &*end(object.relationship_type, "relationship_type")?,
            "indicates" | "related-to"
        );
        let is_known = text(object.id, "id")?.is_some_and(|id| self.relations.contains_key(&*id));
        // A newer version may say something else.
        if !(is_known || fits && relates) {
            return Ok(());
        }
        let said = (fits && relates && !is_revoked(object)?)
            .then(|| Ends { indicator: source.into_owned(), threat: target.into_owned() });
        keep(&mut self.relations, object, markings, said)
    }

    /// Reads a report. One that refers to no indicator is ignored.
    pub(super) fn report(
        &mut self,
        object: &RawObject<'_>,
        markings: &mut Markings,
    ) -> Result<(), ObjectError> {
        let references: Vec<Text<'_>> =
            read(object.object_refs, "object_refs", "an array of strings")?.unwrap_or_default();
        let indicators: Vec<String> = references
            .into_iter()
            .map(|one| one.0)
            .filter(|id| id.starts_with("indicator--") && id.len() <= MAX_ID_BYTES)
            .take(MAX_REPORTED)
            .map(Cow::into_owned)
            .collect();
        let is_known = text(object.id, "id")?.is_some_and(|id| self.reports.contains_key(&*id));
        // A newer version may refer to other objects.
        if indicators.is_empty() && !is_known && !is_revoked(object)? {
            return Ok(());
        }
        let name = text(object.name, "name")?.unwrap_or_default();
        let said = (!is_revoked(object)?).then(|| Report { name: cut(name.trim()), indicators });
        keep(&mut self.reports, object, markings, said)
    }

    /// Returns all threats, with the TLP level that `tlp` finds for their markings.
    pub(super) fn threats(
        &self,
        tlp: impl Fn(SetId) -> Option<threatsieve_blacklist::Tlp>,
    ) -> impl Iterator<Item = Related<Threat>> {
        self.threats.iter().map(move |(id, version)| Related {
            id: id.to_string(),
            modified: version.modified,
            said: version
                .said
                .clone()
                .map(|threat| Threat { tlp: tlp(version.markings), ..threat }),
        })
    }

    /// Returns all relationships.
    pub(super) fn relations(
        &self,
        tlp: impl Fn(SetId) -> Option<threatsieve_blacklist::Tlp>,
    ) -> impl Iterator<Item = (Related<Ends>, Option<threatsieve_blacklist::Tlp>)> {
        self.relations.iter().map(move |(id, version)| {
            let (modified, said) = (version.modified, version.said.clone());
            (Related { id: id.to_string(), modified, said }, tlp(version.markings))
        })
    }

    /// Returns all reports.
    pub(super) fn reports(
        &self,
        tlp: impl Fn(SetId) -> Option<threatsieve_blacklist::Tlp>,
    ) -> impl Iterator<Item = (Related<Report>, Option<threatsieve_blacklist::Tlp>)> {
        self.reports.iter().map(move |(id, version)| {
            let (modified, said) = (version.modified, version.said.clone());
            (Related { id: id.to_string(), modified, said }, tlp(version.markings))
        })
    }

    /// Returns the threats of each indicator, by its identifier.
    pub(super) fn of_indicators(
        &self,
        tlp: impl Fn(SetId) -> Option<threatsieve_blacklist::Tlp>,
    ) -> HashMap<&str, Vec<Threat>> {
        let mut all: HashMap<&str, Vec<Threat>> = HashMap::new();
        for relation in self.relations.values() {
            let Some(ends) = &relation.said else { continue };
            let Some(version) = self.threats.get(&*ends.threat) else { continue };
            let Some(threat) = &version.said else { continue };
            let known = all.entry(&ends.indicator).or_default();
            let threat = Threat {
                // The stricter marking holds for the link.
                tlp: tlp(version.markings).max(tlp(relation.markings)),
                ..threat.clone()
            };
            if known.len() < MAX_THREATS && !known.contains(&threat) {
                known.push(threat);
            }
        }
        all.values_mut().for_each(|threats| threats.sort_unstable());
        all
    }
}

/// Keeps a version unless a newer one is known. Of two equally old versions that differ in whether
/// they are revoked, the revoked one stays.
fn keep<T>(
    versions: &mut IndexMap<Box<str>, Version<T>>,
    object: &RawObject<'_>,
    markings: &mut Markings,
    said: Option<T>,
) -> Result<(), ObjectError> {
    let id = match text(object.id, "id")? {
        Some(id) if (1..=MAX_ID_BYTES).contains(&id.len()) => id,
        _ => return Err(wrong("id", "an identifier of 1 to 256 bytes", "none or a longer one")),
    };
    let modified = match time(object.modified, "modified")? {
        None => time(object.created, "created")?,
        modified => modified,
    };
    if let Some(known) = versions.get(&*id)
        && (known.modified > modified || (known.modified == modified && known.said.is_none()))
    {
        return Ok(());
    }
    let markings = if said.is_some() { markings.set(object)? } else { markings.none() };
    versions.insert(id.into(), Version { modified, markings, said });
    Ok(())
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow)]
    source_name: Option<Text<'a>>,
    #[serde(borrow)]
    external_id: Option<Text<'a>>,
}

/// Returns the id in MITRE's ATT&CK. References of another form are no reason to miss a name.
fn external_id(object: &RawObject<'_>) -> Option<String> {
    let references: Vec<Reference<'_>> =
        read(object.external_references, "external_references", "an array").ok()??;
    let is_attack = |name: &Cow<'_, str>| name.starts_with("mitre-");
    references
        .into_iter()
        .filter(|one| one.source_name.as_ref().is_some_and(|name| is_attack(&name.0)))
        .filter_map(|one| one.external_id)
        .map(|id| id.0.into_owned())
        .find(|id| (1..=MAX_EXTERNAL_BYTES).contains(&id.len()))
}
