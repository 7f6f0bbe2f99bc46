//! `threatsieve explain`.

use clap::Args;

use super::{BlacklistArgs, ConfigArgs, FeedArgs, PolicyArgs};

const AFTER: &str = "\
Without --list, --feed and --blacklist, the value is looked up in the blacklist of `poll` and `run`.

Examples:
  threatsieve explain --config /etc/threatsieve/threatsieve.toml www.evil.com
  threatsieve explain --list bad.txt --allow ours.txt www.evil.com
  threatsieve explain --blacklist bad.blacklist --json 'hxxp://evil[.]com/login'";

/// Explain why a value matches or does not, and which indicators cover it
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
    /// Print one JSON object, not text
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Exit with 1 when the value matches
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// A host name, address, URL, digest or email address, defanged or not
    #[arg(value_name = "VALUE")]
    pub(crate) value: String,
}
