//! `threatsieve build`.

use std::path::PathBuf;

use clap::Args;

use super::FeedArgs;

const AFTER: &str = "\
The same inputs and options give the same bytes. The file is replaced in one step: a program that
reads it meanwhile gets the old file or the new one.

Examples:
  threatsieve build --list bad.txt --feed bundle.json --allow ours.txt --rejected rejected.tsv \
-o bad.blacklist
  openssl genpkey -algorithm ed25519 -out sign.pem && openssl pkey -in sign.pem -pubout \
-out verify.pem
  threatsieve build --list bad.txt --name office --generation 7 --sign-key sign.pem \
-o bad.blacklist";

/// Compile feeds and lists into a blacklist file
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) feeds: FeedArgs,
    /// The blacklist's name
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
    /// The blacklist's number, which may only grow
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) generation: u64,
    /// Sign with this Ed25519 key (PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it)
    #[arg(long, value_name = "FILE")]
    pub(crate) sign_key: Option<PathBuf>,
    /// The blacklist file to write
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// List rejected values in this file, tab-separated: feed, line or identifier, value, reason
    #[arg(long, value_name = "FILE")]
    pub(crate) rejected: Option<PathBuf>,
    /// Print one JSON object, not a table
    #[arg(long)]
    pub(crate) json: bool,
}
