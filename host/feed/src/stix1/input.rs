//! One input of packages: where in it we are, and what its elements add to the set.

use std::cell::RefCell;

use serde_json::Value as Json;
use threatsieve_blacklist::Timestamp;

use super::received::{PackageContent, Tap};
use super::root::PackageRole;
use super::statement::Statement;
use super::tree::{Element, element, tree};
use super::xml::{Family, Start, Token, Xml};
use super::{Package, Packages, about, marking};
use crate::stix::{BundleReport, ObjectError, Restriction, StixLimits, Unreduced};
use crate::text::cut;
use crate::time::lenient;
use crate::{Dropped, FeedError};

/// The longest id, in bytes.
const MAX_ID_BYTES: usize = 256;

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
pub(super) struct Input<'a, 's> {
    packages: &'a mut Packages,
    limits: &'a StixLimits,
    feed: u16,
    pub(super) report: BundleReport,
    places: Vec<Place>,
    /// The position of the element that is read, in bytes from the input's start.
    offset: u64,
    role: PackageRole,
    tap: &'a RefCell<Tap<'s>>,
    /// The input is in another encoding, so that only its end shows where a package ends.
    has_one_package: bool,
    /// The content of the package that was read before the end of such an input.
    waiting: Option<PackageContent>,
    /// The ids of the indicators in the current outermost package.
    listed: Vec<String>,
    /// The newest time among them.
    newest: Option<Timestamp>,
}

impl<'a, 's> Input<'a, 's> {
    pub(super) fn new(
        packages: &'a mut Packages,
        limits: &'a StixLimits,
        feed: u16,
        role: PackageRole,
        tap: &'a RefCell<Tap<'s>>,
    ) -> Self {
        Input {
            packages,
            limits,
            feed,
            report: BundleReport::default(),
            places: Vec::new(),
            offset: 0,
            role,
            tap,
            has_one_package: false,
            waiting: None,
            listed: Vec::new(),
            newest: None,
        }
    }

    /// Expects only one package.
    pub(super) fn of_one_package(self) -> Self {
        Input { has_one_package: true, ..self }
    }

    /// Reads the input to its end.
    pub(super) fn read(mut self, xml: &mut Xml<'_>) -> Result<BundleReport, FeedError> {
        let mut is_empty = true;
        loop {
            xml.objects = self.report.objects;
            let offset = xml.offset();
            match xml.next()? {
                Token::Start(start) => {
                    is_empty = false;
                    if let Some(first) = self.open(&start, offset)? {
                        let id = first.attribute("id").unwrap_or_default().to_owned();
                        let name = first.name.clone();
                        match tree(xml, first, self.limits)? {
                            Ok(element) => self.close(&element),
                            Err(error) => self.beyond(&id, &name, error),
                        }
                    }
                }
                Token::End => self.leave(),
                Token::Text(_) | Token::Other => {}
                Token::Eof if is_empty => {
                    return Err(FeedError::NotPackage { got: "no element".to_owned() });
                }
                Token::Eof => {
                    if let Some(content) = self.waiting.take() {
                        self.tap.borrow_mut().end(content);
                    }
                    return Ok(self.report);
                }
            }
        }
    }

    /// Enters an element. Returns the start of one that is read as a whole.
    fn open(&mut self, start: &Start<'_>, offset: u64) -> Result<Option<Element>, FeedError> {
        self.offset = offset;
        let is_root = self.places.is_empty();
        let place = match (start.family, start.name()) {
            (Family::Stix, "STIX_Package" | "Package") => {
                self.make_room()?;
                self.package(start)?
            }
            _ if is_root => {
                return Err(FeedError::NotPackage {
                    got: format!("the element {}", cut(start.name())),
                });
            }
            (Family::Stix, "Indicator") | (Family::Stix | Family::Cybox, "Observable") => {
                self.make_room()?;
                return element(start).map(Some);
            }
            (Family::Stix, "Handling") if matches!(self.places.last(), Some(Place::Header)) => {
                return element(start).map(Some);
            }
            (Family::Stix, name)
                if self.has_package_filter()
                    && about::HEADER.contains(&name)
                    && matches!(self.places.last(), Some(Place::Header)) =>
            {
                return element(start).map(Some);
            }
            (Family::Stix, "STIX_Header" | "Header") => Place::Header,
            (Family::Stix | Family::Cybox, "Observables") => Place::Observables,
            _ => Place::Other,
        };
        self.places.push(place);
        Ok(None)
    }

    /// Leaves the element that was entered last.
    fn leave(&mut self) {
        let left = self.places.pop();
        if let Some(Place::Package { number, .. }) = &left {
            self.drop_package(*number);
        }
        if self.places.is_empty()
            && let Some(Place::Package { number, id, .. }) = left
        {
            self.end_package(number, id);
        }
    }

    /// Returns whether packages are dropped as a whole.
    fn has_package_filter(&self) -> bool {
        self.limits.objects.has_package_filter()
    }

    /// Drops a package at its end if the filter says so: its header may come at any place.
    fn drop_package(&mut self, number: usize) {
        let Some(package) = self.packages.packages.get_mut(number) else { return };
        if let Some(mut about) = package.about.take() {
            about::add_tlp(&mut about, package.restriction);
            package.dropped = self.limits.objects.dropped_package(&Json::Object(*about));
        }
    }

    /// Ends an outermost package.
    fn end_package(&mut self, number: usize, id: Option<Box<str>>) {
        let digest = self.tap.borrow_mut().digest();
        let newest = self.newest.take();
        let modified = self.packages.roots.end(id.as_deref(), digest, newest);
        let (defines, refers) = self.packages.parts.end_package();
        let content = PackageContent {
            id: id.map(String::from).unwrap_or_default(),
            modified,
            indicators: std::mem::take(&mut self.listed),
            defines,
            refers,
            is_utf8: !self.has_one_package,
            dropped: self.packages.dropped_package(number).cloned(),
        };
        if self.has_one_package {
            self.waiting = Some(content);
        } else {
            self.tap.borrow_mut().end(content);
        }
    }

    fn package(&mut self, start: &Start<'_>) -> Result<Place, FeedError> {
        let (mut id, mut modified) = (None, None);
        start.attributes(&mut |name, value| match name {
            "id" if value.len() <= MAX_ID_BYTES => id = Some(value.trim().into()),
            "timestamp" => modified = lenient(value.trim()),
            _ => {}
        })?;
        let modified = modified.filter(|at| *at <= self.limits.latest_modified);
        let outer = self.current().map(|(number, _, _)| number);
        let root = match outer {
            Some(outer) => self.packages.root(outer),
            None if self.waiting.is_some() => {
                return Err(FeedError::Xml {
                    offset: self.offset,
                    expected: "one package in an input that is not UTF-8",
                    got: "another one".to_owned(),
                    objects: self.report.objects,
                });
            }
            None => self.packages.begin_root(self.role, modified),
        };
        let about = self.has_package_filter().then(|| about::package(id.as_deref(), modified));
        self.packages.packages.push(Package {
            outer,
            root,
            restriction: Restriction::None,
            about: about.map(Box::new),
            dropped: None,
        });
        Ok(Place::Package { number: self.packages.packages.len() - 1, id, members: 0 })
    }

    /// The innermost open package: its number, its id, and the count of its members.
    fn current(&mut self) -> Option<(usize, Option<&str>, &mut u64)> {
        self.places.iter_mut().rev().find_map(|place| match place {
            Place::Package { number, id, members } => Some((*number, id.as_deref(), members)),
            _ => None,
        })
    }

    /// Uses an element that was read as a whole.
    fn close(&mut self, element: &Element) {
        if &*element.name == "Handling" {
            return self.mark(marking::restriction(element));
        }
        if matches!(self.places.last(), Some(Place::Header)) {
            return self.about(element);
        }
        self.report.objects += 1;
        if &*element.name == "Indicator" {
            self.indicator(element);
        } else {
            self.observable(element);
        }
    }

    /// Rejects an element that is beyond a limit. A marking that cannot be read is not understood.
    fn beyond(&mut self, id: &str, name: &str, error: ObjectError) {
        if matches!(self.places.last(), Some(Place::Header)) {
            if name != "Handling" {
                // The filter does without it.
                return;
            }
            self.mark(Restriction::Unknown);
        }
        self.report.objects += 1;
        self.reject(id, error);
    }

    /// Restricts the innermost package.
    fn mark(&mut self, said: Restriction) {
        let number = self.current().map(|(number, _, _)| number);
        if let Some(package) = number.and_then(|number| self.packages.packages.get_mut(number)) {
            package.restriction = package.restriction.max(said);
        }
    }

    /// Adds an element of the header to what the filter sees of the innermost package.
    fn about(&mut self, element: &Element) {
        let number = self.current().map(|(number, _, _)| number);
        let package = number.and_then(|number| self.packages.packages.get_mut(number));
        if let Some(about) = package.and_then(|package| package.about.as_mut()) {
            about::add_header(about, element);
        }
    }

    /// Returns the reason for which the filter drops an indicator or observable.
    fn dropped(&self, element: &Element, id: &str, statement: &Statement) -> Option<Box<Dropped>> {
        let filter = &self.limits.objects;
        if filter.is_open() {
            return None;
        }
        let about = about::indicator(element, id, self.packages.restriction(statement));
        filter.dropped(&about).map(Box::new)
    }

    fn indicator(&mut self, element: &Element) {
        // An indicator of its own may be given inside the one to which it is related.
        let related = element.all("Related_Indicators").flat_map(|all| &all.children);
        for nested in related.flat_map(|one| one.all("Indicator")) {
            self.indicator(nested);
        }
        if element.reference().is_some() {
            self.report.others += 1;
            return;
        }
        self.report.indicators += 1;
        let (id, package) = match self.identify(element) {
            Ok(found) => found,
            Err(error) => return self.reject("", error),
        };
        match Statement::indicator(element, self.feed, package, &mut self.packages.parts) {
            Ok(mut statement) => {
                statement.dropped = self.dropped(element, &id, &statement);
                self.keep(&id, statement);
            }
            Err(error) => self.reject(&id, error),
        }
    }

    fn observable(&mut self, element: &Element) {
        let is_top = matches!(self.places.last(), Some(Place::Observables));
        if element.reference().is_some() {
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
            Ok((id, package)) => {
                let mut statement = Statement::observable(node, self.feed, package);
                statement.dropped = self.dropped(element, &id, &statement);
                self.keep(&id, statement);
            }
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
            (Some(id), _) if (1..=MAX_ID_BYTES).contains(&id.len()) => Ok((id.to_owned(), number)),
            (Some(id), _) => Err(wrong(id)),
            (None, Some(package)) => Ok((format!("{package}#{members}"), number)),
            (None, None) => Err(wrong("neither")),
        }
    }

    fn keep(&mut self, id: &str, statement: Statement) {
        let latest = self.limits.latest_modified;
        self.newest = self.newest.max(statement.modified.filter(|at| *at <= latest));
        self.packages.keep(id, statement, latest, &mut self.report);
        self.packages.parts.has_indicator(id);
        self.listed.push(id.to_owned());
    }

    fn reject(&mut self, id: &str, error: ObjectError) {
        self.report.rejected += 1;
        let number = self.current().map_or(usize::MAX, |(number, _, _)| number);
        let rejected = Unreduced {
            feed: self.feed,
            id: cut(id),
            pattern: format!("the element at byte {}", self.offset),
            reason: error.into(),
            partial: false,
        };
        self.packages.rejected.push((self.packages.root(number), rejected));
    }

    fn make_room(&self) -> Result<(), FeedError> {
        let limit = self.limits.max_kept;
        let has_room = self.packages.len() < limit;
        if has_room { Ok(()) } else { Err(FeedError::TooMany { limit, offset: self.offset }) }
    }
}
