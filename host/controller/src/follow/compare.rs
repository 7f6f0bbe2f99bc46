//! Two files, byte by byte: whether one is a copy of the other.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::anyhow;
use memchr::memchr_iter;

use super::opened::Opened;
use crate::sources::Decoder;

/// How a file relates to another one that begins as it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// All of it is in the other one, or it is still being copied.
    Copy { same: u64 },
    /// The other one ends within it: it goes on after that.
    Longer { same: u64 },
    /// They differ after so many bytes.
    Differs { same: u64 },
}

/// Compares the unpacked streams of two files, of which the first `from` bytes are known to be the same.
pub(super) fn compare(path: &Path, original: &Path, from: u64) -> anyhow::Result<Relation> {
    // The original is opened last: where both are names of one file that grows, it has no less then.
    let mut one = stream(path, from)?;
    let mut other = stream(original, from)?;
    let mut same = from;
    loop {
        // What cannot be read of the one is still being written, or compressed; where the original is
        // damaged, the other one goes on.
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

/// Whole lines within the first bytes of a stream, and where the last one of them ends.
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
            // Borrowed anew, since the loop would hold the first borrow.
            Ok(_) => return stream.fill_buf(),
        }
    }
}
