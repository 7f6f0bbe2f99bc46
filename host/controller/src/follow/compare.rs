//! Compares two files byte by byte, to find out whether one is a copy of the other.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::anyhow;
use memchr::memchr_iter;

use super::opened::Opened;
use crate::sources::Decoder;

/// The relation of a file to another one with the same beginning. `same` is the number of bytes
/// that both start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// The other file contains all of it, or it is still being copied.
    Copy { same: u64 },
    /// The file continues after the end of the other one.
    Longer { same: u64 },
    /// Both continue after `same` bytes, and differ there.
    Differs { same: u64 },
}

/// Compares the unpacked streams of two files whose first `from` bytes are known to be equal.
pub(super) fn compare(path: &Path, original: &Path, from: u64) -> anyhow::Result<Relation> {
    // The original is opened last. If both are names of one growing file, it is then at least as
    // long.
    let mut one = stream(path, from)?;
    let mut other = stream(original, from)?;
    let mut same = from;
    loop {
        // A read error in the first file means that it is still being written or compressed. If the
        // original is damaged, the first file has more.
        let Ok(a) = fill(&mut one) else { return Ok(Relation::Copy { same }) };
        let Ok(b) = fill(&mut other) else { return Ok(Relation::Longer { same }) };
        let length = a.len().min(b.len());
        if a.is_empty() {
            return Ok(Relation::Copy { same });
        }
        if b.is_empty() {
            return Ok(Relation::Longer { same });
        }
        if let Some(at) =
            (0..length).find(|&at| a[at] != b[at]).filter(|_| a[..length] != b[..length])
        {
            return Ok(Relation::Differs { same: same + at as u64 });
        }
        same += length as u64;
        one.consume(length);
        other.consume(length);
    }
}

/// Counts the whole lines within the first `bytes` bytes of a stream. Returns the count and the end
/// of the last one.
pub(super) fn lines_within(path: &Path, bytes: u64) -> anyhow::Result<(u64, u64)> {
    let mut stream = Read::take(stream(path, 0)?, bytes);
    let (mut lines, mut end, mut at) = (0, 0, 0);
    loop {
        let buffer = fill(&mut stream)?;
        if buffer.is_empty() {
            return Ok((lines, end));
        }
        for line in memchr_iter(b'\n', buffer) {
            lines += 1;
            end = at + line as u64 + 1;
        }
        let used = buffer.len();
        at += used as u64;
        stream.consume(used);
    }
}

fn stream(path: &Path, from: u64) -> anyhow::Result<BufReader<Decoder>> {
    let mut decoder = Opened::open(path)?.decoder()?;
    if let Err(error) = decoder.skip(from) {
        return Err(anyhow!(decoder.damage(error)));
    }
    Ok(BufReader::with_capacity(64 * 1024, decoder))
}

fn fill(stream: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match stream.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            // The buffer is borrowed again, because the first borrow would last for the whole loop.
            Ok(_) => return stream.fill_buf(),
        }
    }
}
