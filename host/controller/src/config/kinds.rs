//! The kinds of single values. Each knows its name in the reference, its range, and what a message
//! expects.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use lettre::Address;
use threatsieve_blacklist::Tlp;
use toml::Spanned;
use toml::de::DeValue;
use url::Url;

use super::definition::Table;
use super::reader::Place;
use super::shown::{described, kind_of};

/// Longest duration: ten years.
const MAX_DURATION: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// The description of a kind.
pub(crate) trait Describe: fmt::Debug {
    /// The name in the reference, with the range: `integer, 1 to 100`.
    fn name(&self) -> String;

    /// A noun phrase that completes "expected ...".
    fn expected(&self) -> String {
        format!("a {}", self.name())
    }

    /// Returns whether values are URLs, which may have keys in them.
    fn holds_urls(&self) -> bool {
        false
    }

    /// Returns whether values are URLs whose path may be a key: only the server is shown.
    fn holds_keys(&self) -> bool {
        false
    }

    /// The table that the value is, or that each item of it is.
    fn table(&self) -> Option<&'static Table> {
        None
    }
}

/// A kind of value, to read.
pub(super) trait Kind<'a>: Describe {
    type Value;

    /// Reads a value; returns `None` after noting a problem.
    fn read(&self, place: &Place<'a>, value: &Spanned<DeValue<'a>>) -> Option<Self::Value>;
}

/// A kind that needs nothing but the value itself.
pub(super) struct Plain<T> {
    pub(super) name: &'static str,
    pub(super) expected: &'static str,
    pub(super) parse: fn(&DeValue<'_>) -> Option<T>,
}

impl<T> fmt::Debug for Plain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl<T> Describe for Plain<T> {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn expected(&self) -> String {
        self.expected.to_owned()
    }
}

impl<T> Kind<'_> for Plain<T> {
    type Value = T;

    fn read(&self, place: &Place<'_>, value: &Spanned<DeValue<'_>>) -> Option<T> {
        or_problem(place, value, self.expected, (self.parse)(value.get_ref()))
    }
}

/// Passes a parsed value on, or notes that the value is not the expected one.
pub(super) fn or_problem<T>(
    place: &Place<'_>,
    value: &Spanned<DeValue<'_>>,
    expected: &str,
    parsed: Option<T>,
) -> Option<T> {
    if parsed.is_none() {
        place.problem(format!("expected {expected}, got {}", described(value.get_ref())));
    }
    parsed
}

pub(super) fn non_empty<'v>(value: &'v DeValue<'_>) -> Option<&'v str> {
    value.as_str().filter(|text| !text.is_empty())
}

pub(super) const TEXT: Plain<String> = Plain {
    name: "string",
    expected: "a string that is not empty",
    parse: |value| non_empty(value).map(str::to_owned),
};

pub(super) const TEXT_OR_EMPTY: Plain<String> = Plain {
    name: "string",
    expected: "a string",
    parse: |value| value.as_str().map(str::to_owned),
};

pub(super) const BOOLEAN: Plain<bool> =
    Plain { name: "boolean", expected: "true or false", parse: |value| value.as_bool() };

pub(super) const SHARE: Plain<f64> = Plain {
    name: "share, 0 to 1",
    expected: "a share from 0 to 1 (0.5)",
    parse: |value| {
        let float = value.as_float().map(|float| float.as_str());
        let text = float.or(value.as_integer().map(|integer| integer.as_str()))?;
        text.parse().ok().filter(|share| (0.0..=1.0).contains(share))
    },
};

pub(super) const DURATION: Plain<Duration> = Plain {
    name: "duration",
    expected: "a duration of more than 0 and at most ten years \
               (\"90s\", \"15m\", \"1h 30m\", \"90d\")",
    parse: |value| {
        let duration = humantime::parse_duration(value.as_str()?).ok()?;
        (!duration.is_zero() && duration <= MAX_DURATION).then_some(duration)
    },
};

/// A number of bytes.
pub(super) const SIZE: Plain<u64> = Plain {
    name: "size",
    expected: "a size of more than 0 (\"200MB\", \"1GiB\")",
    parse: |value| {
        let size: bytesize::ByteSize = value.as_str()?.parse().ok()?;
        Some(size.as_u64()).filter(|bytes| *bytes > 0)
    },
};

pub(super) const MAIL_ADDRESS: Plain<String> = Plain {
    name: "mail address",
    expected: "a mail address",
    parse: |value| {
        let text = value.as_str()?;
        text.parse::<Address>().ok().map(|_| text.to_owned())
    },
};

/// A TLP level, also as `TLP:AMBER`.
#[derive(Debug)]
pub(super) struct TlpLevel;

impl Describe for TlpLevel {
    fn name(&self) -> String {
        "TLP level".to_owned()
    }

    fn expected(&self) -> String {
        format!("one of {}", Tlp::ALL.map(Tlp::name).join(", "))
    }
}

impl Kind<'_> for TlpLevel {
    type Value = Tlp;

    fn read(&self, place: &Place<'_>, value: &Spanned<DeValue<'_>>) -> Option<Tlp> {
        let name = value.get_ref().as_str();
        let level = name.map(|name| name.strip_prefix("TLP:").unwrap_or(name));
        or_problem(place, value, &self.expected(), level.and_then(Tlp::from_name))
    }
}

/// An integer in a range.
#[derive(Debug)]
pub(super) struct Integer<T> {
    least: u32,
    most: u32,
    /// The things counted, for the reference; empty for a bare number.
    unit: &'static str,
    number: PhantomData<T>,
}

pub(super) const fn integer<T>(least: u32, most: u32, unit: &'static str) -> Integer<T> {
    Integer { least, most, unit, number: PhantomData }
}

impl<T: fmt::Debug> Describe for Integer<T> {
    fn name(&self) -> String {
        let Integer { least, most, unit, .. } = self;
        format!("integer, {least} to {most} {unit}").trim_end().to_owned()
    }

    fn expected(&self) -> String {
        format!("an integer from {} to {}", self.least, self.most)
    }
}

impl<T: TryFrom<u32> + fmt::Debug> Kind<'_> for Integer<T> {
    type Value = T;

    fn read(&self, place: &Place<'_>, value: &Spanned<DeValue<'_>>) -> Option<T> {
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|number| u32::from_str_radix(number.as_str(), number.radix()).ok())
            .filter(|number| (self.least..=self.most).contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        or_problem(place, value, &self.expected(), number)
    }
}

/// One of some words, each with its value.
#[derive(Debug)]
pub(super) struct Words<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: fmt::Debug> Describe for Words<T> {
    fn name(&self) -> String {
        one_of(self.0.iter().map(|(word, _)| *word))
    }

    fn expected(&self) -> String {
        self.name()
    }
}

impl<T: fmt::Debug + Copy> Kind<'_> for Words<T> {
    type Value = T;

    fn read(&self, place: &Place<'_>, value: &Spanned<DeValue<'_>>) -> Option<T> {
        let given = value.get_ref().as_str();
        let found = self.0.iter().find(|(word, _)| given == Some(word));
        or_problem(place, value, &self.expected(), found.map(|(_, value)| *value))
    }
}

/// `"a", "b" or "c"`.
pub(super) fn one_of(words: impl Iterator<Item = &'static str>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.join(""),
    }
}

/// A path, relative to the configuration's folder.
#[derive(Debug)]
pub(super) struct FilePath;

impl Describe for FilePath {
    fn name(&self) -> String {
        "path".to_owned()
    }
}

impl Kind<'_> for FilePath {
    type Value = PathBuf;

    fn read(&self, place: &Place<'_>, value: &Spanned<DeValue<'_>>) -> Option<PathBuf> {
        let path = non_empty(value.get_ref()).filter(|path| !path.contains('\0'));
        let path = path.map(|path| place.file.folder.join(path));
        or_problem(place, value, &self.expected(), path)
    }
}

/// An `http` or `https` URL without credentials.
#[derive(Debug)]
pub(super) struct HttpUrl;

impl Describe for HttpUrl {
    fn name(&self) -> String {
        "URL".to_owned()
    }

    fn expected(&self) -> String {
        "an http or https URL".to_owned()
    }

    fn holds_urls(&self) -> bool {
        true
    }
}

impl Kind<'_> for HttpUrl {
    type Value = Url;

    fn read(&self, place: &Place<'_>, value: &Spanned<DeValue<'_>>) -> Option<Url> {
        let value = value.get_ref();
        let url = value.as_str().and_then(|text| Url::parse(text).ok());
        let is_http = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let Some(url) = url.filter(is_http) else {
            // The text is not repeated: it may hold credentials all the same.
            place.hidden_problem(format!("expected {}, got {}", self.expected(), kind_of(value)));
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            place.hidden_problem(
                "expected a URL without credentials, got one with them; \
                 use `user` and `password`",
            );
            return None;
        }
        Some(url)
    }
}
