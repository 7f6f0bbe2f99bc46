//! The commands that work on the configured state: `poll`, `run`, `status`, `feeds`, `indicators`,
//! `retract`, `mute`, `config`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use threatsieve_feed::FeedFormat;

use super::indicators::feed_format;
use super::values::At;

/// The configuration file.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration [default: ./threatsieve.toml, then /etc/threatsieve/threatsieve.toml]
    #[arg(long, value_name = "FILE", env = "THREATSIEVE_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
}

impl ConfigArgs {
    /// The file to read: the named one, or the first default that exists. If none exists, the first
    /// default.
    pub(crate) fn path(&self) -> PathBuf {
        let defaults = ["threatsieve.toml", "/etc/threatsieve/threatsieve.toml"].map(PathBuf::from);
        let found = defaults.iter().find(|path| path.exists()).unwrap_or(&defaults[0]);
        self.config.clone().unwrap_or_else(|| found.clone())
    }
}

/// Do one round (poll, build, match, alert), then exit: for cron
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  threatsieve poll --config /etc/threatsieve/threatsieve.toml \
                  --feed partner --force")]
pub(crate) struct PollArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Poll all feeds, even those that are not due yet
    #[arg(long)]
    pub(crate) force: bool,
    /// Poll this feed only; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) feed: Vec<String>,
    /// Trust the clock, however far it moved since the last round
    #[arg(long)]
    pub(crate) accept_clock: bool,
    /// Print one JSON object, not a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Do rounds on the configured schedule, until stopped
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  threatsieve run --config /etc/threatsieve/threatsieve.toml")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// Show problems, feeds, generation, cursors, queues and last errors
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  threatsieve status --json\n  threatsieve status --check")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Read the whole state and check it for damage; if it is damaged, exit with 4
    #[arg(long)]
    pub(crate) check: bool,
    /// Print one JSON object, not a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show feeds, test one, add objects to one, list its objects, or allow a delivery that was held
/// back
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  threatsieve feeds --held\n  threatsieve feeds --allow partner\n  \
                  threatsieve feeds test list.csv --json"
)]
pub(crate) struct FeedsArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Accept this feed's next delivery, whatever it removes
    #[arg(long, value_name = "NAME")]
    pub(crate) allow: Option<String>,
    /// Show only feeds that are held back
    #[arg(long)]
    pub(crate) held: bool,
    /// Print JSON: one object with all feeds; for `test`, one object per value; for `push`, one
    /// object
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Without a command, the configured feeds are shown
    #[command(subcommand)]
    pub(crate) verb: Option<FeedsVerb>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum FeedsVerb {
    /// Read a feed and print the values that would be accepted; changes nothing
    #[command(after_help = TEST_AFTER)]
    Test(FeedTestArgs),
    /// List the presets for well-known feeds, or show one
    #[command(after_help = "Examples:\n  threatsieve feeds presets\n  \
                            threatsieve feeds presets urlhaus-recent")]
    Presets {
        /// The preset to show with its settings
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    /// List the STIX 1.x packages of a feed as they were received, or save them
    #[command(after_help = "Examples:\n  threatsieve feeds packages partner --json\n  \
                            threatsieve feeds packages partner --after 120 --save packages")]
    Packages(PackagesArgs),
    /// Send a file to the server of a TAXII feed: STIX objects to its collection, or for TAXII 1
    /// content to the inbox
    #[command(after_help = PUSH_AFTER)]
    Push(FeedPushArgs),
    /// List the objects of a TAXII feed's collection, and when they were added
    #[command(after_help = MANIFEST_AFTER)]
    Manifest(FeedManifestArgs),
    /// End the subscription of a TAXII 1 feed
    #[command(after_help = "Example:\n  threatsieve feeds unsubscribe partner")]
    Unsubscribe {
        /// The name of a configured feed
        #[arg(value_name = "NAME")]
        feed: String,
    },
}

const MANIFEST_AFTER: &str = "\
With --json: one object per line (`id`, and what the server says of `date_added`, `version` and
`versions`).

Examples:
  threatsieve feeds manifest partner
  threatsieve feeds manifest partner indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f";

#[derive(Debug, Clone, Args)]
pub(crate) struct FeedManifestArgs {
    /// The name of a configured feed of type taxii
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// An object's id: list its versions only
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
}

const PUSH_AFTER: &str = "\
With --json, for taxii: {\"pushed\": {\"collection\", \"objects\", \"added\", \"known\",
\"pending\", \"failures\"}}, with an `id` and a `message` in each failure.
Exit code 3: the server did not take all of it.

Examples:
  threatsieve feeds push partner sightings.json
  threatsieve feeds push old-partner package.xml";

#[derive(Debug, Clone, Args)]
pub(crate) struct FeedPushArgs {
    /// The name of a configured feed of type taxii or taxii1
    #[arg(value_name = "NAME")]
    pub(crate) feed: String,
    /// For taxii a STIX bundle, an array of STIX objects or one object, in JSON; for taxii1 a STIX
    /// 1.x package, or other content with `--binding`
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The id of the content binding, if the file for a taxii1 feed is not a STIX 1.x package
    #[arg(long, value_name = "ID")]
    pub(crate) binding: Option<String>,
}

const TEST_AFTER: &str = "\
With --json: one object per value (`type`, `value`, and if given `port`, `confidence`, `scope`,
`id`), then {\"summary\": {\"format\", \"taken\", \"skipped\", \"rejected\", \"reasons\"}}.
Exit code 4: the source does not look like a feed. Exit code 2: several columns may hold the values;
the message names the formats to choose from.

Examples:
  threatsieve feeds test list.csv
  threatsieve feeds test https://lists.example.org/bad.csv --format csv:url --json
  threatsieve feeds test partner";

#[derive(Debug, Clone, Args)]
pub(crate) struct FeedTestArgs {
    /// A file or folder, `-` for standard input, the URL of a list or a TAXII server, or the name
    /// of a configured feed
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// The source's format, if not detected by content: a reader (lines, hosts, csv, json, adblock,
    /// rpz, stix, ...), or a preset (`threatsieve feeds presets`); `csv:NAME` and `json:NAME` name
    /// the column of values
    #[arg(long, value_name = "NAME", value_parser = feed_format)]
    pub(crate) format: Option<FeedFormat>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PackagesArgs {
    /// The feed's name
    #[arg(value_name = "NAME")]
    pub(crate) feed: String,
    /// Show only packages with higher numbers. A new content gets a new number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) after: i64,
    /// Write each package to a file in this folder, which must exist
    #[arg(long, value_name = "FOLDER")]
    pub(crate) save: Option<PathBuf>,
}

/// Search the indicators in the state
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  threatsieve indicators evil.com\n  \
                  threatsieve indicators --feed partner --state revoked --limit 20 --json")]
pub(crate) struct IndicatorsArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Part of a value, identifier or name
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// Show only this feed's indicators
    #[arg(long, value_name = "NAME")]
    pub(crate) feed: Option<String>,
    /// Show only indicators in this state
    #[arg(long, value_name = "STATE", default_value = "active")]
    pub(crate) state: IndicatorState,
    /// Show rejected values, with the reason
    #[arg(long, conflicts_with = "state")]
    pub(crate) rejected: bool,
    /// Maximum rows to print
    #[arg(
        long,
        value_name = "N",
        default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub(crate) limit: u32,
    /// Print one JSON object per line, not a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// `--state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IndicatorState {
    Active,
    Revoked,
    Expired,
    Removed,
    /// Retracted here by an operator
    Retracted,
    /// The policy takes all of its values away
    OutsidePolicy,
    /// It gives no value that can be used
    Rejected,
    All,
}

/// Mark an indicator as a false positive and remove its flags, or undo that
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  threatsieve retract www.example.org --reason 'our own site'\n  \
                  threatsieve retract www.example.org --reason 'listed rightly' --undo"
)]
pub(crate) struct RetractArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// An indicator's value or identifier
    #[arg(value_name = "VALUE|ID")]
    pub(crate) target: String,
    /// The reason, for later readers
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Let the indicator count again
    #[arg(long)]
    pub(crate) undo: bool,
}

/// Mute alerts about an indicator, an observed host, or the host that events come from
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  threatsieve mute\n  \
                  threatsieve mute add --host proxy.example.org --for 7d --reason 'scanner'\n  \
                  threatsieve mute remove --host proxy.example.org")]
pub(crate) struct MuteArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Print one JSON object per line, not a table
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Without a command, `list` is run
    #[command(subcommand)]
    pub(crate) verb: Option<MuteVerb>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum MuteVerb {
    /// Show all mutes
    #[command(after_help = "Example:\n  threatsieve mute list")]
    List,
    /// Add a mute
    #[command(
        after_help = "Example:\n  threatsieve mute add --indicator evil.com --until 2026-12-31 \
                      --reason 'known'"
    )]
    Add(MuteAddArgs),
    /// End a mute
    #[command(after_help = "Example:\n  threatsieve mute remove --indicator evil.com")]
    Remove(MuteTarget),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct MuteAddArgs {
    #[command(flatten)]
    pub(crate) target: MuteTarget,
    #[command(flatten)]
    pub(crate) end: MuteEnd,
    /// The reason, for later readers
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

/// The target of a mute: exactly one of the three.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct MuteTarget {
    /// An indicator's value or identifier
    #[arg(long, value_name = "VALUE|ID")]
    pub(crate) indicator: Option<String>,
    /// A host or address that events name, without the hosts below it
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// The host that events come from: a client's name or address
    #[arg(long, value_name = "HOST")]
    pub(crate) source: Option<String>,
}

/// The end of a mute: exactly one of the two.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct MuteEnd {
    /// Mute until this time: RFC 3339, or a date
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<At>,
    /// Mute for this long from now: `12h`, `7d`
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) duration: Option<Duration>,
}

/// Write a first configuration, check it, or show its values
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  threatsieve config init threatsieve.toml
  threatsieve config import /opt/mtc --output threatsieve.toml
  threatsieve config check --offline
  threatsieve config show --config /etc/threatsieve/threatsieve.toml")]
pub(crate) struct ConfigVerbArgs {
    #[command(subcommand)]
    pub(crate) verb: ConfigVerb,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Write a first configuration file, with comments
    #[command(after_help = "Example:\n  threatsieve config init threatsieve.toml")]
    Init {
        /// The file to create; it must not exist [default: standard output]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Take over the settings of the MISP transfer service (flare-misp-service), and the packages
    /// that it has sent
    #[command(after_help = IMPORT_AFTER)]
    Import(ImportArgs),
    /// Report every problem of the configuration, and connect to every server it names
    #[command(after_help = "Example:\n  threatsieve config check --offline")]
    Check {
        #[command(flatten)]
        config: ConfigArgs,
        /// Do not connect to any server
        #[arg(long)]
        offline: bool,
    },
    /// Print every setting with its value, configured or default; secrets are not shown
    #[command(after_help = "Example:\n  threatsieve config show")]
    Show {
        #[command(flatten)]
        config: ConfigArgs,
    },
}

const IMPORT_AFTER: &str = "\
Examples:
  threatsieve config import /opt/mtc
  threatsieve config import /opt/mtc --output /etc/threatsieve/threatsieve.toml \\
    --state /var/lib/threatsieve

Standard error says what was used, what has no equivalent, and what is left to do. If a part cannot
be imported, the others are, and the exit code is 4.";

/// A folder to import.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImportArgs {
    /// The service's folder, or another one with its config.properties, application.properties and
    /// trackers.avro
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// The configuration to write [default: standard output; secrets and state are not written
    /// then]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The folder for files with secrets [default: that of the configuration]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) secrets: Option<PathBuf>,
    /// The folder of the state [default: `state` next to the configuration]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    pub(crate) force: bool,
}
