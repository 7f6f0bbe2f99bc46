//! A blacklist's file to a verified blacklist.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use threatsieve_blacklist::compile::VerifyKey;
use threatsieve_blacklist::{Blacklist, OpenError};
use threatsieve_runner::MemoryFile;

use crate::exit::Failure;

/// Largest file that is read: 16 GiB, more than the format's 32-bit numbers of entries can fill.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// Opens a blacklist and verifies it. It is copied into a file in memory, not mapped from the disk:
/// nobody who truncates or changes the file later can end this process or change what was verified.
/// The copy costs a few milliseconds for a million entries.
pub(crate) fn open_blacklist(
    path: &Path,
    trusted: Option<&VerifyKey>,
) -> Result<Blacklist<MemoryFile>, Failure> {
    let name = path.display();
    let file = read(path).with_context(|| format!("{name}: the blacklist cannot be read"))?;
    Blacklist::open(file, trusted).map_err(|error| {
        let remedy = match error {
            OpenError::Image(_) => {
                "; expected a file that this version's `threatsieve build` wrote (lists go with --list)"
            }
            OpenError::HeaderDigest | OpenError::SectionDigest { .. } | OpenError::SignatureDigest => {
                "; build or fetch it again"
            }
            OpenError::Unsigned => "; build it with --sign-key",
            OpenError::Signature => "; check where it is from, and --verify-key",
        };
        Failure::damaged(anyhow!("{name}: {error}{remedy}"))
    })
}

fn read(path: &Path) -> anyhow::Result<MemoryFile> {
    let file = File::open(path)?;
    let expected = file.metadata()?.len();
    ensure!(expected <= MAX_FILE_BYTES, "expected at most {MAX_FILE_BYTES} bytes, got {expected}");
    // A pipe has no length; what it gives is cut off there and found to be truncated.
    Ok(MemoryFile::read(file, MAX_FILE_BYTES)?)
}
