//! A log file as it lies there: opened once, so that what is looked at is what is read, whoever renames it meanwhile.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use threatsieve_blacklist::Timestamp;

use crate::sources::{self, Damage, Decoder};

/// Bytes of the unpacked stream that a file is known by.
pub(crate) const HEAD_BYTES: usize = 4096;

/// What the file system says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// On disk.
    pub(crate) bytes: u64,
    pub(crate) modified: Timestamp,
}

impl Stat {
    pub(crate) fn of(metadata: &std::fs::Metadata) -> Stat {
        let micros = metadata.mtime_nsec() / 1000;
        Stat {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: Timestamp(metadata.mtime().saturating_mul(1_000_000).saturating_add(micros)),
        }
    }

    /// Whether both are of one file, whatever it holds.
    pub(crate) fn is_same_file(&self, other: &Stat) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

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
        let mut decoder = sources::unpack(file.try_clone().map_err(Unreadable::Open)?)?;
        let is_packed = decoder.is_packed();
        let mark_bytes = decoder.mark_bytes();
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

/// BLAKE3 of a file's first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Digest(pub(crate) [u8; 32]);

impl Digest {
    pub(crate) fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }
}
