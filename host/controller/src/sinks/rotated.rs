//! Finds records in an output file that was rotated before they were confirmed.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::appended::Appended;
use crate::sources::unpack;
use crate::store::records::Position;

/// Maximum number of rotated files to search, the newest first. The file of a killed run is one or
/// two rotations back, and each compressed file has to be unpacked.
const LOOKED_AT: usize = 8;

/// Counts how many of `lines` were written by an append that began at `before`, in a file that is
/// now next to the output file. It may be renamed (the same inode), or copied or compressed under a
/// name that begins like the output file's. A copy holds the same bytes at the same offset.
pub(super) fn lines_in_rotated(path: &Path, before: Position, lines: &[&str]) -> io::Result<usize> {
    for candidate in candidates(path, before)? {
        if let Candidate { path, is_renamed: true } = &candidate {
            let mut file = Appended::open_existing(path)?;
            let count = file.lines_after(before, lines)?;
            if count > 0 {
                file.sync()?;
                return Ok(count);
            }
            continue;
        }
        // A file that cannot be read holds nothing that can be confirmed.
        if let Ok(count @ 1..) = lines_at(&candidate.path, before.bytes, lines) {
            return Ok(count);
        }
    }
    Ok(0)
}

struct Candidate {
    path: PathBuf,
    is_renamed: bool,
}

/// Files that may be the earlier output file: the renamed one first, then the newest.
fn candidates(path: &Path, before: Position) -> io::Result<Vec<Candidate>> {
    let Some(name) = path.file_name() else { return Ok(Vec::new()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.unwrap_or(Path::new(".")))? {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else { continue };
        let is_renamed = (metadata.dev(), metadata.ino()) == (before.device, before.inode);
        let begins_alike = entry.file_name().as_bytes().starts_with(name.as_bytes());
        if metadata.is_file() && entry.file_name() != name && (is_renamed || begins_alike) {
            let candidate = Candidate { path: entry.path(), is_renamed };
            found.push((!is_renamed, std::cmp::Reverse(metadata.mtime()), candidate));
        }
    }
    found.sort_by_key(|(is_other, newest, _)| (*is_other, *newest));
    found.truncate(LOOKED_AT);
    Ok(found.into_iter().map(|(_, _, candidate)| candidate).collect())
}

/// Counts how many of the lines, in order, are at `offset` of the unpacked file.
fn lines_at(path: &Path, offset: u64, lines: &[&str]) -> io::Result<usize> {
    let mut decoder = unpack(File::open(path)?).map_err(io::Error::other)?;
    if decoder.skip(offset)? < offset {
        return Ok(0);
    }
    let mut rest = BufReader::new(decoder);
    for (number, line) in lines.iter().enumerate() {
        let mut there = Vec::new();
        // Compares at most the length of the line.
        Read::by_ref(&mut rest).take(line.len() as u64).read_until(b'\n', &mut there)?;
        if there != line.as_bytes() {
            return Ok(number);
        }
    }
    Ok(lines.len())
}
