//! Reads an input as text: unpacks it as a stream, decodes it, and locates damage.
//!
//! The first bytes show if and how an input is compressed. The unpacked bytes are made UTF-8 by
//! [`Text`]. For a format that is not supported, the error names a command that converts it to
//! text.

use std::io::{self, BufRead, ErrorKind, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;

use super::archive::{Patient, TAR_BLOCK_BYTES, TarMember, ZipMember};
use super::raw::Counted;
use super::text::{Encoding, Text};

/// The kind of input that its first bytes show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    Plain,
    Gzip,
    Zstd,
    Bzip,
    Xz,
    Zip,
    Foreign(Foreign),
}

/// The most memory for a dictionary of xz: 256 MiB, in KiB. `xz -9` needs 65 MiB.
const MAX_XZ_KIB: u32 = 256 * 1024;

/// A format that is not supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// The format, and what is supported instead.
    is: &'static str,
    /// The command that converts it to text.
    command: &'static str,
}

/// The first bytes of an unsupported format.
const fn foreign(is: &'static str, command: &'static str) -> Beginning {
    Beginning::Foreign(Foreign { is, command })
}

/// The first bytes of each kind. Zstandard: RFC 8878 sections 3.1.1 and 3.1.2 (skippable frames,
/// the common ones).
const BEGINNINGS: &[(&[u8], Beginning)] = &[
    (b"\x1f\x8b", Beginning::Gzip),
    (b"\x28\xb5\x2f\xfd", Beginning::Zstd),
    (b"\x50\x2a\x4d\x18", Beginning::Zstd),
    (b"\x5d\x2a\x4d\x18", Beginning::Zstd),
    (b"\xfd7zXZ\x00", Beginning::Xz),
    (b"BZh91AY&SY", Beginning::Bzip),
    (b"PK\x03\x04", Beginning::Zip),
    (
        b"\x04\x22\x4d\x18",
        foreign(
            "compressed with lz4, but only gzip, zstd, bzip2, xz and zip are unpacked",
            "lz4 -dc",
        ),
    ),
    (
        b"7z\xbc\xaf\x27\x1c",
        foreign(
            "compressed with 7-Zip, but only gzip, zstd, bzip2, xz and zip are unpacked",
            "7z x -so",
        ),
    ),
    (
        b"Rar!\x1a\x07",
        foreign(
            "compressed with RAR, but only gzip, zstd, bzip2, xz and zip are unpacked",
            "unrar p -inul",
        ),
    ),
    (
        b"\x1f\x9d",
        foreign(
            "compressed with compress, but only gzip, zstd, bzip2, xz and zip are unpacked",
            "uncompress -c",
        ),
    ),
    (
        b"ElfFile\0",
        foreign("a Windows event log (EVTX), but only text is read", "evtx_dump -o jsonl"),
    ),
    (b"LPKSHHRH", foreign("a systemd journal, but only text is read", "journalctl -o json --file")),
    (
        b"\x0a\x0d\x0d\x0a",
        foreign("a packet capture (pcapng), but only text is read", "tcpdump -nn -r"),
    ),
    (
        b"\xd4\xc3\xb2\xa1",
        foreign("a packet capture (pcap), but only text is read", "tcpdump -nn -r"),
    ),
    (
        b"\xa1\xb2\xc3\xd4",
        foreign("a packet capture (pcap), but only text is read", "tcpdump -nn -r"),
    ),
];

impl Beginning {
    /// Returns the kind of an input with these first bytes, or `None` if more bytes are needed.
    fn of(bytes: &[u8]) -> Option<Beginning> {
        if let Some((_, kind)) = BEGINNINGS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Some(*kind);
        }
        let open = BEGINNINGS.iter().any(|(magic, _)| magic.starts_with(bytes));
        (!open).then_some(Beginning::Plain)
    }
}

/// Returns whether an input with these first bytes is compressed.
pub(crate) fn is_packed(first: &[u8]) -> bool {
    !matches!(Beginning::of(first), None | Some(Beginning::Plain))
}

/// Returns the encoding as a foreign format, if it is not supported.
fn foreign_encoding(encoding: Encoding) -> Option<Foreign> {
    const IS: &str = "encoded in UTF-32, but only UTF-8 and UTF-16 are decoded";
    match encoding {
        Encoding::Utf8 | Encoding::Utf16Le | Encoding::Utf16Be => None,
        Encoding::Utf32Le => Some(Foreign { is: IS, command: "iconv -f UTF-32LE -t UTF-8" }),
        Encoding::Utf32Be => Some(Foreign { is: IS, command: "iconv -f UTF-32BE -t UTF-8" }),
    }
}

/// The reason why an input could not be read to its end. Everything read before is valid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Damage {
    /// The compressed data is damaged.
    #[error("damaged {codec} data near byte {offset} of the compressed file: {what}")]
    Compressed {
        codec: &'static str,
        /// Number of compressed bytes read when the damage was found.
        offset: u64,
        what: String,
    },
    /// Reading failed.
    #[error("cannot be read past byte {offset}")]
    Unreadable { offset: u64, source: io::Error },
    /// The compression, the encoding or the kind of file is not supported.
    #[error("{}; try `{} FILE | threatsieve ... -`", .0.is, .0.command)]
    Foreign(Foreign),
}

enum Codec {
    Plain(Counted),
    /// Successive gzip members (RFC 1952 section 2.2). `None` only while one member is replaced by
    /// the next.
    Gzip(Option<Box<GzDecoder<Counted>>>),
    Zstd(Box<zstd::Decoder<'static, Counted>>),
    Bzip(Box<MultiBzDecoder<Patient<Counted>>>),
    Xz(Box<XzReader<Patient<Counted>>>),
    Zip(Box<ZipMember<Patient<Counted>>>),
}

/// The unpacked bytes of an input. If they are a tar archive, those of the file in it.
struct Contents {
    codec: Codec,
    /// The first unpacked bytes, which were read to see if they are a tar archive.
    front: Vec<u8>,
    front_at: usize,
    is_known: bool,
    tar: Option<TarMember>,
    /// The error that ended the reading. Every later attempt ends with it too.
    failed: Option<(ErrorKind, String)>,
}

/// An input, unpacked and decoded.
pub(crate) struct Decoder {
    text: Text<Contents>,
}

impl Decoder {
    /// Chooses how to read an input by its first bytes.
    pub(crate) fn new(mut input: Counted) -> Result<Decoder, Damage> {
        let unreadable = |source| Damage::Unreadable { offset: 0, source };
        let first = input.peek(|bytes| Beginning::of(bytes).is_some()).map_err(unreadable)?;
        let mut tar = None;
        let codec = match Beginning::of(first).unwrap_or(Beginning::Plain) {
            Beginning::Plain => {
                let block = input.peek(may_not_be_tar).map_err(unreadable)?;
                tar = TarMember::starts_with(block).then(TarMember::default);
                Codec::Plain(input)
            }
            Beginning::Gzip => Codec::Gzip(Some(Box::new(GzDecoder::new(input)))),
            Beginning::Zstd => {
                Codec::Zstd(Box::new(zstd::Decoder::with_buffer(input).map_err(unreadable)?))
            }
            Beginning::Bzip => Codec::Bzip(Box::new(MultiBzDecoder::new(Patient(input)))),
            Beginning::Xz => {
                Codec::Xz(Box::new(XzReader::new_mem_limit(Patient(input), true, MAX_XZ_KIB)))
            }
            Beginning::Zip => Codec::Zip(Box::new(ZipMember::new(Patient(input)))),
            Beginning::Foreign(foreign) => return Err(Damage::Foreign(foreign)),
        };
        let is_known = matches!(codec, Codec::Plain(_));
        let text = Text::new(Contents {
            codec,
            front: Vec::new(),
            front_at: 0,
            is_known,
            tar,
            failed: None,
        });
        match foreign_encoding(text.encoding()) {
            Some(foreign) => Err(Damage::Foreign(foreign)),
            None => Ok(Decoder { text }),
        }
    }

    /// Returns whether the input is compressed.
    pub(crate) fn is_packed(&self) -> bool {
        let Contents { codec, tar, .. } = self.text.input();
        !matches!(codec, Codec::Plain(_)) || tar.is_some()
    }

    /// Returns the length in bytes of the byte order mark, if all following bytes of the stored
    /// file are the bytes of the text. `None` if only reading shows how long the text is.
    pub(crate) fn mark_bytes(&self) -> Option<u64> {
        (!self.is_packed() && self.text.is_as_stored()).then(|| self.text.mark_bytes() as u64)
    }

    /// Skips the first `bytes` of the text. Returns how many bytes there were. If the text is
    /// stored on disk unchanged, the bytes are not read. Then it is unknown if there were that
    /// many, and `bytes` is returned.
    pub(crate) fn skip(&mut self, bytes: u64) -> io::Result<u64> {
        let seek = |contents: &mut Contents, bytes| match &mut contents.codec {
            Codec::Plain(input) => input.skip(bytes),
            _ => Ok(()),
        };
        let seek = (!self.is_packed()).then_some(seek);
        self.text.skip(bytes, seek)
    }

    /// Number of bytes read from the input so far, before unpacking.
    pub(crate) fn taken(&self) -> u64 {
        match &self.text.input().codec {
            Codec::Plain(input) => input.taken(),
            Codec::Gzip(member) => member.as_ref().map_or(0, |member| member.get_ref().taken()),
            Codec::Zstd(frames) => frames.get_ref().taken(),
            Codec::Bzip(streams) => streams.get_ref().0.taken(),
            Codec::Xz(streams) => streams.inner().0.taken(),
            Codec::Zip(member) => member.get_ref().map_or(0, |input| input.0.taken()),
        }
    }

    /// Explains a failed [`Read::read`].
    pub(crate) fn damage(&self, error: io::Error) -> Damage {
        let Contents { codec, tar, .. } = self.text.input();
        let codec = match codec {
            // The operating system's own errors are not about the data.
            _ if error.raw_os_error().is_some() => "",
            Codec::Plain(_) if tar.is_some() => "tar",
            Codec::Plain(_) => "",
            Codec::Gzip(_) => "gzip",
            Codec::Zstd(_) => "zstd",
            Codec::Bzip(_) => "bzip2",
            Codec::Xz(_) => "xz",
            Codec::Zip(_) => "zip",
        };
        match (codec, error.kind()) {
            ("", _) => Damage::Unreadable { offset: self.taken(), source: error },
            (codec, ErrorKind::UnexpectedEof) => Damage::Compressed {
                codec,
                offset: self.taken(),
                what: "it ends in the middle".into(),
            },
            (codec, _) => {
                Damage::Compressed { codec, offset: self.taken(), what: error.to_string() }
            }
        }
    }
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.text.read(buffer)
    }
}

/// Returns whether the first bytes of an input are enough to know that it is no tar archive, or are
/// a whole block of one. The name of a file, with which an archive starts, has no line end.
fn may_not_be_tar(bytes: &[u8]) -> bool {
    bytes.len() >= TAR_BLOCK_BYTES || bytes.contains(&b'\n')
}

impl Contents {
    /// Reads the first unpacked bytes.
    fn look(&mut self) -> io::Result<()> {
        while !may_not_be_tar(&self.front) {
            let mut block = [0; TAR_BLOCK_BYTES];
            let room = TAR_BLOCK_BYTES - self.front.len();
            let n = self.codec.read(&mut block[..room])?;
            if n == 0 {
                break;
            }
            self.front.extend_from_slice(&block[..n]);
        }
        self.is_known = true;
        self.tar = TarMember::starts_with(&self.front).then(TarMember::default);
        Ok(())
    }
}

impl Contents {
    fn read_on(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_known {
            self.look()?;
        }
        let (codec, front, at) = (&mut self.codec, &self.front, &mut self.front_at);
        let mut bytes = Unread { codec, front, at };
        match &mut self.tar {
            Some(tar) => tar.read(&mut Patient(bytes), buffer),
            None => bytes.read(buffer),
        }
    }
}

impl Read for Contents {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some((kind, what)) = &self.failed {
            return Err(io::Error::new(*kind, what.clone()));
        }
        let read = self.read_on(buffer);
        let of_data = read.as_ref().err().filter(|error| {
            error.raw_os_error().is_none()
                && !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
        });
        self.failed = of_data.map(|error| (error.kind(), error.to_string()));
        read
    }
}

/// The first unpacked bytes, and then the others.
struct Unread<'a> {
    codec: &'a mut Codec,
    front: &'a [u8],
    at: &'a mut usize,
}

impl Read for Unread<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut front = &self.front[*self.at..];
        if front.is_empty() {
            return self.codec.read(buffer);
        }
        let n = front.read(buffer)?;
        *self.at += n;
        Ok(n)
    }
}

impl Read for Codec {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Codec::Plain(input) => input.read(buffer),
            Codec::Zstd(frames) => frames.read(buffer),
            Codec::Gzip(member) => read_members(member, buffer),
            Codec::Bzip(streams) => streams.read(buffer),
            Codec::Xz(streams) => streams.read(buffer),
            Codec::Zip(member) => member.read(buffer),
        }
    }
}

/// Continues with the next member when one ends. Skips zero bytes between members, with which tapes
/// and block devices are padded.
fn read_members(
    member: &mut Option<Box<GzDecoder<Counted>>>,
    buffer: &mut [u8],
) -> io::Result<usize> {
    while let Some(current) = member.as_mut() {
        let n = current.read(buffer)?;
        if n > 0 || buffer.is_empty() {
            return Ok(n);
        }
        let rest = current.get_mut();
        let zeros = loop {
            let bytes = rest.fill_buf()?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            if zeros < bytes.len() || bytes.is_empty() {
                break zeros;
            }
            rest.consume(zeros);
        };
        rest.consume(zeros);
        if rest.fill_buf()?.is_empty() {
            return Ok(0);
        }
        let rest = member.take().map(|member| member.into_inner());
        *member = rest.map(|rest| Box::new(GzDecoder::new(rest)));
    }
    Ok(0)
}
