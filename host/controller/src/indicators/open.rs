//! Opens and verifies a blacklist file.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use threatsieve_blacklist::compile::VerifyKey;
use threatsieve_blacklist::{Blacklist, OpenError};
use threatsieve_runner::MemoryFile;

use crate::exit::Failure;

/// Maximum size of a file: 16 GiB, more than the format's 32-bit numbers of entries can fill.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// Opens a blacklist and verifies it. It is copied into memory, not mapped from the disk. So a
/// program that truncates or changes the file later can neither end this process nor change what
/// was verified. The copy costs a few milliseconds for a million entries.
pub(crate) fn open_blacklist(
    path: &Path,
    trusted: Option<&VerifyKey>,
) -> Result<Blacklist<MemoryFile>, Failure> {
    let name = path.display();
    let file = read(path).with_context(|| format!("{name}: the blacklist cannot be read"))?;
    Blacklist::open(file, trusted).map_err(|error| {
        let remedy = match error {
            OpenError::Image(_) => {
                "; expected a file written by this version's `threatsieve build` (name lists with \
                 --list)"
            }
            OpenError::HeaderDigest
            | OpenError::SectionDigest { .. }
            | OpenError::SignatureDigest => "; build or fetch it again",
            OpenError::Unsigned => "; build it with --sign-key",
            OpenError::Signature => "; check its origin, and --verify-key",
        };
        Failure::damaged(anyhow!("{name}: {error}{remedy}"))
    })
}

fn read(path: &Path) -> anyhow::Result<MemoryFile> {
    let file = File::open(path)?;
    let expected = file.metadata()?.len();
    ensure!(expected <= MAX_FILE_BYTES, "expected at most {MAX_FILE_BYTES} bytes, got {expected}");
    // A pipe has no length. Its content is cut off at the limit, and then found to be truncated.
    Ok(MemoryFile::read(file, MAX_FILE_BYTES)?)
}
