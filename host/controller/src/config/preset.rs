//! `[[presets]]`, and the settings of feeds that have a preset.

use std::collections::BTreeMap;

use threatsieve_feed::FeedFormat;
use threatsieve_feed::preset::{Format, Preset, PresetRole, Presets};
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Value as Toml};
use url::{Url, form_urlencoded};

use super::kinds::{Describe, HttpUrl, Kind};
use super::nested::table_in;
use super::reader::{Field, Place};
use super::secret::{Secret, SecretPlace};
use super::shown::kind_of;
use crate::network::hide_key;

/// Presets of the program and of this file. They are written like the program's own, which
/// `threatsieve feeds presets NAME` shows.
#[derive(Debug)]
pub(super) struct PresetTables;

impl Describe for PresetTables {
    fn name(&self) -> String {
        "array of tables".to_owned()
    }

    fn expected(&self) -> String {
        "an array of tables ([[presets]])".to_owned()
    }
}

impl<'a> Kind<'a> for PresetTables {
    type Value = Presets;

    fn read(&self, place: &Place<'a>, value: &Spanned<DeValue<'a>>) -> Option<Presets> {
        presets_in(value.get_ref()).map_err(|error| place.problem(error)).ok()
    }
}

fn presets_in(value: &DeValue<'_>) -> Result<Presets, String> {
    let Toml::Array(items) = plain(value) else {
        return Err(format!("expected {}, got {}", PresetTables.expected(), kind_of(value)));
    };
    let tables: Option<Vec<toml::Table>> =
        items.into_iter().map(|item| item.as_table().cloned()).collect();
    let tables = tables.ok_or_else(|| format!("expected {}", PresetTables.expected()))?;
    Presets::default().with(&tables)
}

/// Converts a value of the parser to one without places.
fn plain(value: &DeValue<'_>) -> Toml {
    match value {
        DeValue::String(text) => Toml::String(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Toml::String(number.to_string()), Toml::Integer),
        DeValue::Float(number) => {
            number.as_str().parse().map_or_else(|_| Toml::String(number.to_string()), Toml::Float)
        }
        DeValue::Boolean(value) => Toml::Boolean(*value),
        DeValue::Datetime(moment) => Toml::Datetime(*moment),
        DeValue::Array(items) => {
            Toml::Array(items.iter().map(|item| plain(item.get_ref())).collect())
        }
        DeValue::Table(table) => {
            let pair = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                (key.to_string(), plain(value.get_ref()))
            };
            Toml::Table(table.iter().map(pair).collect())
        }
    }
}

/// Fills in what the presets of feeds say about their origin, unless the file says it.
pub(super) fn fill_in<'a>(top: &DeTable<'a>) -> DeTable<'a> {
    let mut top = top.clone();
    let presets = top.get("presets").map(|value| presets_in(value.get_ref()));
    // A wrong preset is reported when the setting is read.
    let presets = presets.and_then(Result::ok).unwrap_or_default();
    if let Some(feeds) = top.get_mut("feeds")
        && let DeValue::Array(feeds) = feeds.get_mut()
    {
        for feed in feeds.iter_mut() {
            if let DeValue::Table(feed) = feed.get_mut() {
                fill_in_feed(feed, &presets);
            }
        }
    }
    top
}

fn fill_in_feed(feed: &mut DeTable<'_>, presets: &Presets) {
    let Some(name) = feed.get("preset") else { return };
    let span = name.span();
    let known = name.get_ref().as_str().and_then(|name| presets.get(name));
    let Some(preset) = known.map(|known| known.first().clone()) else { return };
    let text = |text: &str| DeValue::String(text.to_owned().into());
    let is_local = feed.contains_key("path");
    let origin = match (preset.format, is_local) {
        (Format::MispFeed, _) => "misp-feed",
        (_, true) => "path",
        (_, false) => "url",
    };
    let mut facts = vec![("type", text(origin))];
    if preset.role == PresetRole::Allow {
        facts.push(("role", text("allow")));
    }
    if preset.may_be_empty {
        facts.push(("may_be_empty", DeValue::Boolean(true)));
    }
    let kind = feed.get("type").and_then(|kind| kind.get_ref().as_str()).unwrap_or(origin);
    if kind == "url" || kind == "misp-feed" && !is_local {
        facts.extend(preset.url.as_deref().map(|url| ("url", text(url))));
        facts.extend(preset.interval.as_deref().map(|interval| ("every", text(interval))));
    }
    for (key, value) in facts {
        if !feed.contains_key(key) {
            let value = Spanned::new(span.clone(), value);
            feed.insert(Spanned::new(span.clone(), key.into()), value);
        }
    }
}

/// Conditions of a record, as in a preset.
#[derive(Debug)]
pub(super) struct Conditions;

impl Describe for Conditions {
    fn name(&self) -> String {
        "list of conditions".to_owned()
    }
}

impl<'a> Kind<'a> for Conditions {
    type Value = Vec<Toml>;

    fn read(&self, place: &Place<'a>, value: &Spanned<DeValue<'a>>) -> Option<Vec<Toml>> {
        match plain(value.get_ref()) {
            Toml::Array(items) => Some(items),
            _ => {
                let got = kind_of(value.get_ref());
                place.problem(format!("expected a list of conditions, got {got}"));
                None
            }
        }
    }
}

/// The places of the keys that a URL names.
#[derive(Debug)]
pub(super) struct KeyPlaces;

impl Describe for KeyPlaces {
    fn name(&self) -> String {
        "table of secrets".to_owned()
    }
}

impl<'a> Kind<'a> for KeyPlaces {
    type Value = BTreeMap<String, Secret>;

    fn read(
        &self,
        place: &Place<'a>,
        value: &Spanned<DeValue<'a>>,
    ) -> Option<BTreeMap<String, Secret>> {
        let table = table_in(place, value)?;
        let read = |(name, value): (&Spanned<std::borrow::Cow<'a, str>>, _)| {
            let name = name.get_ref();
            let secret = SecretPlace.read(&place.key_within(name), value)?;
            Some((name.to_string(), secret))
        };
        table.iter().map(read).collect()
    }
}

/// A URL that may have keys in it: `${NAME}`.
#[derive(Debug)]
pub(super) struct KeyedUrl;

impl Describe for KeyedUrl {
    fn name(&self) -> String {
        "URL, with `${NAME}` for keys".to_owned()
    }

    fn expected(&self) -> String {
        HttpUrl.expected()
    }

    fn holds_urls(&self) -> bool {
        true
    }
}

impl<'a> Kind<'a> for KeyedUrl {
    type Value = String;

    fn read(&self, place: &Place<'a>, value: &Spanned<DeValue<'a>>) -> Option<String> {
        let Some(text) = value.get_ref().as_str() else {
            return HttpUrl.read(place, value).map(|url| url.to_string());
        };
        let names = match key_names(text) {
            Ok(names) => names,
            Err(error) => {
                place.hidden_problem(error);
                return None;
            }
        };
        let checked = replaced(text, &names, |_| Some("key".to_owned()))?;
        let checked = Spanned::new(value.span(), DeValue::String(checked.into()));
        HttpUrl.read(place, &checked)?;
        Some(text.to_owned())
    }
}

/// Returns the names between `${` and `}`.
fn key_names(text: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for part in text.split("${").skip(1) {
        let name = part.split_once('}').map(|(name, _)| name);
        let is_name = |name: &&str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        match name.filter(is_name) {
            Some(name) => names.push(name.to_owned()),
            None => {
                return Err("expected `${NAME}` for a key in a URL, got another form".to_owned());
            }
        }
    }
    Ok(names)
}

fn replaced(text: &str, names: &[String], key: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut text = text.to_owned();
    for name in names {
        text = text.replace(&format!("${{{name}}}"), &key(name)?);
    }
    Some(text)
}

/// Puts the keys into a URL. They come from `keys`, or from the environment.
pub(super) fn with_keys(
    url: Field<'_, String>,
    keys: Option<&BTreeMap<String, Secret>>,
) -> Option<Url> {
    let Field { place, value } = url;
    let text = value?;
    let names = key_names(&text).ok()?;
    let key = |name: &str| {
        let secret = match keys.and_then(|keys| keys.get(name)) {
            Some(secret) => Ok(secret.clone()),
            None => Secret::from_environment(name),
        };
        match secret {
            Ok(secret) => {
                let key: String =
                    form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect();
                hide_key(secret.expose());
                Some(key)
            }
            Err(error) => {
                place.hidden_problem(format!("{error} (a key of the URL; `keys` names files)"));
                None
            }
        }
    };
    Url::parse(&replaced(&text, &names, key)?).ok()
}

/// Returns the format that a preset is, with the user's own conditions.
pub(super) fn format(
    preset: Field<'_, Option<String>>,
    conditions: Field<'_, Option<Vec<Toml>>>,
    format: Field<'_, Option<FeedFormat>>,
    presets: &Presets,
) -> Option<Option<FeedFormat>> {
    let Some(name) = preset.value? else {
        if conditions.place.is_given {
            conditions.place.problem("expected together with `preset`, got it alone");
            return None;
        }
        return format.value;
    };
    let Some(feed) = presets.get(&name) else {
        preset.place.problem(unknown(&name, presets));
        return None;
    };
    let narrowed = match conditions.value? {
        None => Ok((**feed).clone()),
        Some(given) => feed.narrowed(&given),
    };
    match narrowed {
        Ok(feed) => Some(Some(FeedFormat::Preset(feed.into()))),
        Err(error) => {
            conditions.place.problem(error);
            None
        }
    }
}

/// Describes an unknown preset, with the nearest known one.
pub(crate) fn unknown(name: &str, presets: &Presets) -> String {
    let all = presets.all();
    let names = all.iter().map(|feed| feed.first().name.as_str());
    let nearest = names
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .filter(|(distance, known)| *distance <= 1 + known.len().min(name.len()) / 3)
        .min();
    let nearest = nearest.map_or_else(String::new, |(_, known)| format!("; did you mean {known}?"));
    let shown = crate::text::clipped(name.as_bytes(), 60);
    format!("expected a preset (`threatsieve feeds presets` lists them), got {shown}{nearest}")
}

/// The shortest interval that the publisher of a preset allows.
pub(super) fn fair_interval(preset: &Preset) -> Option<std::time::Duration> {
    humantime::parse_duration(preset.interval.as_deref()?).ok()
}
