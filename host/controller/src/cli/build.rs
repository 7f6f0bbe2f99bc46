//! `threatsieve build`.

use std::path::PathBuf;

use clap::Args;

use super::FeedArgs;

const AFTER: &str = "\
Same inputs and options, same bytes. The file is replaced in one step: whoever reads it meanwhile has the old one or the new one.

Examples:
  threatsieve build --list bad.txt --feed bundle.json --allow ours.txt --rejected rejected.tsv -o bad.blacklist
  openssl genpkey -algorithm ed25519 -out sign.pem && openssl pkey -in sign.pem -pubout -out verify.pem
  threatsieve build --list bad.txt --name office --generation 7 --sign-key sign.pem -o bad.blacklist";

/// Compile feeds and lists to a blacklist file
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) feeds: FeedArgs,
    /// The blacklist's name
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
    /// The blacklist's number, which only ever grows
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) generation: u64,
    /// Sign with this Ed25519 key (PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it)
    #[arg(long, value_name = "FILE")]
    pub(crate) sign_key: Option<PathBuf>,
    /// Where the blacklist goes
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// List what was refused, tab-separated: feed, line or identifier, value, reason
    #[arg(long, value_name = "FILE")]
    pub(crate) rejected: Option<PathBuf>,
    /// Print one JSON object, not a table
    #[arg(long)]
    pub(crate) json: bool,
}
