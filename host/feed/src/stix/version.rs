//! One version of an indicator. Its pattern is already reduced to values; only these are kept.

use threatsieve_blacklist::{Indicator, IndicatorId, Threat, Timestamp, Tlp, UrlMode, Value};

use super::marking::{Markings, SetId};
use super::object::{ObjectError, Raw, RawObject, Text, read, text, time, wrong};
use super::report::UnreducedReason;
use crate::pattern::{Grammar, Pattern, PatternError};
use crate::reduce::{Reduction, reduce};
use crate::text::cut;

/// The most types of an indicator that are kept, and the longest one in bytes.
const MAX_TYPES: usize = 32;
const MAX_TYPE_BYTES: usize = 128;

/// The types of an indicator.
pub(super) type Types = Box<[Box<str>]>;

/// A version of an indicator.
pub(super) struct Version {
    /// `None` is older than any time.
    pub(super) modified: Option<Timestamp>,
    pub(super) is_revoked: bool,
    /// The feed it was first read from.
    pub(super) feed: u16,
    /// Other feeds with the same version.
    pub(super) other_feeds: Box<[u16]>,
    pub(super) markings: SetId,
    /// The number of its list of types in the set.
    pub(super) types: u32,
    confidence: Option<u8>,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    name: Option<Box<str>>,
    pub(super) values: Box<[Value]>,
    /// The window of time for each value; empty if the pattern sets none.
    windows: Box<[Window]>,
    pub(super) unreduced: Box<[Part]>,
}

/// A part of a pattern that gave no values.
pub(super) struct Part {
    pub(super) text: Box<str>,
    pub(super) reason: UnreducedReason,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Window {
    start: Option<Timestamp>,
    stop: Option<Timestamp>,
}

impl Version {
    /// Reads an indicator. Returns its types separately, because many indicators have the same
    /// ones.
    pub(super) fn read(
        object: &RawObject<'_>,
        feed: u16,
        modified: Option<Timestamp>,
        markings: &mut Markings,
        url_mode: UrlMode,
    ) -> Result<(Version, Types), ObjectError> {
        // A revoked version needs no pattern and often has none. No other fault in it may keep an
        // older version in force.
        if is_revoked(object)? {
            return Ok((Version::bare(true, feed, modified, markings.none()), Types::default()));
        }
        let mut version = Version {
            confidence: confidence(object)?,
            valid_from: bound(object.valid_from, "valid_from")?,
            valid_until: bound(object.valid_until, "valid_until")?,
            // A title of the wrong type is no reason to miss a bad value.
            name: text(object.name, "name").ok().flatten().map(|name| cut(&name).into()),
            ..Version::bare(false, feed, modified, markings.set(object)?)
        };
        version.read_pattern(object, url_mode)?;
        Ok((version, types(object)))
    }

    fn bare(is_revoked: bool, feed: u16, modified: Option<Timestamp>, markings: SetId) -> Version {
        Version {
            modified,
            is_revoked,
            feed,
            other_feeds: Box::default(),
            markings,
            types: 0,
            confidence: None,
            valid_from: None,
            valid_until: None,
            name: None,
            values: Box::default(),
            windows: Box::default(),
            unreduced: Box::default(),
        }
    }

    fn read_pattern(
        &mut self,
        object: &RawObject<'_>,
        url_mode: UrlMode,
    ) -> Result<(), ObjectError> {
        let Some(text) = text(object.pattern, "pattern")? else {
            return Err(wrong("pattern", "a string", "nothing"));
        };
        let language = self::text(object.pattern_type, "pattern_type")?;
        if let Some(language) = language.filter(|language| !language.eq_ignore_ascii_case("stix")) {
            self.set_aside(&text, UnreducedReason::Language(cut(&language)));
            return Ok(());
        }
        match parse(&text, object) {
            Ok(pattern) => self.reduce(&pattern, url_mode),
            Err(error) => self.set_aside(&text, error.into()),
        }
        Ok(())
    }

    /// Drops all values, for this reason.
    pub(super) fn drop_values(&mut self, object: &RawObject<'_>, reason: UnreducedReason) {
        if !self.is_revoked {
            (self.values, self.windows) = Default::default();
            let pattern = text(object.pattern, "pattern").ok().flatten().unwrap_or_default();
            self.set_aside(&pattern, reason);
        }
    }

    fn set_aside(&mut self, pattern: &str, reason: UnreducedReason) {
        self.unreduced = Box::new([Part { text: cut(pattern).into(), reason }]);
    }

    fn reduce(&mut self, pattern: &Pattern, url_mode: UrlMode) {
        let Reduction { values, unreduced } = reduce(pattern);
        if values.iter().any(|one| one.start.is_some() || one.stop.is_some()) {
            self.windows =
                values.iter().map(|one| Window { start: one.start, stop: one.stop }).collect();
        }
        self.values = values.into_iter().map(|one| with_mode(one.value, url_mode)).collect();
        let part = |part: crate::reduce::Part| Part {
            text: cut(&part.text).into(),
            reason: UnreducedReason::Part(part.reason),
        };
        self.unreduced = unreduced.into_iter().map(part).collect();
    }

    /// Records that another feed has this version too.
    pub(super) fn vouch(&mut self, feed: u16) {
        if feed != self.feed && !self.other_feeds.contains(&feed) {
            self.other_feeds = self.other_feeds.iter().copied().chain([feed]).collect();
        }
    }

    /// Revokes it.
    pub(super) fn revoke(&mut self) {
        self.is_revoked = true;
        (self.values, self.windows, self.unreduced) = Default::default();
    }

    /// Converts the version to indicators: one for the values of each window of time, in the order
    /// of the first value in it.
    pub(super) fn indicators(
        self,
        id: &str,
        tlp: Option<Tlp>,
        types: &[Box<str>],
        threats: &[Threat],
        each: &mut dyn FnMut(Indicator),
    ) {
        let indicator = |values: Vec<Value>, window: Window| Indicator {
            id: IndicatorId::Stix(id.to_owned()),
            confidence: self.confidence,
            tlp,
            // The stricter of the limits of the indicator and of its pattern.
            valid_from: self.valid_from.max(window.start),
            valid_until: [self.valid_until, window.stop].into_iter().flatten().min(),
            modified: self.modified,
            name: self.name.as_deref().map(str::to_owned),
            types: types.iter().map(|one| String::from(&**one)).collect(),
            threats: threats.to_vec(),
            port: None,
            values,
        };
        if self.values.is_empty() {
            return;
        }
        if self.windows.is_empty() {
            return each(indicator(self.values.into_vec(), Window { start: None, stop: None }));
        }
        let mut groups: indexmap::IndexMap<_, Vec<Value>> = indexmap::IndexMap::new();
        for (value, window) in self.values.into_iter().zip(&self.windows) {
            groups.entry((window.start, window.stop)).or_default().push(value);
        }
        for ((start, stop), values) in groups {
            each(indicator(values, Window { start, stop }));
        }
    }
}

/// Returns whether an object is revoked.
pub(super) fn is_revoked(object: &RawObject<'_>) -> Result<bool, ObjectError> {
    Ok(read(object.revoked, "revoked", "true or false")?.unwrap_or(false))
}

/// Applies the feed's URL mode. A URL with a query always matches as a whole.
fn with_mode(value: Value, wanted: UrlMode) -> Value {
    match value {
        Value::Url { key, shown, .. } if !key.contains('?') => {
            Value::Url { key, shown, mode: wanted }
        }
        Value::All(parts) => Value::All(parts.map(|value| with_mode(value.clone(), wanted))),
        value => value,
    }
}

/// Parses a pattern. Objects of STIX 2.0 have no `spec_version`, but an object of 2.1 may lack it
/// too.
fn parse(text: &str, object: &RawObject<'_>) -> Result<Pattern, PatternError> {
    Pattern::parse(text, Grammar::V21).or_else(|error| match object.spec_version {
        None => Pattern::parse(text, Grammar::V20).map_err(|_| error),
        Some(_) => Err(error),
    })
}

/// Reads a confidence. Programs that only know floats write `75.0`, which is the same number in
/// JSON.
fn confidence(object: &RawObject<'_>) -> Result<Option<u8>, ObjectError> {
    const EXPECTED: &str = "a whole number from 0 to 100";
    let Some(raw) = object.confidence else { return Ok(None) };
    match read::<f64>(Some(raw), "confidence", EXPECTED)? {
        Some(number) if number.fract() == 0.0 && (0.0..=100.0).contains(&number) => {
            Ok(Some(number as u8))
        }
        _ => Err(wrong("confidence", EXPECTED, raw.get())),
    }
}

/// Reads a bound of the validity. An empty text counts as absent.
fn bound(raw: Raw<'_>, property: &'static str) -> Result<Option<Timestamp>, ObjectError> {
    time(raw.filter(|raw| raw.get() != r#""""#), property)
}

/// Reads STIX 2.1's `indicator_types`, or 2.0's `labels`. In 2.1 labels may be anything.
fn types(object: &RawObject<'_>) -> Types {
    let labels = object.labels.filter(|_| object.spec_version.is_none());
    let types: Vec<Text<'_>> = object
        .indicator_types
        .or(labels)
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default();
    let fits = |one: &Text<'_>| one.0.len() <= MAX_TYPE_BYTES;
    types.into_iter().filter(fits).take(MAX_TYPES).map(|one| one.0.into()).collect()
}
