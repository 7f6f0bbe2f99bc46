//! Presets: descriptions of well-known feeds, and of feeds that users describe the same way.

mod settings;
mod suggest;

use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use toml::{Table, Value as Toml};

pub use settings::{
    Condition, Confidence, ConfidenceColumn, Format, Header, HeaderWord, Indicated, Kind, Paths,
    Preset, PresetRole, Scalar, Scope, Split, Transform,
};

/// The presets of the program.
pub const BUILT_IN: &str = include_str!("presets.toml");

/// The number of bytes in which signs of a preset are searched.
const SEARCHED_BYTES: usize = 4096;
/// The longest chain of presets that are `like` each other.
const MAX_LIKE: usize = 8;

/// All forms of one feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// The forms, in the order of the file. There is at least one.
    pub forms: Vec<Preset>,
}

impl Feed {
    /// The first form, which has the URL and the interval.
    pub fn first(&self) -> &Preset {
        &self.forms[0]
    }

    /// Adds conditions of a user to every form.
    ///
    /// # Errors
    ///
    /// A condition is not one, or is about a column that no form has. The text says which.
    pub fn narrowed(&self, conditions: &[Toml]) -> Result<Feed, String> {
        let mut feed = self.clone();
        for condition in conditions {
            let condition: Condition = condition
                .clone()
                .try_into()
                .map_err(|error: toml::de::Error| error.message().to_owned())?;
            let has_column = |form: &Preset| match &form.header {
                Header::Names(names) => names.contains(&condition.column),
                Header::Word(_) => {
                    matches!(form.format, Format::Csv | Format::Json | Format::Jsonl)
                }
            };
            if !self.forms.iter().any(has_column) {
                let columns = self.forms.iter().flat_map(|form| match &form.header {
                    Header::Names(names) => names.as_slice(),
                    Header::Word(_) => &[],
                });
                let columns: Vec<&str> = columns.map(String::as_str).collect();
                return Err(format!(
                    "expected a column of {} ({}), got {:?}",
                    self.first().name,
                    columns.join(", "),
                    condition.column
                ));
            }
            feed.forms.iter_mut().for_each(|form| form.r#where.push(condition.clone()));
        }
        Ok(feed)
    }

    /// Chooses the form of an input by its first bytes.
    pub(crate) fn form(&self, start: &[u8], is_json: bool) -> &Preset {
        let fits = |form: &&Preset| form.format.is_json() == is_json;
        let mut of_kind = self.forms.iter().filter(fits);
        let text = String::from_utf8_lossy(start);
        let first = text.lines().map(str::trim).find(|line| is_data(line)).unwrap_or_default();
        let has_delimiter = |form: &&Preset| {
            form.format != Format::Csv || first.contains(form.delimiter.as_deref().unwrap_or(","))
        };
        let is_only = of_kind.clone().count() == 1;
        let chosen = of_kind.find(|form| is_only || has_delimiter(form));
        chosen.unwrap_or(self.first())
    }
}

fn is_data(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(['#', ';', '!'])
}

/// A set of presets: those of the program, and those of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presets(Arc<Vec<Arc<Feed>>>);

impl Default for Presets {
    /// The presets of the program.
    fn default() -> Presets {
        static ALL: OnceLock<Presets> = OnceLock::new();
        let all = ALL.get_or_init(|| {
            // A test holds that the text is valid.
            Presets::parse(BUILT_IN).unwrap_or(Presets(Arc::default()))
        });
        all.clone()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    presets: Vec<Table>,
}

impl Presets {
    fn parse(text: &str) -> Result<Presets, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        Presets(Arc::default()).with(&file.presets)
    }

    /// Adds tables of a configuration. A table with the name of a known preset replaces it.
    ///
    /// # Errors
    ///
    /// A table is not a preset. The text says which, and the reason.
    pub fn with(&self, tables: &[Table]) -> Result<Presets, String> {
        let mut feeds: Vec<Arc<Feed>> = Vec::new();
        for table in tables {
            let name = match table.get("name") {
                Some(Toml::String(name)) if !name.is_empty() => name.clone(),
                _ => return Err("a preset: expected a `name`, got none".to_owned()),
            };
            let wrong = |error: &dyn std::fmt::Display| {
                format!("the preset {name}: {}", error.to_string().trim().replace('\n', ", "))
            };
            let whole = self.inherit(table, tables, 0).map_err(|error| wrong(&error))?;
            let form: Preset = Toml::Table(whole).try_into().map_err(|error| wrong(&error))?;
            form.check().map_err(|error| wrong(&error))?;
            match feeds.iter_mut().find(|feed| feed.first().name == name) {
                Some(feed) => Arc::make_mut(feed).forms.push(form),
                None => feeds.push(Arc::new(Feed { forms: vec![form] })),
            }
        }
        let is_new =
            |known: &&Arc<Feed>| !feeds.iter().any(|feed| feed.first().name == known.first().name);
        let known: Vec<Arc<Feed>> = self.0.iter().filter(is_new).cloned().collect();
        feeds.extend(known);
        Ok(Presets(Arc::new(feeds)))
    }

    /// Fills in the settings of the preset that a table is `like`.
    fn inherit(&self, table: &Table, tables: &[Table], depth: usize) -> Result<Table, String> {
        let Some(like) = table.get("like") else { return Ok(table.clone()) };
        let like = like.as_str().unwrap_or_default();
        let is_base = |base: &&Table| base.get("name").and_then(Toml::as_str) == Some(like);
        let own = tables.iter().find(is_base).filter(|base| *base != table);
        let built_in: File = toml::from_str(BUILT_IN).map_err(|error| error.to_string())?;
        let base = own.or_else(|| built_in.presets.iter().find(is_base));
        let Some(base) = base.filter(|_| depth < MAX_LIKE) else {
            return Err(format!("expected another preset in `like`, got {like:?}"));
        };
        let mut whole = self.inherit(base, tables, depth + 1)?;
        // The signs belong to the other preset.
        for sign in ["banner", "keys"] {
            whole.remove(sign);
        }
        whole.extend(table.clone());
        Ok(whole)
    }

    /// Returns the preset with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Feed>> {
        self.0.iter().find(|feed| feed.first().name == name)
    }

    /// Returns the tables of a preset of the program, in TOML.
    pub fn built_in(name: &str) -> Option<String> {
        let file: File = toml::from_str(BUILT_IN).ok()?;
        let is_wanted = |table: &&Table| table.get("name").and_then(Toml::as_str) == Some(name);
        let tables: Vec<Toml> =
            file.presets.iter().filter(is_wanted).cloned().map(Toml::Table).collect();
        let text = Table::from_iter([("presets".to_owned(), Toml::Array(tables.clone()))]);
        (!tables.is_empty()).then(|| text.to_string())
    }

    /// Returns all presets, sorted by name.
    pub fn all(&self) -> Vec<&Arc<Feed>> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by(|a, b| a.first().name.cmp(&b.first().name));
        all
    }

    /// Recognises a preset by signs in the first bytes of an input.
    pub(crate) fn recognise(&self, start: &[u8], is_json: bool) -> Option<&Preset> {
        let text = String::from_utf8_lossy(&start[..start.len().min(SEARCHED_BYTES)]);
        let has_sign = |form: &&Preset| {
            let has_key = |key: &String| text.contains(&format!("\"{key}\""));
            form.format.is_json() == is_json
                && (form.banner.iter().any(|sign| text.contains(sign))
                    || !form.keys.is_empty() && form.keys.iter().all(has_key))
        };
        self.0.iter().flat_map(|feed| &feed.forms).find(has_sign)
    }
}

impl Preset {
    /// Returns whether a text between tags of HTML may be the list: the tags are comments or
    /// separators, or only some lines count.
    pub(crate) fn may_be_page(&self) -> bool {
        let is_tag = |start: &String| start.starts_with('<');
        let mut tags = self.comment.iter().flatten().chain(&self.separator);
        !self.only.is_empty() || tags.any(is_tag)
    }

    fn check(&self) -> Result<(), String> {
        // Records of JSON may be values themselves.
        let needs_columns = self.format == Format::Csv;
        if needs_columns && self.indicators.is_empty() && self.no_indicators.is_none() {
            return Err(format!(
                "expected `indicators` with the columns of values for the format {}, got none",
                self.format.name()
            ));
        }
        if self.delimiter.as_deref() == Some("") || self.separator.as_deref() == Some("") {
            return Err("expected a delimiter or separator of at least one character".to_owned());
        }
        if let Some(quote) = &self.quote
            && quote.len() > 1
        {
            return Err(format!("expected one character, or none, as `quote`, got {quote:?}"));
        }
        let confidences = match &self.confidence {
            None => return Ok(()),
            Some(Confidence::Whole(whole)) => vec![*whole],
            Some(Confidence::Column(column)) => {
                if column.scale.is_some_and(|[least, most]| least >= most) {
                    return Err("expected a scale from a lower to a higher number".to_owned());
                }
                column.map.values().copied().collect()
            }
        };
        match confidences.iter().find(|confidence| **confidence > 100) {
            Some(wrong) => Err(format!("expected a confidence of 0 to 100, got {wrong}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
