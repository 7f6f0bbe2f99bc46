//! A log file as it lies there: opened once, so that what is looked at is what is read, whoever renames it meanwhile.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::SeekFrom;

use crate::sources::{self, Damage, Decoder};
use crate::store::files::{Digest, Stat, Tail};

/// Bytes of the unpacked stream that a file is known by.
pub(crate) const HEAD_BYTES: usize = 4096;

/// Why a file cannot be read, or not to its end.
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

/// How a file begins.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) stat: Stat,
    /// Zeros before them: the hole that `copytruncate` leaves where a program goes on writing at its
    /// old offset. It says nothing of the file, and grows with each rotation.
    pub(crate) hole: u64,
    /// Up to [`HEAD_BYTES`] of the unpacked stream.
    bytes: Vec<u8>,
    pub(crate) is_packed: bool,
    /// Bytes on disk before a stream that lies there as it is: a byte order mark. `None` when only
    /// reading would tell how long the stream is.
    mark_bytes: Option<u64>,
    /// What kept the head from being longer.
    pub(crate) damage: Option<Damage>,
}

impl Opened {
    pub(crate) fn open(path: &Path) -> Result<Opened, Unreadable> {
        // Opening a pipe would wait for its writer.
        let is_file = std::fs::metadata(path).map_err(Unreadable::Open)?.is_file();
        if !is_file {
            return Err(Unreadable::NotRegular);
        }
        let file = File::open(path).map_err(Unreadable::Open)?;
        let stat = Stat::of(&file.metadata().map_err(Unreadable::Open)?);
        // Asked first: it moves the place at which the decoder reads.
        let unwritten = unwritten(&file);
        let mut decoder = sources::unpack(file.try_clone().map_err(Unreadable::Open)?)?;
        let is_packed = decoder.is_packed();
        let mark_bytes = decoder.mark_bytes();
        // Only a stream that lies on disk as it is can have the disk's holes.
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

    /// Whether what stands before an offset of its stream is what stood there. A compressed stream that
    /// cannot be read that far counts as if it were: it is still being written.
    pub(crate) fn has_tail(&self, offset: u64, tail: &Tail) -> bool {
        let Ok(decoder) = self.decoder() else { return false };
        let Some(start) = offset.checked_sub(tail.bytes as u64) else { return false };
        match read_at(decoder, start, tail.bytes) {
            Ok(there) => Tail::of(&there) == *tail,
            Err(_) => self.head.is_packed,
        }
    }

    /// Its stream from the first byte on.
    pub(crate) fn decoder(&self) -> Result<Decoder, Unreadable> {
        Ok(sources::unpack(self.file.try_clone().map_err(Unreadable::Open)?)?)
    }
}

/// Up to `bytes` bytes of a stream from `start` on: fewer where it ends before.
fn read_at(mut decoder: Decoder, start: u64, bytes: usize) -> io::Result<Vec<u8>> {
    let mut there = Vec::with_capacity(bytes);
    if decoder.skip(start)? == start {
        #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
        decoder.take(bytes as u64).read_to_end(&mut there)?;
    }
    Ok(there)
}

/// Bytes of a file, from its start on, that were never written: its first hole.
fn unwritten(file: &File) -> u64 {
    // A file that is nothing but a hole is read as zeros.
    rustix::fs::seek(file, SeekFrom::Data(0)).unwrap_or(0)
}

impl Head {
    /// The digest of the first `bytes` of the stream; `None` when there are fewer.
    pub(crate) fn digest(&self, bytes: usize) -> Option<Digest> {
        self.bytes.get(..bytes).map(Digest::of)
    }

    /// Bytes of the stream that are at hand here.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The first bytes after the hole.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of the stream; `None` when only unpacking or decoding would tell.
    pub(crate) fn stream_bytes(&self) -> Option<u64> {
        self.mark_bytes.map(|mark| self.stat.bytes.saturating_sub(mark))
    }

    /// Whether it holds something that tells the file from others: other than header or comment lines, which many files begin
    /// with. A last line counts without its end when that is not waited for.
    pub(crate) fn tells(&self, is_finished: bool) -> bool {
        self.bytes.len() == HEAD_BYTES
            || self.bytes.split_inclusive(|&byte| byte == b'\n').any(|line| {
                (is_finished || line.ends_with(b"\n"))
                    && !line.starts_with(b"#")
                    && !line.trim_ascii().is_empty()
            })
    }
}
