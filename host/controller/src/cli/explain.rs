//! `threatsieve explain`.

use clap::Args;

use super::{BlacklistArgs, ConfigArgs, FeedArgs, PolicyArgs};

const AFTER: &str = "\
Without --list, --feed and --blacklist it is looked up in what `poll` and `run` hold.

Examples:
  threatsieve explain --config /etc/threatsieve/threatsieve.toml www.evil.com
  threatsieve explain --list bad.txt --allow ours.txt www.evil.com
  threatsieve explain --blacklist bad.blacklist --json 'hxxp://evil[.]com/login'";

/// Tell why a value matches or does not, and which indicators say so
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) feeds: FeedArgs,
    #[command(flatten)]
    pub(crate) blacklist: BlacklistArgs,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Print one JSON object, not a text
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Exit with 1 when it matches
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// A host name, address, URL, digest or email address, defanged or not
    #[arg(value_name = "VALUE")]
    pub(crate) value: String,
}
