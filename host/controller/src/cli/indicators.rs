//! Where indicators come from, and which of them count: shared by all verbs that match.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use threatsieve_blacklist::{Policy, Timestamp, Tlp, UrlMode};
use threatsieve_feed::FeedFormat;

use super::values::{At, TlpParser};
use crate::matching::Times;

/// Indicators to compile.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Indicators")]
pub(crate) struct FeedArgs {
    /// A list, one value a line: domains, addresses, networks, URLs, digests, email addresses; hosts-file form and CSV
    /// with a header too. A folder stands for all files in it, `-` for standard input; gzip and zstd are unpacked
    #[arg(long, value_name = "FILE")]
    pub(crate) list: Vec<PathBuf>,
    /// A feed in STIX 2.0 or 2.1 (a bundle or a TAXII envelope), or a list; as for --list
    #[arg(long, value_name = "FILE")]
    pub(crate) feed: Vec<PathBuf>,
    /// A list of what must not match: suppresses entries of equal or lesser specificity
    #[arg(long, value_name = "FILE")]
    pub(crate) allow: Vec<PathBuf>,
    /// How lists and feeds are read, if not by their content: lines, hosts, csv, json, stix; `csv:NAME` and
    /// `json:NAME` name the column of values
    #[arg(long, value_name = "NAME", value_parser = feed_format)]
    pub(crate) list_format: Option<FeedFormat>,
    /// Take lists and feeds without an indicator for good ones
    #[arg(long)]
    pub(crate) may_be_empty: bool,
    /// Match a value that is listed with a port only in events with that port
    #[arg(long)]
    pub(crate) match_port: bool,
    /// Which paths a listed URL covers: its own, or all below it too
    #[arg(long, value_name = "HOW", default_value = "exact")]
    pub(crate) url_match: UrlMatch,
    /// Take private, loopback and other special-purpose networks too
    #[arg(long)]
    pub(crate) accept_special: bool,
    /// Take networks wider than /8 (IPv4) or /19 (IPv6) too
    #[arg(long)]
    pub(crate) accept_broad: bool,
}

impl FeedArgs {
    /// Whether there is anything to match against.
    pub(crate) fn names_indicators(&self) -> bool {
        !self.list.is_empty() || !self.feed.is_empty()
    }

    /// All files named, in the order of their kinds.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.list.iter().chain(&self.feed).chain(&self.allow)
    }
}

/// A reader by its name.
pub(super) fn feed_format(name: &str) -> Result<FeedFormat, String> {
    FeedFormat::from_name(name).ok_or_else(|| {
        let names = FeedFormat::NAMES.join(", ");
        format!("expected one of {names}, or csv:COLUMN or json:COLUMN")
    })
}

/// `--url-match`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UrlMatch {
    Exact,
    Prefix,
}

impl From<UrlMatch> for UrlMode {
    fn from(mode: UrlMatch) -> UrlMode {
        match mode {
            UrlMatch::Exact => UrlMode::Exact,
            UrlMatch::Prefix => UrlMode::Prefix,
        }
    }
}

/// A blacklist that is compiled already.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Indicators")]
pub(crate) struct BlacklistArgs {
    /// A blacklist that `threatsieve build` wrote; with --list, --feed or --allow, all of them count together
    #[arg(long, value_name = "FILE")]
    pub(crate) blacklist: Option<PathBuf>,
    /// Take the blacklist only if it is signed by this key's owner (an Ed25519 public key in PEM)
    #[arg(long, value_name = "FILE", requires = "blacklist")]
    pub(crate) verify_key: Option<PathBuf>,
}

/// Which indicators count.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What counts")]
pub(crate) struct PolicyArgs {
    /// Count partial matches too: a URL listed with its query, in a log that leaves queries out; a word of
    /// free text that may be a file's name (`backup.zip`)
    #[arg(long)]
    pub(crate) partial: bool,
    /// Only what is listed itself: no hosts below a listed domain
    #[arg(long)]
    pub(crate) exact: bool,
    /// Only indicators of at least this confidence, 0 to 100
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) min_confidence: u8,
    /// Only indicators marked at most so: CLEAR, GREEN, AMBER, AMBER+STRICT, RED
    #[arg(long, value_name = "LEVEL", default_value = "RED", value_parser = TlpParser, hide_possible_values = true)]
    pub(crate) max_tlp: Tlp,
    /// Judge validity at this moment, not at the event's own time: RFC 3339, a date, or `now`
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<At>,
}

impl PolicyArgs {
    /// Which matches count.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            min_confidence: self.min_confidence,
            max_tlp: self.max_tlp,
            partial: self.partial,
            exact: self.exact,
        }
    }

    /// The moment asked for, or now: for what has no time of its own.
    pub(crate) fn at(&self) -> Timestamp {
        self.at.map_or_else(now, |at| at.0)
    }

    /// Which moments count.
    pub(crate) fn times(&self) -> Times {
        Times { at: self.at.map(|at| at.0), now: now(), oldest: None }
    }
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}
