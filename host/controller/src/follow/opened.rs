//! A log file as it lies there: opened once, so that what is looked at is what is read, whoever renames it meanwhile.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::sources::{self, Damage, Decoder};
use crate::store::files::{Digest, Stat};

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
    /// Up to [`HEAD_BYTES`] of the unpacked stream.
    bytes: Vec<u8>,
    pub(crate) is_packed: bool,
    /// Bytes on disk before the stream of a file that is not packed: a byte order mark.
    mark_bytes: u64,
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
        let mut decoder = sources::unpack(file.try_clone().map_err(Unreadable::Open)?)?;
        let is_packed = decoder.is_packed();
        let mark_bytes = if is_packed { 0 } else { decoder.taken() };
        let mut bytes = vec![0; HEAD_BYTES];
        let (mut used, mut damage) = (0, None);
        while used < HEAD_BYTES {
            match decoder.read(&mut bytes[used..]) {
                Ok(0) => break,
                Ok(n) => used += n,
                Err(error) => {
                    damage = Some(decoder.damage(error));
                    break;
                }
            }
        }
        bytes.truncate(used);
        Ok(Opened { file, head: Head { stat, bytes, is_packed, mark_bytes, damage } })
    }

    /// Its stream from the first byte on.
    pub(crate) fn decoder(&self) -> Result<Decoder, Unreadable> {
        Ok(sources::unpack(self.file.try_clone().map_err(Unreadable::Open)?)?)
    }
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

    /// Whether the other file begins as this one does, as far as this one goes.
    pub(crate) fn is_front_of(&self, other: &Head) -> bool {
        other.bytes.starts_with(&self.bytes)
    }

    /// Bytes of the stream; `None` when only unpacking would tell.
    pub(crate) fn stream_bytes(&self) -> Option<u64> {
        (!self.is_packed).then(|| self.stat.bytes.saturating_sub(self.mark_bytes))
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
