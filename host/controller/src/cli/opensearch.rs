//! The commands about an OpenSearch cluster: `push`, `backfill`, `opensearch check`, `opensearch
//! template`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::ConfigArgs;
use super::values::At;
use crate::config::Way;

/// Push a blacklist to the ingest nodes of an OpenSearch cluster, and show what each node serves
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  threatsieve push\n  threatsieve push --allow-shrink\n  \
                  threatsieve push --rollback\n  \
                  threatsieve push --host http://127.0.0.1:9200 office.blacklist")]
pub(crate) struct PushArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Push this blacklist file instead of the blacklist in use
    #[arg(value_name = "FILE", conflicts_with = "rollback")]
    pub(crate) file: Option<PathBuf>,
    /// Push to this host, without credentials and without a configuration; may be given several
    /// times
    #[arg(long, value_name = "URL", requires = "file", conflicts_with = "rollback")]
    pub(crate) host: Vec<String>,
    /// CA certificates (PEM) to trust in addition to the system's, for --host
    #[arg(long, value_name = "FILE", requires = "host")]
    pub(crate) ca_file: Vec<PathBuf>,
    /// Push the blacklist even if it is empty, or much smaller than the one in use
    #[arg(long, conflicts_with = "rollback")]
    pub(crate) allow_shrink: bool,
    /// Build the blacklist in use again with a number above the cluster's, and push that
    #[arg(long, conflicts_with_all = ["rollback", "file"])]
    pub(crate) renumber: bool,
    /// Roll the cluster back to the previous generation, or to this one
    #[arg(long, value_name = "GENERATION", num_args = 0..=1)]
    #[expect(
        clippy::option_option,
        reason = "clap's way to say: absent, given, given with a value"
    )]
    pub(crate) rollback: Option<Option<u64>>,
    /// Print one JSON object, not a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Match stored events of an OpenSearch cluster: those that are due, or a range
///
/// Without a range, events are matched with what newly counts, as rounds do. With one, all its
/// events are matched with the whole blacklist. The next round reports what was flagged.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  threatsieve backfill --dry-run\n  \
                  threatsieve backfill --since 2026-11-01 --until 2026-11-08 --index 'proxy-*'\n  \
                  threatsieve backfill --take-over")]
pub(crate) struct BackfillArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Match events from this time on: a date, or a date and time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<At>,
    /// Match events before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<At>,
    /// Match these indices only; may be given several times
    #[arg(long, value_name = "PATTERN")]
    pub(crate) index: Vec<String>,
    /// Way to find events [default: `way` of the configuration]
    #[arg(long, value_name = "WAY")]
    pub(crate) way: Option<BackfillWay>,
    /// Show the way, the number of events and the time it takes, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take the cluster's events over from another controller
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Print one JSON object, not text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Way to find events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BackfillWay {
    /// The cheapest
    Auto,
    /// The plugin's query
    Query,
    /// The values that the index lists
    Values,
    /// All events
    Scan,
}

impl BackfillWay {
    /// Returns the way; `None` for that of the configuration, or the cheapest.
    pub(crate) fn way(self) -> Option<Way> {
        match self {
            BackfillWay::Auto => None,
            BackfillWay::Query => Some(Way::Query),
            BackfillWay::Values => Some(Way::Values),
            BackfillWay::Scan => Some(Way::Scan),
        }
    }
}

/// Check that an OpenSearch cluster can take flagged events, or give it the fields' mappings
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  threatsieve opensearch check --index 'proxy-*'\n  \
                  threatsieve opensearch template --put")]
pub(crate) struct OpenSearchArgs {
    #[command(subcommand)]
    pub(crate) verb: OpenSearchVerb,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum OpenSearchVerb {
    /// Report what would make the cluster reject or spoil flagged events: nodes without the plugin,
    /// strict mappings, clashing fields, field limits
    #[command(after_help = "Exits with 4 if there is any problem.\n\nExample:\n  \
                      threatsieve opensearch check --index 'proxy-*' --index 'dns-*'")]
    Check {
        #[command(flatten)]
        config: ConfigArgs,
        /// Check only these indices and data streams; may be given several times [default: all that
        /// are open and not hidden]
        #[arg(long, value_name = "PATTERN")]
        index: Vec<String>,
        /// The flag's field, if the processor sets `flag_field`; empty for none
        #[arg(long, value_name = "FIELD", default_value = "indicator")]
        flag_field: String,
        /// Print one JSON object, not text
        #[arg(long)]
        json: bool,
    },
    /// Print the component template with the mappings of all fields that are written into events
    ///
    /// With --put, also creates the index with which a controller claims the cluster's events.
    #[command(after_help = "Example:\n  threatsieve opensearch template --put")]
    Template {
        #[command(flatten)]
        config: ConfigArgs,
        /// Put it into the cluster, under the name `threatsieve`
        #[arg(long)]
        put: bool,
    },
}
