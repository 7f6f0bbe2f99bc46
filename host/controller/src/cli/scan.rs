//! `threatsieve scan`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use threatsieve_log::{Fields, Format, Template};

use super::{BlacklistArgs, FeedArgs, PolicyArgs};

const AFTER: &str = "\
Without files, standard input is read. Folders are read with everything below them, sorted by name.
Hidden files, links to folders, and anything that is not a regular file are skipped. Matches are
printed on standard output, a summary on standard error.

Examples:
  threatsieve scan --list bad.txt --feed bundle.json --allow ours.txt /var/log/squid
  threatsieve build --list bad.txt -o bad.blacklist && \
threatsieve scan --blacklist bad.blacklist --json access.log.gz
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
    /// The logs' format; `auto` detects it by each file's first lines
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "auto",
        value_parser = PossibleValuesParser::new(std::iter::once("auto").chain(Format::names())),
        help_heading = "Logs"
    )]
    pub(crate) log_format: String,
    /// Format string of the logs' lines: nginx's `log_format` or Apache's `LogFormat`
    #[arg(
        long,
        value_name = "STRING",
        value_parser = Template::new,
        conflicts_with_all = ["log_format", "field"],
        help_heading = "Logs"
    )]
    pub(crate) format_string: Option<Template>,
    /// Check only this field, by its name in NDJSON (`dns.query`) or Zeek logs; may be given
    /// several times
    #[arg(long, value_name = "NAME", help_heading = "Logs")]
    pub(crate) field: Vec<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Exit with 1 when something matched
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Log files or folders; `-` is standard input
    #[arg(value_name = "FILE|DIR|-")]
    pub(crate) files: Vec<PathBuf>,
}

impl ScanArgs {
    /// The format of all logs, or `None` to detect it for each log.
    pub(crate) fn format(&self) -> Option<Format> {
        match self.format_string {
            Some(_) => Some(Format::Custom),
            None => Format::from_name(&self.log_format),
        }
    }

    /// The fields to read.
    pub(crate) fn fields(&self) -> Fields {
        match &self.format_string {
            Some(template) => Fields::default().with_template(template.clone()),
            None if self.field.is_empty() => Fields::default(),
            None => Fields::named(&self.field),
        }
    }
}

/// The options for the output.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
#[group(multiple = false)]
pub(crate) struct OutputArgs {
    /// Print one JSON object for each matching event
    #[arg(long)]
    json: bool,
    /// Print only the number of matching events
    #[arg(long)]
    count: bool,
    /// Print only the names of files with matching events
    #[arg(long)]
    files_with_matches: bool,
    /// Print nothing; with --exit-code, stop at the first match
    #[arg(long)]
    quiet: bool,
}

/// The output that the options ask for.
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
