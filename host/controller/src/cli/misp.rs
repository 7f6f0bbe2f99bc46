//! `misp`.

use clap::{Args, Subcommand};

use super::service::ConfigArgs;

/// Show what MISP servers get, and what they refuse; try it again, pause and resume servers
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  threatsieve misp\n  threatsieve misp failed --json\n  \
                        threatsieve misp retry --server soc")]
pub(crate) struct MispArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Only this server
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) server: Option<String>,
    /// Print one JSON object per line, not a table
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Without a command, the servers are shown
    #[command(subcommand)]
    pub(crate) verb: Option<MispVerb>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum MispVerb {
    /// Show the servers with their queues
    #[command(after_help = "Example:\n  threatsieve misp list")]
    List,
    /// Show events that were not sent, and values that a server refuses, with the reason
    #[command(after_help = "Example:\n  threatsieve misp failed --server soc")]
    Failed,
    /// Let the next round send again what failed, what is uncertain and what was refused
    #[command(after_help = "\
An uncertain package is uploaded again: look for its event on the server before.

Examples:
  threatsieve misp retry
  threatsieve misp retry 17")]
    Retry {
        /// The number of an event, from `misp failed`; without it, all
        #[arg(value_name = "NUMBER")]
        event: Option<i64>,
    },
    /// Send nothing to a server until it is resumed; its queue is kept
    #[command(after_help = "Example:\n  threatsieve misp pause soc --reason 'upgrade tonight'")]
    Pause {
        /// The server's name
        #[arg(value_name = "NAME")]
        name: String,
        /// The reason, for later readers
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Let the next round send to a server again
    #[command(after_help = "Example:\n  threatsieve misp resume soc")]
    Resume {
        /// The server's name
        #[arg(value_name = "NAME")]
        name: String,
    },
}
