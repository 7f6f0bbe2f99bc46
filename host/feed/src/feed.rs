//! Reads one input of any format. Its content decides the format, unless the caller does.

use std::collections::BTreeMap;
use std::io::{BufRead, Cursor, Read};

use threatsieve_blacklist::{Indicator, UrlMode};

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
}

impl FeedFormat {
    /// The names that [`FeedFormat::from_name`] accepts.
    pub const NAMES: [&str; 6] = ["lines", "hosts", "csv", "json", "stix", "stix1"];

    /// Returns the format with this name. `csv:NAME` and `json:NAME` also name the column of
    /// values.
    pub fn from_name(name: &str) -> Option<FeedFormat> {
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
            _ => return None,
        }))
    }
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
    /// The input is UTF-8, whatever encoding an XML declaration in it names.
    pub is_utf8: bool,
}

/// The counts of one input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedReport {
    /// The name of the format; empty before anything was read.
    pub format: &'static str,
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
}

impl FeedReport {
    /// Returns the reason to doubt that the input is the expected feed: it has no indicator, or
    /// more than half of it was rejected. `may_be_empty` is true if the user has declared that the
    /// feed may be empty.
    pub fn doubt(&self, may_be_empty: bool) -> Option<String> {
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
        (taken == 0 || rejected > taken + skipped).then(|| {
            format!("expected a list of indicators, got {taken} and {rejected} rejected lines")
        })
    }

    /// Adds the counts of another input of the same feed.
    pub fn add(&mut self, other: &FeedReport) {
        if self.format.is_empty() {
            (self.format, self.may_be_empty) = (other.format, true);
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
    let format = match (sniff(&start), &options.format) {
        (Sniffed::Package | Sniffed::Markup(foreign::XML), Some(FeedFormat::Stix1))
        | (Sniffed::Package, None) => FeedFormat::Stix1,
        // No other feed starts like this, whatever format the caller names.
        (Sniffed::Package, Some(_)) => {
            return Err(FeedError::Foreign { got: "STIX 1.x in XML: the format `stix1`" });
        }
        (Sniffed::Markup(got), _) | (Sniffed::Foreign(got), None) => {
            return Err(FeedError::Foreign { got });
        }
        (_, Some(format)) => format.clone(),
        (Sniffed::Json, None) => FeedFormat::Stix,
        (Sniffed::List, None) => FeedFormat::List(ListForm::Auto),
    };
    let mut input = Cursor::new(start).chain(input);
    let form = match format {
        FeedFormat::Stix => return Ok(stix_report("stix", &stix.read(number, &mut input)?)),
        FeedFormat::Stix1 => {
            let packages =
                PackageOptions { is_utf8: options.is_utf8, sink: packages, ..Default::default() };
            let report = stix.read_packages(number, &mut input, packages)?;
            // Other packages may refer to what is in it.
            let may_be_empty = report.objects > report.rejected;
            return Ok(FeedReport { may_be_empty, ..stix_report("stix1", &report) });
        }
        FeedFormat::List(form) => form,
    };
    let url_mode = options.url_mode.unwrap_or(UrlMode::Exact);
    let match_port = options.match_port;
    let options = ListOptions { form, url_mode, match_port, ..ListOptions::default() };
    let report = read_list(&mut input, &options, each, rejected)?;
    let format = match options.form {
        ListForm::Auto if report.is_table => "csv",
        ListForm::Auto if 2 * report.hosts_lines > report.indicators => "hosts",
        ListForm::Auto | ListForm::Lines => "lines",
        ListForm::Hosts => "hosts",
        ListForm::Csv(_) => "csv",
        ListForm::Json(_) => "json",
    };
    Ok(FeedReport {
        format,
        read: report.lines,
        taken: report.indicators,
        rejected: report.rejected,
        skipped: report.skipped,
        may_be_empty: report.may_be_empty,
    })
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
