//! Files and folders on this machine. They are read again when one of them changed.

use std::path::Path;

use serde_json::Value as Json;

use super::cursor;
use super::fetched::{Body, Fetched};
use crate::config::Feed;
use crate::sources::{Likeness, files, likeness};

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
