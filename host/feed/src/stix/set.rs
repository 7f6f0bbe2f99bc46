//! The newest versions of all indicators of any number of inputs.

use std::io::BufRead;

use indexmap::map::Entry;
use indexmap::{IndexMap, IndexSet};
use threatsieve_blacklist::{Indicator, Threat, Timestamp, Tlp};

use super::StixLimits;
use super::document::{ForeignObjects, check_type, document, envelope};
use super::id::ObjectId;
use super::marking::{Markings, Restriction, SetId};
use super::object::{ObjectError, RawObject, Used, error_at, text, time, wrong};
use super::report::{BundleReport, StixReport, Unreduced, Valueless};
use super::split::{Element, Splitter};
use super::threat::{self, Ends, Related, Report, Threats};
use super::version::{Types, Version};
use crate::stix1::{PackageOptions, Packages};
use crate::text::cut;
use crate::{Dropped, FeedError};

/// The longest identifier of an indicator, in bytes. STIX's own have 47.
const MAX_ID_BYTES: usize = 256;

/// Collects indicators. The newest version of each wins, over all inputs and in any order. Markings
/// may be defined anywhere.
///
/// ```
/// use threatsieve_blacklist::Indicator;
/// use threatsieve_feed::{StixLimits, StixSet};
///
/// let bundle = r#"{"type": "bundle", "objects": [
///     {"type": "indicator", "id": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
///      "pattern": "[domain-name:value = 'evil.example']", "pattern_type": "stix",
///      "modified": "2026-01-01T00:00:00Z", "valid_from": "2026-01-01T00:00:00Z"}]}"#;
/// let mut set = StixSet::new(StixLimits::default());
/// set.read(0, bundle.as_bytes())?;
/// let mut values = Vec::new();
/// let mut each = |_feed, indicator: Indicator| values.extend(indicator.values);
/// let report = set.finish(&mut each, &mut |_unreduced| {});
/// assert_eq!(values[0].to_string(), "evil.example");
/// assert_eq!(report.indicators, 1);
/// # Ok::<(), threatsieve_feed::FeedError>(())
/// ```
pub struct StixSet {
    limits: StixLimits,
    /// In the order in which they were first seen. Boxed, so that a growing map moves little.
    versions: IndexMap<ObjectId, Box<Version>>,
    types: IndexSet<Types>,
    markings: Markings,
    threats: Threats,
    /// The packages of STIX 1.x.
    packages: Packages,
    rejected: Vec<Unreduced>,
    older: u64,
    ahead: u64,
    used: Used,
}

impl StixSet {
    /// Creates an empty set.
    pub fn new(limits: StixLimits) -> Self {
        StixSet {
            packages: Packages::new(limits.url_mode),
            limits,
            versions: IndexMap::new(),
            types: IndexSet::new(),
            markings: Markings::default(),
            threats: Threats::default(),
            rejected: Vec::new(),
            older: 0,
            ahead: 0,
            used: Used::new(),
        }
    }

    /// Reads an input to its end: a bundle, a TAXII envelope, an array of objects, one object, or
    /// several of these after each other. `feed` is the caller's number for the source.
    ///
    /// After an error the set contains all objects before the damage; [`FeedError::Json`] says how
    /// many.
    pub fn read(&mut self, feed: u16, mut input: impl BufRead) -> Result<BundleReport, FeedError> {
        let mut report = BundleReport::default();
        let mut splitter =
            Splitter::new(&mut input, self.limits.max_object_bytes, self.limits.max_depth)
                .with_items(self.limits.accepts_items);
        let mut foreign = ForeignObjects::default();
        splitter.run(&mut |element| {
            foreign.check(&element);
            self.element(feed, &element, &mut report)
        })?;
        match foreign.error {
            // None of the objects, whatever they are, says that it is STIX.
            Some(error) if !foreign.is_stix => Err(error),
            _ => Ok(report),
        }
    }

    /// Reads an input of STIX 1.0 to 1.2 to its end: one package in XML, or several of them after
    /// each other. References are resolved over all packages of the set. `feed` is the caller's
    /// number for the source.
    ///
    /// After an error the set contains everything before the damage; [`FeedError::Xml`] says how
    /// many indicators and observables these are.
    pub fn read_packages(
        &mut self,
        feed: u16,
        mut input: impl BufRead,
        options: PackageOptions<'_>,
    ) -> Result<BundleReport, FeedError> {
        self.packages.read(feed, &mut input, &self.limits, options)
    }

    fn element(
        &mut self,
        feed: u16,
        element: &Element<'_>,
        report: &mut BundleReport,
    ) -> Result<(), FeedError> {
        if let Some(bytes) = element.object() {
            report.objects += 1;
            report.remember(bytes);
        }
        match *element {
            Element::Envelope { bytes } => {
                if let Ok(object) = serde_json::from_slice::<RawObject<'_>>(bytes) {
                    envelope(&object, report);
                }
                Ok(())
            }
            Element::Object { offset, bytes, is_document, misplaced } => {
                if let Some(misplaced) = misplaced {
                    check_type(bytes, misplaced, report)?;
                }
                if is_document || self.used.may_be_in(bytes) {
                    return self.object(feed, offset, bytes, is_document, report);
                }
                report.others += 1;
                Ok(())
            }
            Element::Beyond { bytes, .. } if !self.used.may_be_in(bytes) => {
                report.others += 1;
                Ok(())
            }
            Element::Beyond { offset, bytes, limit } => self.reject(
                feed,
                offset,
                "",
                bytes,
                ObjectError::beyond(limit, &self.limits),
                report,
            ),
            Element::Other { offset, bytes } => {
                let got = cut(&String::from_utf8_lossy(bytes));
                self.reject(feed, offset, "", bytes, ObjectError::Shape { got }, report)
            }
        }
    }

    fn object(
        &mut self,
        feed: u16,
        offset: u64,
        bytes: &[u8],
        is_document: bool,
        report: &mut BundleReport,
    ) -> Result<(), FeedError> {
        let object: RawObject<'_> = match serde_json::from_slice(bytes) {
            Ok(object) => object,
            Err(error) if error.is_data() => {
                let got = error.to_string();
                return self.reject(feed, offset, "", bytes, ObjectError::Shape { got }, report);
            }
            Err(error) => return Err(damaged(&error, offset, bytes, report.objects)),
        };
        let read = match text(object.kind, "type") {
            Ok(Some(kind)) if kind == "indicator" => {
                report.indicators += 1;
                self.make_room(offset)?;
                self.indicator(feed, &object, self.dropped(bytes), report)
            }
            Ok(Some(kind)) if kind == "marking-definition" => {
                report.markings += 1;
                self.make_room(offset)?;
                self.markings.define(&object)
            }
            Ok(Some(kind)) if kind == "relationship" => {
                (report.others, report.threats) = (report.others + 1, report.threats + 1);
                self.make_room(offset)?;
                // Without it, only a name is missing.
                let _ = self.threats.relation(&object, &mut self.markings);
                Ok(())
            }
            Ok(Some(kind)) if let Some(kind) = threat::kind(&kind) => {
                (report.others, report.threats) = (report.others + 1, report.threats + 1);
                self.make_room(offset)?;
                let _ = self.threats.threat(&object, kind, &mut self.markings);
                Ok(())
            }
            Ok(Some(kind)) if kind == "report" => {
                (report.others, report.threats) = (report.others + 1, report.threats + 1);
                self.make_room(offset)?;
                // Without it, the indicators are in no report.
                let _ = self.threats.report(&object, &mut self.markings);
                Ok(())
            }
            Ok(Some(kind)) if kind == "bundle" && is_document => {
                report.forget_document();
                report.is_bundle = true;
                Ok(())
            }
            Ok(None) if is_document => return document(&object, bytes, report),
            Ok(_) => {
                report.others += 1;
                Ok(())
            }
            Err(error) => Err(error),
        };
        let Err(error) = read else { return Ok(()) };
        let id = text(object.id, "id").ok().flatten().unwrap_or_default();
        let shown = object.pattern.map_or(bytes, |pattern| pattern.get().as_bytes());
        self.reject(feed, offset, &id, shown, error, report)
    }

    /// Returns the reason for which the filter drops an indicator, if there is one.
    fn dropped(&self, bytes: &[u8]) -> Option<Dropped> {
        let filter = &self.limits.objects;
        if filter.is_open() {
            return None;
        }
        filter.dropped(&serde_json::from_slice(bytes).ok()?)
    }

    fn indicator(
        &mut self,
        feed: u16,
        object: &RawObject<'_>,
        dropped: Option<Dropped>,
        report: &mut BundleReport,
    ) -> Result<(), ObjectError> {
        let id = match text(object.id, "id")? {
            Some(id) if (1..=MAX_ID_BYTES).contains(&id.len()) => id,
            Some(id) => return Err(wrong("id", "an identifier of 1 to 256 bytes", &id)),
            None => return Err(wrong("id", "an identifier", "nothing")),
        };
        let modified = match time(object.modified, "modified")? {
            None => time(object.created, "created")?,
            modified => modified,
        };
        let latest = self.limits.latest_modified;
        // The order of versions: by date, but dates too far in the future come first.
        let rank =
            |modified: Option<Timestamp>| (modified.is_none_or(|time| time <= latest), modified);
        self.ahead += u64::from(!rank(modified).0);
        let entry = self.versions.entry(ObjectId::new(&id));
        if let Entry::Occupied(kept) = &entry
            && rank(kept.get().modified) > rank(modified)
        {
            (report.older, self.older) = (report.older + 1, self.older + 1);
            return Ok(());
        }
        let (mut version, types) =
            Version::read(object, feed, modified, &mut self.markings, self.limits.url_mode)?;
        version.types = self.types.insert_full(types).0 as u32;
        if let Some(dropped) = dropped {
            version.drop_values(object, dropped.into());
        }
        match entry {
            Entry::Vacant(place) => {
                place.insert(Box::new(version));
            }
            Entry::Occupied(mut place) if rank(place.get().modified) < rank(modified) => {
                self.older += 1;
                **place.get_mut() = version;
            }
            Entry::Occupied(mut place) => {
                report.repeated += 1;
                let kept = place.get_mut();
                kept.vouch(feed);
                // If two copies of one version differ, the stricter one holds.
                if kept.markings != version.markings {
                    kept.markings = self.markings.union(kept.markings, version.markings);
                }
                if version.is_revoked {
                    kept.revoke();
                }
            }
        }
        Ok(())
    }

    fn reject(
        &mut self,
        feed: u16,
        offset: u64,
        id: &str,
        shown: &[u8],
        error: ObjectError,
        report: &mut BundleReport,
    ) -> Result<(), FeedError> {
        report.rejected += 1;
        self.make_room(offset)?;
        // Fewer characters than this are shown.
        let shown = &shown[..shown.len().min(1024)];
        self.rejected.push(Unreduced {
            feed,
            id: cut(id),
            pattern: cut(&String::from_utf8_lossy(shown)),
            reason: error.into(),
            partial: false,
        });
        Ok(())
    }

    fn make_room(&self, offset: u64) -> Result<(), FeedError> {
        let kept =
            self.versions.len() + self.markings.len() + self.threats.len() + self.rejected.len();
        let limit = self.limits.max_kept;
        if kept < limit { Ok(()) } else { Err(FeedError::TooMany { limit, offset }) }
    }

    /// Returns the marking definitions that are understood, each with its identifier and as an
    /// equivalent STIX object in JSON. A later set can read these with [`StixSet::read`]: feeds do
    /// not repeat the definitions with every indicator.
    pub fn definitions(&self) -> impl Iterator<Item = (&str, String)> {
        self.markings.definitions()
    }

    /// Returns the indicators whose level depends on other definitions than those in the
    /// specifications, each with all of its markings. A definition that comes later changes the
    /// level: [`StixSet::level`].
    pub fn custom_markings(&self) -> impl Iterator<Item = (String, &[Box<str>])> {
        self.versions.iter().filter_map(|(id, version)| {
            Some((id.to_string(), self.markings.custom(version.markings)?))
        })
    }

    /// Returns the strictest level of markings, by the definitions that were read. One that is not
    /// understood is the strictest.
    pub fn level<'a>(&self, refs: impl Iterator<Item = &'a str>) -> Option<Tlp> {
        level(self.markings.strictest(refs))
    }

    /// Returns the newest versions of the threats: malware, tools, actors, intrusion sets,
    /// campaigns and attack patterns. All marking definitions must have been read.
    pub fn threats(&self) -> Vec<Related<Threat>> {
        let restrictions = self.markings.resolve();
        self.threats.threats(|set| tlp_of(&restrictions, set)).collect()
    }

    /// Returns the newest versions of the relationships between indicators and threats, each with
    /// its marking. All marking definitions must have been read.
    pub fn relations(&self) -> Vec<(Related<Ends>, Option<Tlp>)> {
        let restrictions = self.markings.resolve();
        self.threats.relations(|set| tlp_of(&restrictions, set)).collect()
    }

    /// Returns the newest versions of the reports that refer to indicators, each with its marking.
    /// All marking definitions must have been read.
    pub fn reports(&self) -> Vec<(Related<Report>, Option<Tlp>)> {
        let restrictions = self.markings.resolve();
        self.threats.reports(|set| tlp_of(&restrictions, set)).collect()
    }

    /// The number of versions with a date too far in the future. They are passed on without a date.
    pub fn ahead(&self) -> u64 {
        self.ahead + self.packages.ahead
    }

    /// Returns the indicators for which [`StixSet::finish`] passes on nothing.
    pub fn valueless(&self) -> impl Iterator<Item = Valueless> {
        let latest = self.limits.latest_modified;
        let versions = self.versions.iter().filter(|(_, version)| version.values.is_empty());
        let versions = versions.map(|(id, version)| Valueless {
            id: id.to_string(),
            modified: version.modified,
            is_revoked: version.is_revoked,
        });
        versions.chain(self.packages.valueless(latest)).map(move |one| Valueless {
            modified: one.modified.filter(|time| *time <= latest),
            ..one
        })
    }

    /// Passes on the indicators that are in force, in the order in which they were first seen. Each
    /// comes once for every feed with its newest version, and once more for every further window of
    /// time in its pattern. Parts that were not reduced come with their indicator, and rejected
    /// objects come at the end.
    pub fn finish(
        self,
        each: &mut dyn FnMut(u16, Indicator),
        unreduced: &mut dyn FnMut(Unreduced),
    ) -> StixReport {
        let mut report = StixReport {
            older: self.older,
            rejected: self.rejected.len() as u64,
            ..StixReport::default()
        };
        let restrictions = self.markings.resolve();
        let threats = self.threats.of_indicators(|set| tlp_of(&restrictions, set));
        for (id, version) in self.versions {
            if version.is_revoked {
                report.revoked += 1;
                continue;
            }
            let (id, mut version) = (id.to_string(), *version);
            version.modified = version.modified.filter(|time| *time <= self.limits.latest_modified);
            report.count(
                version.values.len(),
                &mut version.unreduced.iter().map(|part| &part.reason),
            );
            let partial = !version.values.is_empty();
            for part in std::mem::take(&mut version.unreduced) {
                let (feed, pattern) = (version.feed, part.text.into_string());
                unreduced(Unreduced {
                    feed,
                    id: id.clone(),
                    pattern,
                    reason: part.reason,
                    partial,
                });
            }
            let restriction = restrictions.get(version.markings as usize);
            if matches!(restriction, Some(Restriction::Unknown) | None) {
                report.unknown_markings += 1;
            }
            let tlp = tlp_of(&restrictions, version.markings);
            let threats = threats.get(&*id).map_or(&[][..], Vec::as_slice);
            let types = self.types.get_index(version.types as usize).map_or(&[][..], |types| types);
            let feeds: Vec<u16> =
                std::iter::once(version.feed).chain(version.other_feeds.iter().copied()).collect();
            version.indicators(&id, tlp, types, threats, &mut |indicator| {
                let Some((&last, others)) = feeds.split_last() else { return };
                for &feed in others {
                    each(feed, indicator.clone());
                }
                each(last, indicator);
            });
        }
        self.rejected.into_iter().for_each(&mut *unreduced);
        self.packages.finish(&self.limits, &mut report, each, unreduced);
        report
    }
}

/// The TLP level of a set of markings. One that is not understood is the strictest.
fn tlp_of(restrictions: &[Restriction], set: SetId) -> Option<Tlp> {
    level(restrictions.get(set as usize).copied().unwrap_or(Restriction::Unknown))
}

fn level(restriction: Restriction) -> Option<Tlp> {
    match restriction {
        Restriction::None => None,
        Restriction::Tlp(level) => Some(level),
        Restriction::Unknown => Some(Tlp::Red),
    }
}

fn damaged(error: &serde_json::Error, offset: u64, bytes: &[u8], objects: u64) -> FeedError {
    let message = error.to_string();
    // serde_json gives the position as line and column within the object.
    let got = message.rsplit_once(" at line ").map_or(&*message, |(got, _)| got).to_owned();
    let offset = offset + error_at(error, bytes) as u64;
    FeedError::Json {
        offset,
        expected: "well-formed JSON",
        got,
        objects: objects.saturating_sub(1),
    }
}
