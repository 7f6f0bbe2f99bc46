//! One input of any format: told by its content, or as somebody named it.

use std::collections::BTreeMap;
use std::io::{BufRead, Cursor, Read};

use threatsieve_blacklist::{Indicator, UrlMode};

use crate::sniff::{Sniffed, sniff};
use crate::{FeedError, ListForm, ListOptions, RejectedLine, StixSet, read_list};

/// Bytes that a format is told by: 4 KiB.
const SNIFFED_BYTES: u64 = 4096;

/// A reader of feeds, named as on the command line and in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedFormat {
    /// STIX 2.0 and 2.1: bundles, TAXII envelopes, objects.
    Stix,
    /// A list of some form.
    List(ListForm),
}

impl FeedFormat {
    /// The names that [`FeedFormat::from_name`] takes.
    pub const NAMES: [&str; 5] = ["lines", "hosts", "csv", "json", "stix"];

    /// The reader of that name. `csv:NAME` and `json:NAME` name the column of values too.
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
            _ => return None,
        }))
    }
}

/// How a feed is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedOptions {
    /// The reader; `None` to tell it by the content.
    pub format: Option<FeedFormat>,
    /// Which paths listed URLs cover.
    pub url_mode: Option<UrlMode>,
    /// Values that are listed with a port match only events with that port.
    pub match_port: bool,
}

/// The counts of one input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedReport {
    /// The reader's name; empty before anything was read.
    pub format: &'static str,
    /// Lines, records or STIX objects.
    pub read: u64,
    /// Indicators that it has.
    pub taken: u64,
    /// Lines, records or objects that were rejected.
    pub rejected: u64,
    /// Records that are not meant as indicators, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// The input says that it may be empty.
    pub may_be_empty: bool,
}

impl FeedReport {
    /// The reason why an input is hardly the feed that it should be: it has no indicator, or more than
    /// half of it was rejected. `may_be_empty` is what is known of the feed beforehand.
    pub fn doubt(&self, may_be_empty: bool) -> Option<String> {
        let FeedReport { taken, rejected, .. } = *self;
        let skipped: u64 = self.skipped.values().sum();
        if taken == 0 && rejected == 0 {
            let is_fine = may_be_empty || self.may_be_empty;
            let skipped = if skipped > 0 { format!(" ({skipped} skipped)") } else { String::new() };
            return (!is_fine).then(|| {
                format!("expected indicators, got none{skipped}; `may_be_empty` says that there need be none")
            });
        }
        (taken == 0 || rejected > taken + skipped).then(|| {
            format!("expected a list of indicators, got {rejected} lines that are none and {taken} that are")
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

/// Reads one input to its end. Indicators of lists go to `each` with their value as listed; STIX
/// objects go to `stix`, under the caller's number, until all inputs are read.
///
/// # Errors
///
/// When the input is no feed: a page for people, XML, JSON of another kind ([`FeedError::Foreign`],
/// [`FeedError::NotStix`]); when it is damaged or fails; and when it does not say which of its columns
/// holds the values ([`FeedError::Ambiguous`]).
pub fn read_feed(
    input: &mut dyn BufRead,
    options: &FeedOptions,
    number: u16,
    stix: &mut StixSet,
    each: &mut dyn FnMut(Indicator, &str),
    rejected: &mut dyn FnMut(RejectedLine),
) -> Result<FeedReport, FeedError> {
    // A reader may hand over a few bytes at first, which tell nothing.
    let mut start = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "limited by `take`")]
    let read = (&mut *input).take(SNIFFED_BYTES).read_to_end(&mut start);
    read.map_err(|source| FeedError::Read { offset: 0, source })?;
    let format = match (sniff(&start), &options.format) {
        // No form of list starts so, whatever anybody says.
        (Sniffed::Markup(got), _) | (Sniffed::Foreign(got), None) => return Err(FeedError::Foreign { got }),
        (_, Some(format)) => format.clone(),
        (Sniffed::Json, None) => FeedFormat::Stix,
        (Sniffed::List, None) => FeedFormat::List(ListForm::Auto),
    };
    let mut input = Cursor::new(start).chain(input);
    let form = match format {
        FeedFormat::Stix => {
            let report = stix.read(number, &mut input)?;
            return Ok(FeedReport {
                format: "stix",
                read: report.objects,
                taken: report.indicators,
                rejected: report.refused,
                ..FeedReport::default()
            });
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
