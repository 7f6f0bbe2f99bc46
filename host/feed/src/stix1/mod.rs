//! STIX 1.0 to 1.2 in XML, with CybOX 2: packages to indicators.
//!
//! [`xml`] reads tokens, [`tree`] collects one indicator or observable at a time, [`statement`],
//! [`observable`] and [`object`] turn it into a [`node::Node`]. When all packages are read, the
//! nodes are reduced to values, because a reference may lead to a later package.
//!
//! An observable of a package counts as an indicator if it has a condition. If another observable
//! or an indicator refers to it, only the one that refers counts: the observable may be one part of
//! a conjunction.

mod condition;
mod marking;
mod node;
mod object;
mod observable;
mod statement;
mod tree;
mod xml;

use std::io::BufRead;

use indexmap::IndexMap;
use indexmap::map::Entry;
use threatsieve_blacklist::{Indicator, Timestamp, Tlp, UrlMode};

use crate::FeedError;
use crate::stix::{
    BundleReport, ObjectError, Restriction, StixLimits, StixReport, Unreduced, Valueless,
};
use crate::text::cut;
use node::{Definitions, Reduction};
use observable::Parts;
use statement::Statement;
use tree::{Element, element, tree};
use xml::{Family, Start, Token, Xml};

/// The longest id, in bytes.
const MAX_ID_BYTES: usize = 256;

/// The indicators and observables of any number of packages. The newest version of each indicator
/// wins; of two without different timestamps, the one that was read last.
pub(crate) struct Packages {
    packages: Vec<Package>,
    parts: Parts,
    statements: IndexMap<Box<str>, Box<Statement>>,
    rejected: Vec<Unreduced>,
    older: u64,
    pub(crate) ahead: u64,
}

struct Package {
    /// The package around it.
    outer: Option<usize>,
    restriction: Restriction,
}

/// The role of an open element.
enum Place {
    /// A package, with its number and id, and the number of indicators and observables in it.
    Package {
        number: usize,
        id: Option<Box<str>>,
        members: u64,
    },
    Header,
    Observables,
    Other,
}

/// Reads one input.
struct Input<'a> {
    packages: &'a mut Packages,
    limits: &'a StixLimits,
    feed: u16,
    report: BundleReport,
    places: Vec<Place>,
}

impl Packages {
    /// Creates an empty set. URLs cover the paths that the mode says.
    pub(crate) fn new(url_mode: UrlMode) -> Packages {
        Packages {
            packages: Vec::new(),
            parts: Parts::new(url_mode),
            statements: IndexMap::new(),
            rejected: Vec::new(),
            older: 0,
            ahead: 0,
        }
    }

    /// Reads an input to its end: one package, or several after each other.
    pub(crate) fn read(
        &mut self,
        feed: u16,
        input: &mut dyn BufRead,
        limits: &StixLimits,
    ) -> Result<BundleReport, FeedError> {
        let mut xml = Xml::new(input, limits.max_object_bytes);
        let report = BundleReport::default();
        let mut input = Input { packages: self, limits, feed, report, places: Vec::new() };
        let mut is_empty = true;
        loop {
            xml.objects = input.report.objects;
            let offset = xml.offset();
            match xml.next()? {
                Token::Start(start) => {
                    is_empty = false;
                    if let Some(first) = input.open(&start, offset)? {
                        let whole = tree(&mut xml, first, limits)?;
                        input.close(whole, offset)?;
                    }
                }
                Token::End => {
                    input.places.pop();
                }
                Token::Text(_) | Token::Other => {}
                Token::Eof if is_empty => {
                    return Err(FeedError::NotPackage { got: "no element".to_owned() });
                }
                Token::Eof => return Ok(input.report),
            }
        }
    }

    /// Returns the indicators for which [`Packages::finish`] passes on nothing.
    pub(crate) fn valueless(&self) -> Vec<Valueless> {
        let mut definitions = Definitions::new(&self.parts.definitions, &self.statements);
        let mut all = Vec::new();
        for (id, statement) in &self.statements {
            let is_part = self.is_part(id, statement);
            if is_part || definitions.reduce(id, statement).values.is_empty() {
                all.push(Valueless {
                    id: id.to_string(),
                    modified: statement.modified,
                    is_revoked: false,
                });
            }
        }
        all
    }

    /// Passes on the indicators, as [`crate::StixSet::finish`] does.
    pub(crate) fn finish(
        self,
        limits: &StixLimits,
        report: &mut StixReport,
        each: &mut dyn FnMut(u16, Indicator),
        unreduced: &mut dyn FnMut(Unreduced),
    ) {
        report.older += self.older;
        report.rejected += self.rejected.len() as u64;
        let mut definitions = Definitions::new(&self.parts.definitions, &self.statements);
        for (id, statement) in &self.statements {
            if self.is_part(id, statement) {
                continue;
            }
            let Reduction { values, rejected } = definitions.reduce(id, statement);
            let count = values.values().map(Vec::len).sum();
            report.count(count, &mut rejected.iter().map(|(_, reason)| reason));
            let feed = statement.feeds[0];
            for (pattern, reason) in rejected {
                let partial = count > 0;
                unreduced(Unreduced { feed, id: id.to_string(), pattern, reason, partial });
            }
            let tlp = self.tlp(statement, report);
            for (window, values) in values {
                let mut indicator = statement.with(id, tlp, window, values);
                indicator.modified =
                    indicator.modified.filter(|time| *time <= limits.latest_modified);
                for &feed in &statement.feeds[1..] {
                    each(feed, indicator.clone());
                }
                each(feed, indicator);
            }
        }
        self.rejected.into_iter().for_each(unreduced);
    }

    /// Returns whether something refers to an observable, so that it does not count by itself.
    fn is_part(&self, id: &str, statement: &Statement) -> bool {
        !statement.is_indicator && self.parts.referenced.contains(id)
    }

    /// Returns the strictest level of a statement and of the packages around it.
    fn tlp(&self, statement: &Statement, report: &mut StixReport) -> Option<Tlp> {
        let (mut strictest, mut number) = (statement.restriction, Some(statement.package));
        while let Some(package) = number.and_then(|number| self.packages.get(number)) {
            strictest = strictest.max(package.restriction);
            number = package.outer;
        }
        match strictest {
            Restriction::None => None,
            Restriction::Tlp(level) => Some(level),
            Restriction::Unknown => {
                report.unknown_markings += 1;
                Some(Tlp::Red)
            }
        }
    }

    fn len(&self) -> usize {
        let parts = self.parts.definitions.len() + self.parts.referenced.len();
        self.packages.len() + parts + self.statements.len() + self.rejected.len()
    }

    /// Keeps a statement, unless a newer version of it was read.
    fn keep(
        &mut self,
        id: &str,
        statement: Statement,
        latest: Timestamp,
        report: &mut BundleReport,
    ) {
        let rank =
            |modified: Option<Timestamp>| (modified.is_none_or(|time| time <= latest), modified);
        let modified = statement.modified;
        self.ahead += u64::from(!rank(modified).0);
        match self.statements.entry(id.into()) {
            Entry::Vacant(place) => {
                place.insert(Box::new(statement));
            }
            Entry::Occupied(mut place) => {
                let kept = place.get_mut();
                if rank(kept.modified) > rank(modified) {
                    (report.older, self.older) = (report.older + 1, self.older + 1);
                    return;
                }
                let mut feeds = Vec::new();
                if rank(kept.modified) < rank(modified) {
                    self.older += 1;
                } else {
                    report.repeated += 1;
                    feeds = std::mem::take(&mut kept.feeds);
                    feeds.retain(|feed| !statement.feeds.contains(feed));
                }
                **kept = statement;
                kept.feeds.append(&mut feeds);
            }
        }
    }
}

impl Input<'_> {
    /// Enters an element. Returns the start of one that is read as a whole.
    fn open(&mut self, start: &Start<'_>, offset: u64) -> Result<Option<Element>, FeedError> {
        let is_root = self.places.is_empty();
        let place = match (start.family, start.name()) {
            (Family::Stix, "STIX_Package" | "Package") => self.package(start, offset)?,
            _ if is_root => {
                return Err(FeedError::NotPackage {
                    got: format!("the element {}", cut(start.name())),
                });
            }
            (Family::Stix, "Indicator") | (Family::Stix | Family::Cybox, "Observable") => {
                return element(start).map(Some);
            }
            (Family::Stix, "Handling") if matches!(self.places.last(), Some(Place::Header)) => {
                return element(start).map(Some);
            }
            (Family::Stix, "STIX_Header" | "Header") => Place::Header,
            (Family::Stix | Family::Cybox, "Observables") => Place::Observables,
            _ => Place::Other,
        };
        self.places.push(place);
        Ok(None)
    }

    fn package(&mut self, start: &Start<'_>, offset: u64) -> Result<Place, FeedError> {
        self.make_room(offset)?;
        let mut id = None;
        start.attributes(&mut |name, value| {
            if name == "id" && value.len() <= MAX_ID_BYTES {
                id = Some(value.trim().into());
            }
        })?;
        let outer = self.current().map(|(number, _, _)| *number);
        self.packages.packages.push(Package { outer, restriction: Restriction::None });
        Ok(Place::Package { number: self.packages.packages.len() - 1, id, members: 0 })
    }

    /// The innermost open package: its number, id and count.
    fn current(&mut self) -> Option<(&mut usize, &mut Option<Box<str>>, &mut u64)> {
        self.places.iter_mut().rev().find_map(|place| match place {
            Place::Package { number, id, members } => Some((number, id, members)),
            _ => None,
        })
    }

    /// Uses an element that was read as a whole.
    fn close(&mut self, whole: Result<Element, ObjectError>, offset: u64) -> Result<(), FeedError> {
        self.make_room(offset)?;
        let element = match whole {
            Ok(element) if &*element.name == "Handling" => {
                let said = marking::restriction(&element);
                let number = self.current().map(|(number, _, _)| *number);
                if let Some(package) =
                    number.and_then(|number| self.packages.packages.get_mut(number))
                {
                    package.restriction = package.restriction.max(said);
                }
                return Ok(());
            }
            Ok(element) => element,
            Err(error) => {
                self.report.objects += 1;
                self.reject("", error);
                return Ok(());
            }
        };
        self.report.objects += 1;
        if &*element.name == "Indicator" {
            self.indicator(&element);
        } else {
            self.observable(&element);
        }
        Ok(())
    }

    fn indicator(&mut self, element: &Element) {
        // An indicator of its own may be given inside the one to which it is related.
        let related = element.all("Related_Indicators").flat_map(|all| &all.children);
        for nested in related.flat_map(|one| one.all("Indicator")) {
            self.indicator(nested);
        }
        if element.attribute("idref").is_some() {
            self.report.others += 1;
            return;
        }
        self.report.indicators += 1;
        let (id, package) = match self.identify(element) {
            Ok(found) => found,
            Err(error) => return self.reject("", error),
        };
        match Statement::indicator(element, self.feed, package, &mut self.packages.parts) {
            Ok(statement) => self.keep(&id, statement),
            Err(error) => self.reject(&id, error),
        }
    }

    fn observable(&mut self, element: &Element) {
        let is_top = matches!(self.places.last(), Some(Place::Observables));
        if element.attribute("idref").is_some() {
            self.report.others += 1;
            return;
        }
        let node = self.packages.parts.observable(element);
        if !is_top || !node.may_be_pattern() {
            self.report.others += 1;
            return;
        }
        self.report.indicators += 1;
        match self.identify(element) {
            Ok((id, package)) => self.keep(&id, Statement::observable(node, self.feed, package)),
            Err(error) => self.reject("", error),
        }
    }

    /// Returns the id of an element, and the number of its package. An element without an id gets
    /// one from its package's id and its number in it.
    fn identify(&mut self, element: &Element) -> Result<(String, usize), ObjectError> {
        const EXPECTED: &str = "an id of 1 to 256 bytes, of the element or of its package";
        let wrong =
            |got: &str| ObjectError::Property { property: "id", expected: EXPECTED, got: cut(got) };
        let Some((number, package, members)) = self.current() else {
            return Err(wrong("no package"));
        };
        *members += 1;
        match (element.attribute("id"), package) {
            (Some(id), _) if (1..=MAX_ID_BYTES).contains(&id.len()) => Ok((id.to_owned(), *number)),
            (Some(id), _) => Err(wrong(id)),
            (None, Some(package)) => Ok((format!("{package}#{members}"), *number)),
            (None, None) => Err(wrong("neither")),
        }
    }

    fn keep(&mut self, id: &str, statement: Statement) {
        let latest = self.limits.latest_modified;
        self.packages.keep(id, statement, latest, &mut self.report);
    }

    fn reject(&mut self, id: &str, error: ObjectError) {
        self.report.rejected += 1;
        self.packages.rejected.push(Unreduced {
            feed: self.feed,
            id: cut(id),
            pattern: String::new(),
            reason: error.into(),
            partial: false,
        });
    }

    fn make_room(&self, offset: u64) -> Result<(), FeedError> {
        let limit = self.limits.max_kept;
        let has_room = self.packages.len() < limit;
        if has_room { Ok(()) } else { Err(FeedError::TooMany { limit, offset }) }
    }
}

#[cfg(test)]
mod tests;
