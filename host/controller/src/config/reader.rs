//! Typed reading of one TOML table: known keys, defaults, and every problem noted instead of the first alone.
//!
//! A getter returns `None` when it has noted a problem, so that a caller reads all its settings before it gives up.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use threatsieve_blacklist::Tlp;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::Secret;
use super::problem::Problem;
use super::settings::{Default, Table};
use super::shown::{as_toml, described, holds_tables, kind_of};
use crate::text::clipped;

/// Longest duration: ten years.
const MAX_DURATION: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// What all tables of a file share.
#[derive(Debug)]
pub(super) struct File<'a> {
    /// What relative paths are relative to.
    pub(super) folder: &'a Path,
    pub(super) problems: RefCell<Vec<Problem>>,
    pub(super) warnings: RefCell<Vec<String>>,
    /// Every setting with its value, in the order read, as TOML: what `config show` prints.
    pub(super) shown: RefCell<Vec<(String, String)>>,
}

/// One table, its defaults filled in.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) file: &'a File<'a>,
    values: BTreeMap<&'static str, Spanned<DeValue<'a>>>,
    given: Vec<&'static str>,
    span: Range<usize>,
    path: String,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        file: &'a File<'a>,
        known: &Table,
        path: &str,
        table: &DeTable<'a>,
        span: Range<usize>,
    ) -> Reader<'a> {
        let mut reader = Reader {
            file,
            values: BTreeMap::new(),
            given: Vec::new(),
            span,
            path: path.to_owned(),
        };
        for (key, value) in table {
            match known.settings.iter().find(|setting| setting.key == key.get_ref().as_ref()) {
                Some(setting) => {
                    reader.given.push(setting.key);
                    reader.values.insert(setting.key, value.clone());
                }
                None => reader.unknown(known, key),
            }
        }
        for setting in known.settings {
            if reader.is_given(setting.key) {
                continue;
            }
            match setting.default {
                Default::Required => {
                    let text = format!(
                        "expected {}, got nothing (for example {} = {})",
                        setting.kind, setting.key, setting.example
                    );
                    reader.problem(setting.key, text);
                }
                Default::Absent => {}
                Default::Is(value) => {
                    // A test holds all defaults to be TOML.
                    if let Ok(value) = DeValue::parse(value) {
                        reader.values.insert(
                            setting.key,
                            Spanned::new(reader.span.clone(), value.into_inner()),
                        );
                    }
                }
            }
        }
        reader.show(known);
        reader
    }

    fn unknown(&self, known: &Table, key: &Spanned<std::borrow::Cow<'a, str>>) {
        let name = clipped(key.get_ref().as_bytes(), 60);
        let nearest = known
            .settings
            .iter()
            .map(|setting| (strsim::damerau_levenshtein(setting.key, &name), setting.key))
            .filter(|(distance, known)| *distance <= 1 + known.len().min(name.len()) / 3)
            .min();
        let text = match nearest {
            Some((_, nearest)) => {
                format!("expected a known key, got an unknown one; did you mean `{nearest}`?")
            }
            None => {
                let keys: Vec<&str> = known.settings.iter().map(|setting| setting.key).collect();
                format!("expected a known key ({}), got an unknown one", keys.join(", "))
            }
        };
        self.file.problems.borrow_mut().push(Problem {
            span: key.span(),
            key: join(&self.path, &name),
            text,
            hidden: false,
        });
    }

    /// Notes the values for `config show`. Secrets are named by where they are found; a plain one
    /// is a problem and is never shown. URLs are shown without keys.
    fn show(&self, known: &Table) {
        let mut shown = self.file.shown.borrow_mut();
        for (key, value) in &self.values {
            if !matches!(value.get_ref(), DeValue::Table(_)) && !holds_tables(value.get_ref()) {
                let is_url = known.is_url(key);
                shown.push((join(&self.path, key), as_toml(value.get_ref(), is_url)));
            }
        }
    }

    pub(super) fn is_given(&self, key: &str) -> bool {
        self.given.contains(&key)
    }

    pub(super) fn key(&self, key: &str) -> String {
        join(&self.path, key)
    }

    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.values.get(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// A string, without noting what is wrong with it.
    pub(super) fn peek(&self, key: &str) -> Option<&str> {
        self.values.get(key).and_then(|value| value.get_ref().as_str())
    }

    /// Notes a problem with a key's value, or with the table where the key is absent.
    pub(super) fn problem(&self, key: &str, text: impl Into<String>) {
        self.note(key, text.into(), false);
    }

    pub(super) fn hidden_problem(&self, key: &str, text: impl Into<String>) {
        self.note(key, text.into(), true);
    }

    /// Notes something that may be meant as it is written.
    pub(super) fn warn(&self, key: &str, text: &str) {
        self.file.warnings.borrow_mut().push(format!("{}: {text}", self.key(key)));
    }

    fn note(&self, key: &str, text: String, hidden: bool) {
        let mut span = self.span_of(key);
        if !self.values.contains_key(key) {
            span.end = span.end.min(span.start + 1);
        }
        self.file.problems.borrow_mut().push(Problem { span, key: self.key(key), text, hidden });
    }

    /// A value that may be absent. `None` after a problem, `Some(None)` where there is none.
    pub(super) fn optional<T>(
        &self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&DeValue<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        let Some(value) = self.values.get(key) else { return Some(None) };
        let parsed = parse(value.get_ref());
        if parsed.is_none() {
            self.problem(key, format!("expected {expected}, got {}", described(value.get_ref())));
        }
        parsed.map(Some)
    }

    /// A value that has a default or must be there; its absence has been noted already.
    pub(super) fn value<T>(
        &self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&DeValue<'a>) -> Option<T>,
    ) -> Option<T> {
        self.optional(key, expected, parse).flatten()
    }

    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.value(key, "a string that is not empty", |value| non_empty(value).map(str::to_owned))
    }

    pub(super) fn optional_text(&self, key: &'static str) -> Option<Option<String>> {
        self.optional(key, "a string that is not empty", |value| {
            non_empty(value).map(str::to_owned)
        })
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        self.value(key, "true or false", DeValue::as_bool)
    }

    pub(super) fn integer(&self, key: &'static str, least: u32, most: u32) -> Option<Option<u32>> {
        self.optional(key, &format!("an integer from {least} to {most}"), |value| {
            let number = value.as_integer()?;
            u32::from_str_radix(number.as_str(), number.radix())
                .ok()
                .filter(|number| (least..=most).contains(number))
        })
    }

    pub(super) fn percent(&self, key: &'static str) -> Option<Option<u8>> {
        let number = self.integer(key, 0, 100)?;
        Some(number.and_then(|number| u8::try_from(number).ok()))
    }

    pub(super) fn share(&self, key: &'static str) -> Option<f64> {
        self.value(key, "a share from 0 to 1 (0.5)", |value| {
            let text = value
                .as_float()
                .map(|float| float.as_str())
                .or(value.as_integer().map(|integer| integer.as_str()))?;
            text.parse().ok().filter(|share| (0.0..=1.0).contains(share))
        })
    }

    pub(super) fn duration(&self, key: &'static str) -> Option<Option<Duration>> {
        self.optional(
            key,
            "a duration of more than 0 and at most ten years (\"90s\", \"15m\", \"1h 30m\", \"90d\")",
            |value| {
                let duration = humantime::parse_duration(value.as_str()?).ok()?;
                (!duration.is_zero() && duration <= MAX_DURATION).then_some(duration)
            },
        )
    }

    pub(super) fn bytes(&self, key: &'static str) -> Option<u64> {
        self.value(key, "a size of more than 0 (\"200MB\", \"1GiB\")", |value| {
            let size: bytesize::ByteSize = value.as_str()?.parse().ok()?;
            Some(size.as_u64()).filter(|bytes| *bytes > 0)
        })
    }

    /// A mode for a file that the owner reads and writes and nobody executes.
    pub(super) fn mode(&self, key: &'static str) -> Option<u32> {
        self.value(
            key,
            "an octal mode with which the owner can read and write (\"0640\")",
            |value| {
                let mode = u32::from_str_radix(value.as_str()?, 8).ok()?;
                (mode & 0o600 == 0o600 && mode & !0o666 == 0).then_some(mode)
            },
        )
    }

    /// The number of a group of this machine, given by name or number.
    pub(super) fn group(&self, key: &'static str) -> Option<Option<u32>> {
        self.optional(key, "a group of this machine, by name or number", |value| {
            let name = value.as_str()?;
            let by_name = || nix::unistd::Group::from_name(name).ok().flatten();
            name.parse().ok().or_else(|| by_name().map(|group| group.gid.as_raw()))
        })
    }

    pub(super) fn tlp(&self, key: &'static str) -> Option<Option<Tlp>> {
        let names = Tlp::ALL.map(Tlp::name).join(", ");
        self.optional(key, &format!("one of {names}"), |value| {
            let name = value.as_str()?;
            Tlp::from_name(name.strip_prefix("TLP:").unwrap_or(name))
        })
    }

    /// One of some words, by its place among them.
    pub(super) fn word(&self, key: &'static str, words: &[&str]) -> Option<usize> {
        self.value(key, &one_of(words), |value| {
            let given = value.as_str()?;
            words.iter().position(|word| *word == given)
        })
    }

    pub(super) fn path(&self, key: &'static str) -> Option<Option<PathBuf>> {
        let text = self.optional(key, "a path", |value| {
            non_empty(value).filter(|path| !path.contains('\0')).map(str::to_owned)
        })?;
        Some(text.map(|text| self.file.folder.join(text)))
    }

    pub(super) fn texts(&self, key: &'static str) -> Option<Option<Vec<String>>> {
        self.optional(key, "a list of strings that are not empty", |value| {
            let list = value.as_array()?;
            list.iter().map(|item| non_empty(item.get_ref()).map(str::to_owned)).collect()
        })
    }

    pub(super) fn paths(&self, key: &'static str) -> Option<Vec<PathBuf>> {
        let texts = self.texts(key)??;
        Some(texts.into_iter().map(|text| self.file.folder.join(text)).collect())
    }

    /// An `http` or `https` URL without credentials.
    pub(super) fn url(&self, key: &'static str) -> Option<Option<Url>> {
        let Some(value) = self.values.get(key) else { return Some(None) };
        self.one_url(key, value.get_ref()).map(Some)
    }

    /// A list of such URLs.
    pub(super) fn urls(&self, key: &'static str) -> Option<Vec<Url>> {
        self.value(key, "a list of http or https URLs", |value| value.as_array().map(|_| ()))?;
        let urls: Vec<Option<Url>> =
            self.items(key).iter().map(|item| self.one_url(key, item.get_ref())).collect();
        urls.into_iter().collect()
    }

    fn one_url(&self, key: &'static str, value: &DeValue<'_>) -> Option<Url> {
        let url = value.as_str().and_then(|text| Url::parse(text).ok());
        let Some(url) =
            url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        else {
            // It may hold credentials all the same, so its text is not repeated.
            self.hidden_problem(
                key,
                format!("expected an http or https URL, got {}", kind_of(value)),
            );
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            self.hidden_problem(
                key,
                "expected a URL without credentials, got one with them; use `user` and `password`",
            );
            return None;
        }
        Some(url)
    }

    /// Tables in a table or a list; what is no table is noted.
    pub(super) fn table(&self, key: &'static str, known: &Table) -> Option<Option<Reader<'a>>> {
        let Some(value) = self.values.get(key) else { return Some(None) };
        match value.get_ref() {
            DeValue::Table(table) => {
                Some(Some(Reader::new(self.file, known, &self.key(key), table, value.span())))
            }
            other => {
                self.hidden_problem(key, format!("expected a table, got {}", kind_of(other)));
                None
            }
        }
    }

    /// The tables of a list, named after their `label` or their number.
    pub(super) fn tables(&self, key: &'static str, known: &Table, label: &str) -> Vec<Reader<'a>> {
        let Some(value) = self.values.get(key) else { return Vec::new() };
        let DeValue::Array(list) = value.get_ref() else {
            self.hidden_problem(
                key,
                format!(
                    "expected an array of tables ([[{key}]]), got {}",
                    kind_of(value.get_ref())
                ),
            );
            return Vec::new();
        };
        let mut readers = Vec::new();
        for (at, item) in list.iter().enumerate() {
            let DeValue::Table(table) = item.get_ref() else {
                let text = format!("expected a table, got {}", kind_of(item.get_ref()));
                let key = self.key(&format!("{key}[{at}]"));
                self.file.problems.borrow_mut().push(Problem {
                    span: item.span(),
                    key,
                    text,
                    hidden: true,
                });
                continue;
            };
            let name = table
                .iter()
                .find(|(key, _)| key.get_ref() == label)
                .and_then(|(_, name)| name.get_ref().as_str());
            let path = name.map_or_else(
                || format!("{key}[{at}]"),
                |name| format!("{key}.{}", clipped(name.as_bytes(), 60)),
            );
            readers.push(Reader::new(self.file, known, &path, table, item.span()));
        }
        readers
    }

    /// The items of a list, each a table or a string.
    pub(super) fn items(&self, key: &str) -> &[Spanned<DeValue<'a>>] {
        self.values
            .get(key)
            .and_then(|value| value.get_ref().as_array())
            .map_or(&[], |list| &list[..])
    }

    /// A secret from the environment or a file, never from the configuration itself.
    pub(super) fn secret(&self, key: &'static str) -> Option<Option<Secret>> {
        let Some(value) = self.values.get(key) else { return Some(None) };
        let DeValue::Table(table) = value.get_ref() else {
            let text = format!(
                "expected a secret's place ({{ env = \"NAME\" }} or {{ file = \"PATH\" }}), got {}; secrets are not written into the configuration",
                kind_of(value.get_ref())
            );
            self.hidden_problem(key, text);
            return None;
        };
        let place =
            Reader::new(self.file, &super::settings::SECRET, &self.key(key), table, value.span());
        match (place.optional_text("env")?, place.path("file")?) {
            (Some(name), None) => Secret::from_environment(&name),
            (None, Some(path)) => Secret::from_file(&path, |warning| {
                self.file.warnings.borrow_mut().push(format!("{}: {warning}", self.key(key)));
            }),
            _ => Err("expected one of `env` and `file`, got both or neither".to_owned()),
        }
        .map_err(|text| self.problem(key, text))
        .ok()
        .map(Some)
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// `"a", "b" or "c"`.
fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.join(""),
    }
}

pub(super) fn non_empty<'v>(value: &'v DeValue<'_>) -> Option<&'v str> {
    value.as_str().filter(|text| !text.is_empty())
}
