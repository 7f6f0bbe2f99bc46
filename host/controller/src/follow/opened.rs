//! An open log file. It is opened once, so that the inspected file is the file that is read, even
//! if it is renamed meanwhile.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::SeekFrom;

use crate::sources::{self, Damage, Decoder};
use crate::store::files::{Digest, Stat, Tail};

/// Number of bytes at the start of the unpacked stream by which a file is recognised.
pub(crate) const HEAD_BYTES: usize = 4096;

/// The reason why a file cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("cannot be opened")]
    Open(#[source] io::Error),
    #[error("expected a regular file, got something else (a pipe, a socket, a device)")]
    NotRegular,
    #[error(transparent)]
    Damage(#[from] Damage),
}

/// An opened log file and its first bytes.
pub(crate) struct Opened {
    file: File,
    pub(crate) head: Head,
}

/// The beginning of a file.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) stat: Stat,
    /// Number of zeros at the start of the stream. `copytruncate` leaves such a hole if a program
    /// continues to write at its old offset. The hole grows with each rotation, so it does not
    /// identify the file.
    pub(crate) hole: u64,
    /// The first bytes after the hole, up to [`HEAD_BYTES`] of the unpacked stream.
    bytes: Vec<u8>,
    pub(crate) is_packed: bool,
    /// Length of the byte order mark before a stream that is stored as it is. `None` if the length
    /// of the stream is known only after reading it.
    mark_bytes: Option<u64>,
    /// The damage that made the head shorter.
    pub(crate) damage: Option<Damage>,
}

impl Opened {
    pub(crate) fn open(path: &Path) -> Result<Opened, Unreadable> {
        // Opening a pipe would block until another program writes to it.
        let is_file = std::fs::metadata(path).map_err(Unreadable::Open)?.is_file();
        if !is_file {
            return Err(Unreadable::NotRegular);
        }
        let file = File::open(path).map_err(Unreadable::Open)?;
        let stat = Stat::of(&file.metadata().map_err(Unreadable::Open)?);
        // This comes first, because it changes the position at which the decoder reads.
        let unwritten = unwritten(&file);
        let mut decoder = sources::unpack(file.try_clone().map_err(Unreadable::Open)?)?;
        let is_packed = decoder.is_packed();
        let mark_bytes = decoder.mark_bytes();
        // A compressed or decoded stream does not have the holes of the file on disk.
        let mut hole = mark_bytes.map_or(0, |mark| unwritten.saturating_sub(mark));
        let mut bytes = vec![0; HEAD_BYTES];
        let (mut used, mut damage) =
            (0, decoder.skip(hole).err().map(|error| decoder.damage(error)));
        while used < HEAD_BYTES && damage.is_none() {
            match decoder.read(&mut bytes[used..]) {
                Ok(0) => break,
                Ok(n) => {
                    used += n;
                    if used == n {
                        let zeros = bytes[..n].iter().take_while(|&&byte| byte == 0).count();
                        bytes.copy_within(zeros..n, 0);
                        hole += zeros as u64;
                        used -= zeros;
                    }
                }
                Err(error) => damage = Some(decoder.damage(error)),
            }
        }
        bytes.truncate(used);
        Ok(Opened { file, head: Head { stat, hole, bytes, is_packed, mark_bytes, damage } })
    }

    /// Returns whether the bytes before an offset of the stream are still the same. Also returns
    /// true for a compressed stream that cannot be read that far, because another program may still
    /// be writing it.
    pub(crate) fn has_tail(&self, offset: u64, tail: &Tail) -> bool {
        let Ok(decoder) = self.decoder() else { return false };
        let Some(start) = offset.checked_sub(tail.bytes as u64) else { return false };
        match read_at(decoder, start, tail.bytes) {
            Ok(there) => Tail::of(&there) == *tail,
            Err(_) => self.head.is_packed,
        }
    }

    /// Returns the stream from its first byte.
    pub(crate) fn decoder(&self) -> Result<Decoder, Unreadable> {
        Ok(sources::unpack(self.file.try_clone().map_err(Unreadable::Open)?)?)
    }
}

/// Reads up to `bytes` bytes of a stream from `start` on, fewer at its end.
fn read_at(mut decoder: Decoder, start: u64, bytes: usize) -> io::Result<Vec<u8>> {
    let mut there = Vec::with_capacity(bytes);
    if decoder.skip(start)? == start {
        #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
        decoder.take(bytes as u64).read_to_end(&mut there)?;
    }
    Ok(there)
}

/// Returns the length of the hole at the start of a file: bytes that were never written.
fn unwritten(file: &File) -> u64 {
    // A file that is only a hole is read as zeros.
    rustix::fs::seek(file, SeekFrom::Data(0)).unwrap_or(0)
}

impl Head {
    /// Returns the digest of the first `bytes` bytes of the stream; `None` if there are fewer.
    pub(crate) fn digest(&self, bytes: usize) -> Option<Digest> {
        self.bytes.get(..bytes).map(Digest::of)
    }

    /// Returns the number of bytes in the head.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the first bytes after the hole.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the length of the stream; `None` if only unpacking or decoding would tell.
    pub(crate) fn stream_bytes(&self) -> Option<u64> {
        self.mark_bytes.map(|mark| self.stat.bytes.saturating_sub(mark))
    }

    /// Returns whether the head distinguishes this file from others. Empty lines, and header or
    /// comment lines, do not, because many files begin with them.
    ///
    /// If `is_finished` is true, a last line without its end counts too.
    pub(crate) fn tells(&self, is_finished: bool) -> bool {
        self.bytes.len() == HEAD_BYTES
            || self.bytes.split_inclusive(|&byte| byte == b'\n').any(|line| {
                (is_finished || line.ends_with(b"\n"))
                    && !line.starts_with(b"#")
                    && !line.trim_ascii().is_empty()
            })
    }
}
