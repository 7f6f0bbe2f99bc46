//! Recognises files that did not change, by their names, sizes and times.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use super::{Input, Walk};

/// Maximum number of files that one setting names.
const MAX_FILES: usize = 100_000;

/// A fingerprint of files: one digest of their names, sizes, modification times, devices and
/// inodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Likeness {
    pub(crate) files: usize,
    /// Size of all files together.
    pub(crate) bytes: u64,
    /// BLAKE3, in hexadecimal.
    pub(crate) digest: String,
}

/// Finds a file, or the files in a folder.
pub(crate) fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for input in Walk::new([&path.to_owned()]) {
        if let Input::File(file) = input? {
            ensure!(
                files.len() < MAX_FILES,
                "{}: expected at most {MAX_FILES} files, got more",
                path.display()
            );
            files.push(file);
        }
    }
    Ok(files)
}

/// Computes the fingerprint of files as they are now.
pub(crate) fn likeness(files: &[PathBuf]) -> anyhow::Result<Likeness> {
    let (mut bytes, mut digest) = (0, blake3::Hasher::new());
    for file in files {
        let metadata = fs::metadata(file)
            .with_context(|| format!("{}: cannot be examined", file.display()))?;
        ensure!(metadata.is_file(), "{}: expected a file, got something else", file.display());
        bytes += metadata.len();
        let own = (
            metadata.len(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.dev(),
            metadata.ino(),
        );
        digest.update(format!("{file:?} {own:?}\n").as_bytes());
    }
    Ok(Likeness { files: files.len(), bytes, digest: digest.finalize().to_hex().to_string() })
}
