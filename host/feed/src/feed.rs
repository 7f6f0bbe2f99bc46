//! Reads one input of any format. Its content decides the format, unless the caller does.

use std::collections::BTreeMap;
use std::io::{BufRead, Cursor, Read};
use std::sync::Arc;

use threatsieve_blacklist::{Indicator, UrlMode, Value};

use crate::preset::{self, Format, Preset, PresetRole, Presets};
use crate::sniff::{Sniffed, sniff};
use crate::{
    BundleReport, FeedError, ListForm, ListOptions, PackageOptions, PackageSink, RejectedLine,
    StixSet, foreign, read_list,
};

/// The number of bytes that decide the format: 4 KiB.
const SNIFFED_BYTES: u64 = 4096;

/// A format of feeds, with the names of the command line and the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedFormat {
    /// STIX 2.0 and 2.1: bundles, TAXII envelopes, objects.
    Stix,
    /// STIX 1.0 to 1.2: packages in XML.
    Stix1,
    /// A list in one of its forms.
    List(ListForm),
    /// One of the forms of a preset, by the content.
    Preset(Arc<preset::Feed>),
}

/// The names of readers that have no columns.
const READERS: [(&str, Format); 7] = [
    ("freetext", Format::Freetext),
    ("adblock", Format::Adblock),
    ("dnsmasq", Format::Dnsmasq),
    ("unbound", Format::Unbound),
    ("rpz", Format::Rpz),
    ("rules", Format::Rules),
    ("pix", Format::Pix),
];

impl FeedFormat {
    /// The names of readers that [`FeedFormat::from_name`] accepts.
    pub const NAMES: [&str; 13] = [
        "lines", "hosts", "csv", "json", "freetext", "adblock", "dnsmasq", "unbound", "rpz",
        "rules", "pix", "stix", "stix1",
    ];

    /// Returns the format with this name: a reader or a preset. `csv:NAME` and `json:NAME` also
    /// name the column of values.
    pub fn from_name(name: &str, presets: &Presets) -> Option<FeedFormat> {
        let (reader, column) = match name.split_once(':') {
            Some((reader, column)) if !column.is_empty() => (reader, Some(column.to_owned())),
            Some(_) => return None,
            None => (name, None),
        };
        Some(FeedFormat::List(match (reader, &column) {
            ("csv", _) => ListForm::Csv(column),
            ("json", _) => ListForm::Json(column),
            ("lines", None) => ListForm::Lines,
            ("hosts", None) => ListForm::Hosts,
            ("stix", None) => return Some(FeedFormat::Stix),
            ("stix1", None) => return Some(FeedFormat::Stix1),
            _ => match presets.get(name) {
                Some(feed) => return Some(FeedFormat::Preset(Arc::clone(feed))),
                None => grammar(READERS.iter().find(|(known, _)| *known == name)?.1),
            },
        }))
    }

    /// Returns the preset, if the format is one.
    pub fn preset(&self) -> Option<&preset::Feed> {
        match self {
            FeedFormat::Preset(feed) => Some(feed),
            _ => None,
        }
    }

    /// Returns whether servers may send this format as a page for people.
    pub fn may_be_page(&self) -> bool {
        self.preset().is_some_and(|feed| feed.forms.iter().any(Preset::may_be_page))
    }
}

/// The form of a reader without columns.
fn grammar(format: Format) -> ListForm {
    ListForm::Declared(Arc::new(Preset { format, ..Preset::default() }))
}

/// Options for reading a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedOptions {
    /// The format; `None` if the content decides.
    pub format: Option<FeedFormat>,
    /// The paths that listed URLs cover.
    pub url_mode: Option<UrlMode>,
    /// A value with a port matches only events with that port.
    pub match_port: bool,
    /// Presets that the content may show.
    pub presets: Presets,
    /// The input is UTF-8, whatever encoding an XML declaration in it names.
    pub is_utf8: bool,
}

/// The counts of one input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedReport {
    /// The name of the format; empty before anything was read.
    pub format: &'static str,
    /// The name of the preset; empty without one.
    pub preset: String,
    /// The number of lines, records or STIX objects.
    pub read: u64,
    /// The number of indicators in the input.
    pub taken: u64,
    /// The number of lines, records or objects that were rejected.
    pub rejected: u64,
    /// The number of records that are not meant as indicators, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// The input says that it may be empty.
    pub may_be_empty: bool,
    /// Values that the list says are good, although a rule of it covers them. They count as
    /// skipped.
    pub exceptions: Vec<Value>,
    /// Presets that fit the input better.
    pub suggested: Vec<String>,
}

impl FeedReport {
    /// Returns the reason to doubt that the input is the expected feed: it has no indicator, or
    /// too much of it was rejected: more than half, or more than the user allows. `may_be_empty` is
    /// true if the user has declared that the feed may be empty.
    pub fn doubt(&self, may_be_empty: bool, max_bad: Option<f64>) -> Option<String> {
        let FeedReport { taken, rejected, .. } = *self;
        let skipped: u64 = self.skipped.values().sum();
        if taken == 0 && rejected == 0 {
            let is_fine = may_be_empty || self.may_be_empty;
            let skipped = if skipped > 0 { format!(" ({skipped} skipped)") } else { String::new() };
            return (!is_fine).then(|| {
                format!(
                    "expected indicators, got none{skipped}; if the feed may be empty, set `may_be_empty`"
                )
            });
        }
        let max_bad = max_bad.unwrap_or(0.5);
        (taken == 0 || self.rejected_share() > max_bad).then(|| {
            format!(
                "expected a list of indicators, got {taken} and {rejected} rejected lines{}",
                suggestion(&self.suggested)
            )
        })
    }

    /// Returns the share of all lines, records or objects that was rejected.
    pub fn rejected_share(&self) -> f64 {
        let all = self.taken + self.rejected + self.skipped.values().sum::<u64>();
        if all == 0 { 0.0 } else { self.rejected as f64 / all as f64 }
    }

    /// Adds the counts of another input of the same feed.
    pub fn add(&mut self, other: &FeedReport) {
        if self.format.is_empty() {
            (self.format, self.may_be_empty) = (other.format, true);
            self.preset.clone_from(&other.preset);
        } else if self.format != other.format {
            self.format = "mixed";
        }
        self.read += other.read;
        self.taken += other.taken;
        self.rejected += other.rejected;
        for (reason, count) in &other.skipped {
            *self.skipped.entry(reason).or_default() += count;
        }
        self.may_be_empty &= other.may_be_empty;
        self.exceptions.extend_from_slice(&other.exceptions);
        self.suggested.extend_from_slice(&other.suggested);
    }
}

/// Reads one input to its end. Indicators of lists go to `each` with their value as listed. STIX
/// objects go to `stix`, under the caller's number, until all inputs are read. Packages of STIX 1.x
/// also go to `packages` as they are received.
///
/// # Errors
///
/// - The input is not a feed: a web page, another kind of XML or JSON ([`FeedError::Foreign`],
///   [`FeedError::NotPackage`], [`FeedError::NotStix`]).
/// - It is damaged, or reading fails.
/// - It does not say which of its columns contains the values ([`FeedError::Ambiguous`]).
pub fn read_feed(
    input: &mut dyn BufRead,
    options: &FeedOptions,
    number: u16,
    stix: &mut StixSet,
    each: &mut dyn FnMut(Indicator, &str),
    rejected: &mut dyn FnMut(RejectedLine),
    packages: Option<&mut dyn PackageSink>,
) -> Result<FeedReport, FeedError> {
    // One call may return only a few bytes, which are not enough to recognise a format.
    let mut start = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "limited by `take`")]
    let read = (&mut *input).take(SNIFFED_BYTES).read_to_end(&mut start);
    read.map_err(|source| FeedError::Read { offset: 0, source })?;
    let (format, preset) = choose(&start, options)?;
    let to = Receivers { number, stix, each, rejected, packages };
    if options.format.is_some() || preset.is_some() {
        return read_as(format, preset, start, input, options, to);
    }
    let first = start.clone();
    match read_as(format, preset, start, input, options, to) {
        Ok(mut report) if report.doubt(true, None).is_some() => {
            report.suggested = options.presets.suggest(&first);
            Ok(report)
        }
        Err(FeedError::Ambiguous { format, columns, .. }) => {
            let suggestion = suggestion(&options.presets.suggest(&first));
            Err(FeedError::Ambiguous { format, columns, suggestion })
        }
        Err(FeedError::NoValues { format, columns, .. }) => {
            let suggestion = suggestion(&options.presets.suggest(&first));
            Err(FeedError::NoValues { format, columns, suggestion })
        }
        read => read,
    }
}

/// Names presets that fit an input, for messages.
fn suggestion(presets: &[String]) -> String {
    match presets {
        [] => String::new(),
        presets => format!("; the columns are those of the preset {}", presets.join(" or ")),
    }
}

/// The receivers of what is read, as [`read_feed`] gets them.
struct Receivers<'r, 'p> {
    number: u16,
    stix: &'r mut StixSet,
    each: &'r mut dyn FnMut(Indicator, &str),
    rejected: &'r mut dyn FnMut(RejectedLine),
    packages: Option<&'p mut dyn PackageSink>,
}

/// Reads an input of a known format to its end.
fn read_as(
    format: FeedFormat,
    preset: Option<Preset>,
    start: Vec<u8>,
    input: &mut dyn BufRead,
    options: &FeedOptions,
    to: Receivers<'_, '_>,
) -> Result<FeedReport, FeedError> {
    let Receivers { number, stix, each, rejected, packages } = to;
    let name = preset.map(|preset| preset.name.clone()).unwrap_or_default();
    let mut input = Cursor::new(start).chain(input);
    let form = match format {
        FeedFormat::Stix => {
            let report = stix_report("stix", &stix.read(number, &mut input)?);
            return Ok(FeedReport { preset: name, ..report });
        }
        FeedFormat::Stix1 => {
            let packages =
                PackageOptions { is_utf8: options.is_utf8, sink: packages, ..Default::default() };
            let report = stix.read_packages(number, &mut input, packages)?;
            // Other packages may refer to what is in it.
            let may_be_empty = report.objects > report.rejected;
            return Ok(FeedReport { may_be_empty, preset: name, ..stix_report("stix1", &report) });
        }
        FeedFormat::List(form) => form,
        // [`choose`] has replaced it by one of its forms.
        FeedFormat::Preset(feed) => ListForm::Declared(Arc::new(feed.first().clone())),
    };
    let url_mode = options.url_mode.unwrap_or(UrlMode::Exact);
    let match_port = options.match_port;
    let options = ListOptions { form, url_mode, match_port, ..ListOptions::default() };
    let report = read_list(&mut input, &options, each, rejected)?;
    let format = match &options.form {
        ListForm::Auto if report.is_table => "csv",
        ListForm::Auto if 2 * report.hosts_lines > report.indicators => "hosts",
        ListForm::Auto | ListForm::Lines => "lines",
        ListForm::Hosts => "hosts",
        ListForm::Csv(_) => "csv",
        ListForm::Json(_) => "json",
        ListForm::Declared(preset) => preset.format.name(),
    };
    Ok(FeedReport {
        format,
        preset: name,
        read: report.lines,
        taken: report.indicators,
        rejected: report.rejected,
        skipped: report.skipped,
        may_be_empty: report.may_be_empty,
        exceptions: report.exceptions,
        suggested: Vec::new(),
    })
}

/// Chooses the format of an input by the caller's wish and its first bytes, and the form of the
/// preset if it is one.
fn choose(start: &[u8], options: &FeedOptions) -> Result<(FeedFormat, Option<Preset>), FeedError> {
    let sniffed = sniff(start);
    let is_json = matches!(sniffed, Sniffed::Json);
    let preset = match &options.format {
        Some(FeedFormat::Preset(feed)) => Some(feed.form(start, is_json)),
        Some(_) => None,
        None => options.presets.recognise(start, is_json),
    };
    if let Some(preset) = preset {
        if let Some(got) = &preset.no_indicators {
            return Err(FeedError::Foreign { got: got.clone().into() });
        }
        if preset.format == Format::MispFeed {
            let got = "a file of a MISP feed, which is read as a whole: `type = \"misp-feed\"`";
            return Err(FeedError::Foreign { got: got.into() });
        }
        // The good values of an allow-list must not become bad ones by themselves.
        if options.format.is_none() && preset.role == PresetRole::Allow {
            let got = format!(
                "{}, which is a list of good values; as an allow-list it is the format `{}`",
                preset.about, preset.name
            );
            return Err(FeedError::Foreign { got: got.into() });
        }
    }
    let wanted = preset.map(|preset| match preset.format {
        Format::Stix => FeedFormat::Stix,
        Format::Stix1 => FeedFormat::Stix1,
        _ => FeedFormat::List(ListForm::Declared(Arc::new(preset.clone()))),
    });
    let format = match (sniffed, wanted.as_ref().or(options.format.as_ref())) {
        (Sniffed::Package | Sniffed::Markup(foreign::XML), Some(FeedFormat::Stix1))
        | (Sniffed::Package, None) => FeedFormat::Stix1,
        // No other feed starts like this, whatever format the caller names.
        (Sniffed::Package, Some(_)) => {
            return Err(FeedError::Foreign { got: "STIX 1.x in XML: the format `stix1`".into() });
        }
        (Sniffed::Markup(_), Some(format))
            if preset.is_some_and(Preset::may_be_page) && !foreign::is_document(start) =>
        {
            format.clone()
        }
        (Sniffed::Markup(got), _) => return Err(FeedError::Foreign { got: got.into() }),
        (_, Some(format)) => format.clone(),
        (Sniffed::Json, None) => FeedFormat::Stix,
        (Sniffed::Grammar(format), None) => FeedFormat::List(grammar(format)),
        (Sniffed::List, None) => FeedFormat::List(ListForm::Auto),
    };
    Ok((format, preset.cloned()))
}

fn stix_report(format: &'static str, report: &BundleReport) -> FeedReport {
    FeedReport {
        format,
        read: report.objects,
        taken: report.indicators,
        rejected: report.rejected,
        ..FeedReport::default()
    }
}
