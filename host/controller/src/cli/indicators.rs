//! The arguments that name indicators and say which of them count: shared by all commands that
//! match.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use threatsieve_blacklist::{Policy, Timestamp, Tlp, UrlMode};
use threatsieve_feed::FeedFormat;
use threatsieve_feed::preset::Presets;

use super::values::{At, TlpParser};
use crate::config::unknown_preset;
use crate::matching::Times;

/// Indicators to compile.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Indicators")]
pub(crate) struct FeedArgs {
    /// A list with one value per line: domains, addresses, networks, URLs, digests, email
    /// addresses; also a hosts file, or CSV with a header. For a folder, all files in it are read;
    /// `-` is standard input; gzip, zstd, bzip2, xz, and archives with one file (zip, tar) are
    /// unpacked
    #[arg(long, value_name = "FILE")]
    pub(crate) list: Vec<PathBuf>,
    /// A feed in STIX 1.0 to 2.1 or a TAXII envelope, or a list; read as for --list
    #[arg(long, value_name = "FILE")]
    pub(crate) feed: Vec<PathBuf>,
    /// An allow-list: its entries suppress matches by entries of equal or lesser specificity
    #[arg(long, value_name = "FILE")]
    pub(crate) allow: Vec<PathBuf>,
    /// A MISP warninglist, or a folder of them: values that it covers are left out
    #[arg(long, value_name = "FILE")]
    pub(crate) warninglist: Vec<PathBuf>,
    /// The format of lists and feeds, if not detected by content: a reader (lines, hosts, csv,
    /// json, adblock, rpz, stix, ...), or a preset (`threatsieve feeds presets`); `csv:NAME` and
    /// `json:NAME` name the column of values
    #[arg(long, value_name = "NAME", value_parser = feed_format)]
    pub(crate) list_format: Option<FeedFormat>,
    /// Accept lists and feeds without any indicator
    #[arg(long)]
    pub(crate) may_be_empty: bool,
    /// Match a value that is listed with a port only in events with that port
    #[arg(long)]
    pub(crate) match_port: bool,
    /// The paths that a listed URL covers: its own only, or everything below it too
    #[arg(long, value_name = "HOW", default_value = "exact")]
    pub(crate) url_match: UrlMatch,
    /// Accept private, loopback and other special-purpose networks
    #[arg(long)]
    pub(crate) accept_special: bool,
    /// Accept networks wider than /8 (IPv4) or /19 (IPv6)
    #[arg(long)]
    pub(crate) accept_broad: bool,
}

impl FeedArgs {
    /// Returns whether the arguments name any indicators to match.
    pub(crate) fn names_indicators(&self) -> bool {
        !self.list.is_empty() || !self.feed.is_empty()
    }

    /// All files named: lists, then feeds, then allow-lists.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.list.iter().chain(&self.feed).chain(&self.allow)
    }
}

/// Parses the name of a feed format.
pub(super) fn feed_format(name: &str) -> Result<FeedFormat, String> {
    let presets = Presets::default();
    FeedFormat::from_name(name, &presets).ok_or_else(|| {
        let names = FeedFormat::NAMES.join(", ");
        let preset = unknown_preset(name, &presets);
        format!("expected one of {names}, csv:COLUMN, json:COLUMN or a preset: {preset}")
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

/// A compiled blacklist.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Indicators")]
pub(crate) struct BlacklistArgs {
    /// A blacklist written by `threatsieve build`; --list, --feed and --allow add to it
    #[arg(long, value_name = "FILE")]
    pub(crate) blacklist: Option<PathBuf>,
    /// Accept the blacklist only if it is signed with this key (an Ed25519 public key in PEM)
    #[arg(long, value_name = "FILE", requires = "blacklist")]
    pub(crate) verify_key: Option<PathBuf>,
}

/// The policy: which indicators count.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What counts")]
pub(crate) struct PolicyArgs {
    /// Count partial matches too: a URL listed with its query, in a log that leaves queries out; a
    /// word of free text that may be a file's name (`backup.zip`)
    #[arg(long)]
    pub(crate) partial: bool,
    /// Match a listed domain without the hosts below it, unless it is listed as `*.x`
    #[arg(long)]
    pub(crate) exact: bool,
    /// Ignore indicators whose confidence is lower than this, 0 to 100
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        value_parser = clap::value_parser!(u8).range(0..=100)
    )]
    pub(crate) min_confidence: u8,
    /// Ignore indicators whose TLP is stricter than this: CLEAR, GREEN, AMBER, AMBER+STRICT, RED
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "RED",
        value_parser = TlpParser,
        hide_possible_values = true
    )]
    pub(crate) max_tlp: Tlp,
    /// Judge validity at this time instead of the event's own time: RFC 3339, a date, or `now`
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<At>,
}

impl PolicyArgs {
    /// The policy for matches.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            min_confidence: self.min_confidence,
            max_tlp: self.max_tlp,
            partial: self.partial,
            exact: self.exact,
        }
    }

    /// The time given by `--at`, or now. Used for values without a time of their own.
    pub(crate) fn at(&self) -> Timestamp {
        self.at.map_or_else(now, |at| at.0)
    }

    /// The times at which indicators must be valid.
    pub(crate) fn times(&self) -> Times {
        Times { at: self.at.map(|at| at.0), now: now(), oldest: None }
    }
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}
