//! `[[logs]]` and `[history]`.

use std::time::Duration;

use threatsieve_blacklist::Timestamp;
use threatsieve_log::{Fields, Format, Template};
use toml::Spanned;
use toml::de::DeValue;

use super::feed::check_unique;
use super::kinds::{DURATION, Describe, FilePath, Kind, TEXT, one_of, or_problem};
use super::nested::{list, non_empty_list};
use super::reader::{Place, Reader};
use crate::sources::PathPattern;

/// Logs to follow.
#[derive(Debug, Clone)]
pub(crate) struct LogSource {
    pub(crate) name: String,
    /// Files, folders, or patterns of them (`/var/log/squid/access.log*`).
    pub(crate) paths: Vec<String>,
    /// `None`: detected from the first lines of each file.
    pub(crate) format: Option<Format>,
    pub(crate) fields: Fields,
}

fields! {
    /// Logs to follow.
    #[heading = "[[logs]]"]
    struct LogSettings<'a> {
        /// Name of the source; unique.
        #[setting(TEXT, required, example = "proxy")]
        name: String,

        /// Files, folders, or patterns of them. Rotated and compressed files are read too.
        #[setting(
            non_empty_list(LogPath, "paths"),
            required,
            example = ["/var/log/squid/access.log*"]
        )]
        paths: Vec<String>,

        /// Format of the lines. `auto` detects it from the first lines of each file.
        #[setting(LogFormat, default = "auto", example = "squid")]
        format: Option<Format>,

        /// Format string of the lines, as nginx's `log_format` or Apache's `LogFormat` has it.
        /// Excludes `format` and `fields`.
        #[setting(FormatString, optional, example = "$remote_addr $time_iso8601 $request_uri")]
        format_string: Option<Template>,

        /// Names of the only fields to look at in NDJSON or Zeek logs. Without it, all fields that
        /// are known to hold observables.
        #[setting(list(TEXT, "strings"), optional, example = ["dns.query"])]
        fields: Option<Vec<String>>,
    }
}

/// A path or a pattern of paths.
#[derive(Debug)]
struct LogPath;

impl Describe for LogPath {
    fn name(&self) -> String {
        FilePath.name()
    }
}

impl Kind<'_> for LogPath {
    type Value = String;

    fn read(&self, place: &Place<'_>, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let path = FilePath.read(place, value)?;
        let Some(text) = path.to_str() else {
            place.problem(format!("expected UTF-8, got {}", path.display()));
            return None;
        };
        if let Err(error) = PathPattern::new(text) {
            place.problem(format!("expected a path or a pattern, got {text:?}: {error}"));
            return None;
        }
        Some(text.to_owned())
    }
}

/// The name of a log format; `auto` is `None`.
#[derive(Debug)]
struct LogFormat;

impl Describe for LogFormat {
    fn name(&self) -> String {
        one_of(std::iter::once("auto").chain(Format::names()))
    }

    fn expected(&self) -> String {
        self.name()
    }
}

impl Kind<'_> for LogFormat {
    type Value = Option<Format>;

    fn read(&self, place: &Place<'_>, value: &Spanned<DeValue<'_>>) -> Option<Option<Format>> {
        let format = match value.get_ref().as_str() {
            Some("auto") => Some(None),
            name => name
                .and_then(Format::from_name)
                .filter(|format| *format != Format::Custom)
                .map(Some),
        };
        or_problem(place, value, &self.expected(), format)
    }
}

/// A format string of nginx or Apache.
#[derive(Debug)]
struct FormatString;

impl Describe for FormatString {
    fn name(&self) -> String {
        "format string".to_owned()
    }
}

impl Kind<'_> for FormatString {
    type Value = Template;

    fn read(&self, place: &Place<'_>, value: &Spanned<DeValue<'_>>) -> Option<Template> {
        let text = TEXT.read(place, value)?;
        Template::new(&text).map_err(|error| place.problem(error.to_string())).ok()
    }
}

pub(super) fn logs(tables: &[Reader<'_>]) -> Option<Vec<LogSource>> {
    let settings: Vec<LogSettings<'_>> = tables.iter().map(LogSettings::read).collect();
    check_unique(settings.iter().map(|settings| &settings.name));
    settings.into_iter().map(log).collect()
}

fn log(settings: LogSettings<'_>) -> Option<LogSource> {
    let string = &settings.format_string.place;
    for other in [&settings.format.place, &settings.fields.place] {
        if string.is_given && other.is_given {
            string.problem(format!("expected either this or `{}`, got both", other.name()));
            return None;
        }
    }
    let fields = settings.fields.value?.map_or_else(Fields::default, Fields::named);
    let (format, fields) = match settings.format_string.value? {
        Some(template) => (Some(Format::Custom), fields.with_template(template)),
        None => (settings.format.value?, fields),
    };
    Some(LogSource { name: settings.name.value?, paths: settings.paths.value?, format, fields })
}

settings! {
    /// Range of the logs that are matched again for new indicators, and the time for it.
    #[heading = "[history]"]
    pub(crate) struct History {
        /// Older lines are not matched, neither at first nor again.
        #[setting(DURATION, default = "90d", example = "30d")]
        pub(crate) window: Duration,

        /// Longest time that one round matches old lines. The next round continues.
        #[setting(DURATION, default = "10m", example = "5m")]
        pub(crate) budget: Duration,
    }
}

impl History {
    /// The start of the window.
    pub(crate) fn oldest(&self, now: Timestamp) -> Timestamp {
        now.minus(self.window)
    }
}
