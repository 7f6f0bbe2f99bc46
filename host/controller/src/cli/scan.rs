//! `threatsieve scan`.

use std::path::PathBuf;

use clap::Args;
use threatsieve_log::Format;

use super::{BlacklistArgs, FeedArgs, PolicyArgs};

const AFTER: &str = "\
Without files, standard input is read. Folders are read with all below them, in the order of names; hidden files, links to
folders and what is no regular file are left out. Every match is told on standard output; a summary goes to standard error.

Examples:
  threatsieve scan --list bad.txt --feed bundle.json --allow ours.txt /var/log/squid
  threatsieve build --list bad.txt -o bad.blacklist && threatsieve scan --blacklist bad.blacklist --json access.log.gz
  tail -F access.log | threatsieve scan --list bad.txt -";

/// Match log files, folders or standard input
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) feeds: FeedArgs,
    #[command(flatten)]
    pub(crate) blacklist: BlacklistArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// The logs' format; `auto` tells it by each file's first lines
    #[arg(long, value_name = "FORMAT", default_value = "auto", value_parser = LOG_FORMATS, help_heading = "Logs")]
    pub(crate) log_format: String,
    /// Look at this field only, by its name in NDJSON (`dns.query`) or Zeek logs; may be given several times
    #[arg(long, value_name = "NAME", help_heading = "Logs")]
    pub(crate) field: Vec<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Worker threads; as many as there are cores unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Exit with 1 when something matched
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Log files or folders; `-` is standard input
    #[arg(value_name = "FILE|DIR|-")]
    pub(crate) files: Vec<PathBuf>,
}

const LOG_FORMATS: [&str; 7] = ["auto", "squid", "combined", "ndjson", "zeek", "lines", "text"];

impl ScanArgs {
    /// The format of all logs; `None` to tell it by each one's content.
    pub(crate) fn format(&self) -> Option<Format> {
        Format::from_name(&self.log_format)
    }
}

/// What is told of matches.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
#[group(multiple = false)]
pub(crate) struct OutputArgs {
    /// One JSON object for each matching event
    #[arg(long)]
    json: bool,
    /// The number of matching events alone
    #[arg(long)]
    count: bool,
    /// The names of files with matching events
    #[arg(long)]
    files_with_matches: bool,
    /// Nothing; with --exit-code, stop at the first match
    #[arg(long)]
    quiet: bool,
}

/// The one way of reporting that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Table,
    Json,
    Count,
    FilesWithMatches,
    Quiet,
}

impl OutputArgs {
    pub(crate) fn report(&self) -> Output {
        match (self.json, self.count, self.files_with_matches, self.quiet) {
            (true, ..) => Output::Json,
            (_, true, ..) => Output::Count,
            (_, _, true, _) => Output::FilesWithMatches,
            (.., true) => Output::Quiet,
            _ => Output::Table,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_offered_is_known() {
        for name in &LOG_FORMATS[1..] {
            assert_eq!(Format::from_name(name).map(Format::name), Some(*name));
        }
        assert!(Format::from_name("auto").is_none());
    }
}
