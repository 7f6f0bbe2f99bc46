//! STIX 1.0 to 1.2 in XML, with CybOX 2: packages to indicators.
//!
//! [`xml`] reads tokens, [`tree`] collects one indicator or observable at a time, [`statement`],
//! [`observable`] and [`object`] turn it into a [`node::Node`]. When all packages are read, the
//! nodes are reduced to values, because a reference may lead to a later package.
//!
//! An observable of a package counts as an indicator if it has a condition. If another observable
//! or an indicator refers to it, only the one that refers counts: the observable may be one part of
//! a conjunction.
//!
//! A package may come again with other content. Then only the newer content counts.

mod about;
mod condition;
mod encoding;
mod input;
mod marking;
mod node;
mod object;
mod observable;
mod received;
mod root;
mod statement;
mod tree;
mod xml;

use std::cell::RefCell;
use std::io::{BufRead, Cursor, Read};

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};
use threatsieve_blacklist::{Indicator, Timestamp, Tlp, UrlMode};

use crate::stix::{BundleReport, Restriction, StixLimits, StixReport, Unreduced, Valueless};
use crate::{Dropped, FeedError};
use input::Input;
use node::{Definitions, Reduction};
use observable::Parts;
pub use received::{PackageContent, PackageSink};
use received::{Tap, Tapped};
pub use root::PackageRole;
use root::Roots;
use statement::Statement;
use xml::Xml;

/// Options for reading packages.
#[derive(Default)]
pub struct PackageOptions<'a> {
    /// The reason for reading them.
    pub role: PackageRole,
    /// The bytes are UTF-8, whatever encoding the XML declaration names.
    pub is_utf8: bool,
    /// A receiver of the packages' bytes.
    pub sink: Option<&'a mut dyn PackageSink>,
}

/// The indicators and observables of any number of packages. The newest version of each indicator
/// wins; of two without different timestamps, the one that was read last.
pub(crate) struct Packages {
    packages: Vec<Package>,
    roots: Roots,
    parts: Parts,
    /// For each id its versions in different roots, usually one.
    statements: IndexMap<Box<str>, Vec<Statement>>,
    /// The number of versions in `statements`.
    versions: usize,
    /// Rejections, each with the root that it is in.
    rejected: Vec<(usize, Unreduced)>,
    older: u64,
    pub(crate) ahead: u64,
}

struct Package {
    /// The package around it.
    outer: Option<usize>,
    /// The number of the outermost package around it.
    root: usize,
    restriction: Restriction,
    /// Its properties, until all of them are known. `None` if no filter needs them.
    about: Option<Box<Map<String, Json>>>,
    /// The reason why a filter drops it.
    dropped: Option<Dropped>,
}

/// The version of an indicator that counts.
struct Chosen<'a> {
    id: &'a str,
    statement: &'a Statement,
    /// The strictest of all copies of this version, and of the packages around them.
    restriction: Restriction,
    /// The feeds with this version.
    feeds: Vec<u16>,
    /// It is passed on.
    is_emitted: bool,
}

impl Packages {
    /// Creates an empty set. URLs cover the paths that the mode says.
    pub(crate) fn new(url_mode: UrlMode) -> Packages {
        Packages {
            packages: Vec::new(),
            roots: Roots::default(),
            parts: Parts::new(url_mode),
            statements: IndexMap::new(),
            versions: 0,
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
        options: PackageOptions<'_>,
    ) -> Result<BundleReport, FeedError> {
        let PackageOptions { role, is_utf8, sink } = options;
        let start =
            encoding::start(input).map_err(|source| FeedError::Read { offset: 0, source })?;
        let encoding = match is_utf8 {
            true => None,
            false => encoding::declared(&start).map_err(|got| FeedError::Xml {
                offset: 0,
                expected: "an encoding that is known and contains ASCII",
                got: crate::text::cut(&got),
                objects: 0,
            })?,
        };
        let tap = RefCell::new(Tap::new(sink));
        let mut input = Cursor::new(start).chain(input);
        let mut tapped = Tapped { input: &mut input, tap: &tap };
        let input = Input::new(self, limits, feed, role, &tap);
        match encoding {
            None => input.read(&mut Xml::new(&mut tapped, limits.max_object_bytes)),
            Some(encoding) => {
                let mut decoded = encoding::Decoded::new(tapped, encoding);
                let mut xml = Xml::new(&mut decoded, limits.max_object_bytes);
                input.of_one_package().read(&mut xml)
            }
        }
    }

    /// Returns the indicators for which [`Packages::finish`] passes on nothing.
    pub(crate) fn valueless(&self, latest: Timestamp) -> Vec<Valueless> {
        let mut definitions = Definitions::new(self, latest);
        let mut all = Vec::new();
        for Chosen { id, statement, is_emitted, .. } in self.chosen(latest) {
            let is_part = self.is_part(id, statement);
            let mut has_none = || {
                self.dropped(statement).is_some()
                    || definitions.reduce(id, statement).values.is_empty()
            };
            if is_part || is_emitted && has_none() {
                all.push(Valueless {
                    id: id.to_owned(),
                    modified: statement.modified,
                    is_revoked: false,
                });
            }
        }
        all
    }

    /// Passes on the indicators, as [`crate::StixSet::finish`] does.
    pub(crate) fn finish(
        mut self,
        limits: &StixLimits,
        report: &mut StixReport,
        each: &mut dyn FnMut(u16, Indicator),
        unreduced: &mut dyn FnMut(Unreduced),
    ) {
        let mut rejected = std::mem::take(&mut self.rejected);
        rejected.retain(|(root, _)| self.roots.counts(*root) && self.roots.is_new(*root));
        report.older += self.older;
        report.rejected += rejected.len() as u64;
        let mut definitions = Definitions::new(&self, limits.latest_modified);
        for one in self.chosen(limits.latest_modified) {
            let Chosen { id, statement, .. } = one;
            if !one.is_emitted || self.is_part(id, statement) {
                continue;
            }
            let Reduction { values, rejected } = match self.dropped(statement) {
                Some(dropped) => Reduction {
                    rejected: vec![(statement.node.text(), dropped.clone().into())],
                    ..Reduction::default()
                },
                None => definitions.reduce(id, statement),
            };
            let count = values.values().map(Vec::len).sum();
            report.count(count, &mut rejected.iter().map(|(_, reason)| reason));
            for (pattern, reason) in rejected {
                let (feed, partial) = (one.feeds[0], count > 0);
                unreduced(Unreduced { feed, id: id.to_owned(), pattern, reason, partial });
            }
            let tlp = match one.restriction {
                Restriction::None => None,
                Restriction::Tlp(level) => Some(level),
                Restriction::Unknown => {
                    report.unknown_markings += 1;
                    Some(Tlp::Red)
                }
            };
            for (limit, values) in values {
                let mut indicator = statement.with(id, tlp, limit, values);
                indicator.modified =
                    indicator.modified.filter(|time| *time <= limits.latest_modified);
                let Some((&last, others)) = one.feeds.split_last() else { continue };
                for &feed in others {
                    each(feed, indicator.clone());
                }
                each(last, indicator);
            }
        }
        rejected.into_iter().for_each(|(_, one)| unreduced(one));
    }

    /// Returns whether something refers to an observable, so that it does not count by itself.
    fn is_part(&self, id: &str, statement: &Statement) -> bool {
        !statement.is_indicator && self.parts.referenced.contains(id)
    }

    /// Returns the versions that count, in the order in which their ids were first seen.
    fn chosen(&self, latest: Timestamp) -> impl Iterator<Item = Chosen<'_>> {
        self.statements.iter().filter_map(move |(id, versions)| {
            let counting =
                || versions.iter().filter(|one| self.roots.counts(self.root(one.package)));
            let statement = self.newest(versions, latest)?;
            let rank = rank(statement.modified, latest);
            let (mut restriction, mut feeds) = (Restriction::None, Vec::new());
            for copy in counting().filter(|one| self::rank(one.modified, latest) == rank) {
                restriction = restriction.max(self.restriction(copy));
                for feed in &copy.feeds {
                    if !feeds.contains(feed) {
                        feeds.push(*feed);
                    }
                }
            }
            let is_emitted = counting().any(|one| self.roots.emits(self.root(one.package)));
            Some(Chosen { id, statement, restriction, feeds, is_emitted })
        })
    }

    /// Returns the newest of the versions that count. Of several with the same time, one in a
    /// package that is not dropped wins, then one of this delivery, and then the one that was read
    /// last.
    fn newest<'a>(&self, versions: &'a [Statement], latest: Timestamp) -> Option<&'a Statement> {
        let counting = versions.iter().filter(|one| self.roots.counts(self.root(one.package)));
        counting.max_by_key(|one| {
            let is_kept = self.dropped_package(one.package).is_none();
            (rank(one.modified, latest), is_kept, self.roots.is_new(self.root(one.package)))
        })
    }

    /// Begins an outermost package, and returns its number.
    fn begin_root(&mut self, role: PackageRole, modified: Option<Timestamp>) -> usize {
        let root = self.roots.add(role, modified);
        self.parts.begin_package(root);
        root
    }

    /// Returns the number of the outermost package around a package.
    fn root(&self, package: usize) -> usize {
        self.packages.get(package).map_or(usize::MAX, |package| package.root)
    }

    /// Returns the strictest restriction of a statement and of the packages around it.
    fn restriction(&self, statement: &Statement) -> Restriction {
        let (mut strictest, mut number) = (statement.restriction, Some(statement.package));
        while let Some(package) = number.and_then(|number| self.packages.get(number)) {
            strictest = strictest.max(package.restriction);
            number = package.outer;
        }
        strictest
    }

    /// Returns the reason for which a filter drops a statement or a package around it.
    fn dropped<'a>(&'a self, statement: &'a Statement) -> Option<&'a Dropped> {
        self.dropped_package(statement.package).or(statement.dropped.as_deref())
    }

    /// Returns the reason for which a filter drops a package or one around it.
    fn dropped_package(&self, package: usize) -> Option<&Dropped> {
        let around = |package: &&Package| self.packages.get(package.outer?);
        let packages = std::iter::successors(self.packages.get(package), around);
        packages.filter_map(|package| package.dropped.as_ref()).last()
    }

    fn len(&self) -> usize {
        self.packages.len() + self.parts.len() + self.versions + self.rejected.len()
    }

    /// Keeps a statement. If its package has another version of it, the newer one is kept.
    fn keep(
        &mut self,
        id: &str,
        statement: Statement,
        latest: Timestamp,
        report: &mut BundleReport,
    ) {
        let rank = |modified| self::rank(modified, latest);
        let (new, root) = (rank(statement.modified), self.root(statement.package));
        self.ahead += u64::from(!new.0);
        let versions = self.statements.entry(id.into()).or_default();
        match versions.iter().map(|one| rank(one.modified)).max() {
            Some(known) if known > new => {
                (report.older, self.older) = (report.older + 1, self.older + 1);
            }
            Some(known) if known == new => report.repeated += 1,
            Some(_) => self.older += 1,
            None => {}
        }
        let packages = &self.packages;
        let is_here = |one: &&mut Statement| packages[one.package].root == root;
        match versions.iter_mut().find(is_here) {
            Some(kept) if rank(kept.modified) <= new => *kept = statement,
            Some(_) => {}
            None => {
                versions.push(statement);
                self.versions += 1;
            }
        }
    }
}

/// The order of versions: by date, but dates too far in the future come first.
fn rank(modified: Option<Timestamp>, latest: Timestamp) -> (bool, Option<Timestamp>) {
    (modified.is_none_or(|time| time <= latest), modified)
}

#[cfg(test)]
mod tests;
