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
mod input;
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
use crate::stix::{BundleReport, Restriction, StixLimits, StixReport, Unreduced, Valueless};
use input::Input;
use node::{Definitions, Reduction};
use observable::Parts;
use statement::Statement;
use tree::tree;
use xml::{Token, Xml};

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
        let mut input = Input::new(self, limits, feed);
        let mut is_empty = true;
        loop {
            xml.objects = input.report.objects;
            let offset = xml.offset();
            match xml.next()? {
                Token::Start(start) => {
                    is_empty = false;
                    if let Some(first) = input.open(&start, offset)? {
                        let id = first.attribute("id").unwrap_or_default().to_owned();
                        match tree(&mut xml, first, limits)? {
                            Ok(element) => input.close(&element),
                            Err(error) => input.beyond(&id, error),
                        }
                    }
                }
                Token::End => input.leave(),
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

#[cfg(test)]
mod tests;
