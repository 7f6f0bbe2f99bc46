//! One TOML table as its definition describes it: known keys, defaults, and the problems of each.
//!
//! Every problem is noted, not only the first: a value that has one is `None`, and reading goes on.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::definition::{Presence, Setting, Table};
use super::kinds::Kind;
use super::problem::Problem;
use super::shown::{ShownAs, as_toml, holds_tables};
use crate::text::clipped;

/// The state that all tables of a file share.
#[derive(Debug)]
pub(super) struct File<'a> {
    /// Start of relative paths.
    pub(super) folder: &'a Path,
    pub(super) problems: RefCell<Vec<Problem>>,
    pub(super) warnings: RefCell<Vec<String>>,
    /// Every setting with its value in TOML, in the order read: the output of `config show`.
    pub(super) shown: RefCell<Vec<(String, String)>>,
}

impl<'a> File<'a> {
    pub(super) fn new(folder: &'a Path) -> File<'a> {
        File {
            folder,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            shown: RefCell::default(),
        }
    }
}

/// The place of a value in the file, for problems and warnings.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub(super) file: &'a File<'a>,
    /// Full name of the setting: `feeds.partner.url`.
    pub(super) key: String,
    /// Bytes of the value; the first byte of the table where the file does not give the key.
    span: Range<usize>,
    pub(super) is_given: bool,
}

impl<'a> Place<'a> {
    /// The start of a file, for its top level.
    pub(super) fn start(file: &'a File<'a>) -> Place<'a> {
        Place { file, key: String::new(), span: 0..0, is_given: true }
    }

    /// The place of an item in this list.
    pub(super) fn item(&self, at: usize, span: Range<usize>) -> Place<'a> {
        Place { key: format!("{}[{at}]", self.key), span, ..self.clone() }
    }

    /// The place of a key within this table.
    pub(super) fn key_within(&self, name: &str) -> Place<'a> {
        let name = clipped(name.as_bytes(), 60);
        Place { key: format!("{}.{name}", self.key), ..self.clone() }
    }

    /// The last part of the full name: `url`.
    pub(super) fn name(&self) -> &str {
        self.key.rsplit('.').next().unwrap_or_default()
    }

    /// Notes a problem; its value is shown.
    pub(super) fn problem(&self, text: impl Into<String>) {
        self.note(text.into(), false);
    }

    /// Notes a problem with a value that may be a secret or hold one; it is not shown.
    pub(super) fn hidden_problem(&self, text: impl Into<String>) {
        self.note(text.into(), true);
    }

    fn note(&self, text: String, hidden: bool) {
        let (span, key) = (self.span.clone(), self.key.clone());
        self.file.problems.borrow_mut().push(Problem { span, key, text, hidden });
    }

    /// Notes something that is allowed but looks like a mistake.
    pub(super) fn warn(&self, text: &str) {
        self.file.warnings.borrow_mut().push(format!("{}: {text}", self.key));
    }
}

/// A setting's value with its place.
#[derive(Debug)]
pub(super) struct Field<'a, T> {
    pub(super) place: Place<'a>,
    /// `None` after a problem was noted, or where the setting does not apply.
    pub(super) value: Option<T>,
}

/// One table, its defaults filled in.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    known: &'static Table,
    place: Place<'a>,
    /// Given values and defaults.
    values: BTreeMap<&'static str, Spanned<DeValue<'a>>>,
    given: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(place: Place<'a>, known: &'static Table, table: &DeTable<'a>) -> Reader<'a> {
        let mut reader = Reader { known, place, values: BTreeMap::new(), given: Vec::new() };
        for (key, value) in table {
            match known.setting(key.get_ref()) {
                Some(setting) => {
                    reader.given.push(setting.key);
                    reader.values.insert(setting.key, value.clone());
                }
                None => reader.unknown(key),
            }
        }
        for setting in known.settings {
            match reader.is_given(setting.key) {
                true => reader.check_given(setting),
                false => reader.fill(setting),
            }
        }
        reader.show();
        reader
    }

    fn unknown(&self, key: &Spanned<Cow<'a, str>>) {
        let name = clipped(key.get_ref().as_bytes(), 60);
        let keys = || self.known.settings.iter().map(|setting| setting.key);
        let nearest = keys()
            .map(|known| (strsim::damerau_levenshtein(known, &name), known))
            .filter(|(distance, known)| *distance <= 1 + known.len().min(name.len()) / 3)
            .min();
        let text = match nearest {
            Some((_, nearest)) => {
                format!("expected a known key, got an unknown one; did you mean `{nearest}`?")
            }
            None => {
                let keys: Vec<&str> = keys().collect();
                format!("expected a known key ({}), got an unknown one", keys.join(", "))
            }
        };
        let place = Place { key: self.key(&name), span: key.span(), ..self.place.clone() };
        place.problem(text);
    }

    /// Notes a given setting that the table's `type` does not have, or that another one excludes.
    fn check_given(&self, setting: &Setting) {
        let place = self.place(setting.key);
        if let Some(kind) = self.known_type()
            && !applies(setting, kind)
        {
            let kinds = match setting.only {
                [kinds @ .., last] if !kinds.is_empty() => {
                    format!("{} and {last}", kinds.join(", "))
                }
                kinds => kinds.join(""),
            };
            place.hidden_problem(format!("expected for type {kinds} only, got it for type {kind}"));
        }
        if let Some(other) = setting.excludes
            && self.is_given(other)
        {
            let text = format!("expected one of `{}` and `{other}`, got both", setting.key);
            self.place(other).problem(text);
        }
    }

    /// Fills in the default of a setting that the file does not give, or notes that it must.
    fn fill(&mut self, setting: &'static Setting) {
        let applies =
            setting.only.is_empty() || self.known_type().is_some_and(|kind| applies(setting, kind));
        if !applies || setting.excludes.is_some_and(|other| self.is_given(other)) {
            return;
        }
        match setting.presence {
            Presence::Required => self.place(setting.key).problem(format!(
                "expected {}, got nothing (for example {} = {})",
                setting.kind.expected(),
                setting.key,
                setting.example()
            )),
            Presence::Optional => {}
            Presence::Default(value) => {
                // A test holds that all defaults are TOML.
                if let Ok(value) = DeValue::parse(value) {
                    let value = Spanned::new(self.place.span.clone(), value.into_inner());
                    self.values.insert(setting.key, value);
                }
            }
        }
    }

    /// The table's `type`, if some settings depend on it and it is one of those that they name.
    fn known_type(&self) -> Option<&str> {
        let kind = self.values.get("type")?.get_ref().as_str()?;
        let is_known = self.known.settings.iter().any(|setting| setting.only.contains(&kind));
        is_known.then_some(kind)
    }

    /// Notes the values for `config show`. A secret is a table, which names its place. URLs are
    /// shown without keys.
    fn show(&self) {
        let mut shown = self.place.file.shown.borrow_mut();
        for (key, value) in &self.values {
            if !value.get_ref().is_table() && !holds_tables(value.get_ref()) {
                let kind = self.known.setting(key).map(|setting| setting.kind);
                let shown_as = match kind {
                    Some(kind) if kind.holds_keys() => ShownAs::Server,
                    Some(kind) if kind.holds_urls() => ShownAs::Url,
                    _ => ShownAs::Text,
                };
                shown.push((self.key(key), as_toml(value.get_ref(), shown_as)));
            }
        }
    }

    pub(super) fn is_given(&self, key: &str) -> bool {
        self.given.contains(&key)
    }

    /// The full name of a key.
    fn key(&self, key: &str) -> String {
        match self.place.key.as_str() {
            "" => key.to_owned(),
            table => format!("{table}.{key}"),
        }
    }

    fn place(&self, key: &str) -> Place<'a> {
        let is_given = self.is_given(key);
        let start = self.place.span.start;
        let span = match self.values.get(key) {
            Some(value) if is_given => value.span(),
            _ => start..self.place.span.end.min(start + 1),
        };
        Place { key: self.key(key), span, is_given, ..self.place.clone() }
    }

    /// A setting that has a default or is required; the problem of an absent one is noted already.
    pub(super) fn present<K: Kind<'a>>(&self, key: &'static str, kind: &K) -> Field<'a, K::Value> {
        let place = self.place(key);
        let value = self.values.get(key).and_then(|value| kind.read(&place, value));
        Field { place, value }
    }

    /// A setting that may be absent: then the value is `Some(None)`.
    pub(super) fn optional<K: Kind<'a>>(
        &self,
        key: &'static str,
        kind: &K,
    ) -> Field<'a, Option<K::Value>> {
        let place = self.place(key);
        let value = match self.values.get(key) {
            Some(value) => kind.read(&place, value).map(Some),
            None => Some(None),
        };
        Field { place, value }
    }
}

/// Returns whether tables of this type have the setting.
fn applies(setting: &Setting, kind: &str) -> bool {
    setting.only.is_empty() || setting.only.contains(&kind)
}
