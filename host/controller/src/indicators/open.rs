//! A blacklist's file to a verified blacklist.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use threatsieve_blacklist::compile::VerifyKey;
use threatsieve_blacklist::{Blacklist, OpenError};
use threatsieve_runner::Bytes;

use crate::exit::Failure;

/// Largest file that is read: 16 GiB, more than the format's 32-bit numbers of entries can fill.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// Opens a blacklist and verifies it. It is read, not mapped: nobody who truncates or changes the file later can end this process or
/// change what was verified, and reading costs a few milliseconds for a million entries.
pub(crate) fn open_blacklist(path: &Path, trusted: Option<&VerifyKey>) -> Result<Blacklist<Bytes>, Failure> {
    Ok(read_blacklist(path, trusted)?.0)
}

/// The same, and the file's bytes, which both share.
pub(crate) fn read_blacklist(
    path: &Path,
    trusted: Option<&VerifyKey>,
) -> Result<(Blacklist<Bytes>, Bytes), Failure> {
    let name = path.display();
    let bytes = Bytes::from(read(path).with_context(|| format!("{name}: the blacklist cannot be read"))?);
    let blacklist = Blacklist::open(bytes.clone(), trusted).map_err(|error| {
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
    })?;
    Ok((blacklist, bytes))
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let file = File::open(path)?;
    let expected = file.metadata()?.len();
    ensure!(expected <= MAX_FILE_BYTES, "expected at most {MAX_FILE_BYTES} bytes, got {expected}");
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(expected)?).context("there is not enough memory for it")?;
    #[expect(clippy::disallowed_methods, reason = "limited by `take`")]
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
