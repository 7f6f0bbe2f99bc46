//! Files and folders on this machine. They are read again when one of them changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::cursor;
use super::fetched::{Body, Fetched};
use crate::config::Feed;
use crate::sources::{Input, Walk};

/// Maximum number of files of one feed.
const MAX_FILES: usize = 100_000;

/// A fingerprint of files: one digest of their names, sizes, modification times, devices and
/// inodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Likeness {
    files: usize,
    /// Size of all files together.
    bytes: u64,
    /// BLAKE3, in hexadecimal.
    digest: String,
}

/// Finds the files, and whether any of them changed since the last poll.
pub(super) fn find(feed: &Feed, path: &Path, cursor: Option<&Json>) -> anyhow::Result<Fetched> {
    let files = files(path)?;
    let likeness = likeness(&files)?;
    let bytes = likeness.bytes;
    if cursor::read(feed, cursor).is_some_and(|known: Likeness| known == likeness) {
        return Ok(Fetched { body: None, cursor: None, objects: 0, bytes: 0, goes_on: false });
    }
    let cursor = Some(cursor::write(feed, &likeness)?);
    Ok(Fetched {
        body: Some(Body::Files(files, likeness)),
        cursor,
        objects: 0,
        bytes,
        goes_on: false,
    })
}

/// Describes for people what a poll would read.
pub(super) fn probe(path: &Path) -> anyhow::Result<String> {
    let Likeness { files, bytes, .. } = likeness(&files(path)?)?;
    Ok(format!(
        "{files} {}, {bytes} bytes, at {}",
        if files == 1 { "file" } else { "files" },
        path.display()
    ))
}

fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
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
pub(super) fn likeness(files: &[PathBuf]) -> anyhow::Result<Likeness> {
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
