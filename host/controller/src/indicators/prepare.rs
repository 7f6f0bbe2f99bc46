//! Prepares the blacklist for a command, from a blacklist file, lists and feeds, or both.

use anyhow::{Context, anyhow};
use threatsieve_blacklist::{Blacklist, Compiled};
use threatsieve_runner::MemoryFile;

use super::key::read_verify_key;
use super::load::{Identity, Loaded, load};
use super::merge::merge;
use super::open::open_blacklist;
use super::rejecting::{OnRejection, Rejections};
use crate::cli::{BlacklistArgs, FeedArgs};
use crate::exit::Failure;
use crate::output::note;

/// A blacklist, ready to be loaded.
pub(crate) struct Prepared {
    pub(crate) blacklist: Blacklist<MemoryFile>,
    /// The rejections of the lists and feeds that were compiled.
    pub(crate) rejections: Rejections,
    /// Inputs that do not look like lists or feeds, each with the reason.
    pub(crate) doubts: Vec<String>,
    pub(crate) suffixes_made_exact: u64,
}

/// Opens the blacklist file, or compiles lists and feeds, or merges both. After a merge, the
/// allow-list of one applies to the other.
pub(crate) fn prepare(
    feeds: &FeedArgs,
    blacklist: &BlacklistArgs,
    each: OnRejection<'_>,
) -> Result<Prepared, Failure> {
    let trusted = blacklist.verify_key.as_deref().map(read_verify_key).transpose()?;
    let opened = blacklist
        .blacklist
        .as_deref()
        .map(|path| open_blacklist(path, trusted.as_ref()))
        .transpose()?;
    let compiled = if feeds.paths().next().is_some() { Some(compile(feeds, each)?) } else { None };
    match (opened, compiled) {
        (Some(blacklist), None) => Ok(Prepared {
            blacklist,
            rejections: Rejections::default(),
            doubts: Vec::new(),
            suffixes_made_exact: 0,
        }),
        (None, Some(prepared)) if feeds.names_indicators() => Ok(prepared),
        (Some(blacklist), Some(prepared)) => {
            let merged = merge(&[&blacklist, &prepared.blacklist])?;
            Ok(Prepared { blacklist: reopen(merged)?, ..prepared })
        }
        (None, _) => Err(anyhow!(
            "nothing to match against: name a list (--list), a feed (--feed) or a blacklist \
             (--blacklist)"
        )
        .into()),
    }
}

fn compile(feeds: &FeedArgs, each: OnRejection<'_>) -> Result<Prepared, Failure> {
    let identity = Identity { name: "default".to_owned(), generation: 1 };
    let Loaded { compiled, rejections, doubts } = load(feeds, identity, each)?;
    for doubt in &doubts {
        note(&format!("warning: {doubt}"));
    }
    let suffixes_made_exact = compiled.summary().suffixes_made_exact.len() as u64;
    Ok(Prepared { blacklist: reopen(compiled)?, rejections, doubts, suffixes_made_exact })
}

/// Opens a blacklist that was just compiled, with the same checks as a file.
fn reopen(compiled: Compiled) -> anyhow::Result<Blacklist<MemoryFile>> {
    let file = MemoryFile::copy_of(&compiled.into_bytes())?;
    Blacklist::open(file, None)
        .context("the compiled blacklist cannot be opened; please report this")
}
