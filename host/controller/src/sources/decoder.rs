//! Decompression told by the first bytes, streaming, and damage with its place.

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::GzDecoder;

use super::raw::Counted;

/// A UTF-8 byte order mark, as Windows tools put it before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How an input begins, and what that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    Plain,
    ByteOrderMark,
    Gzip,
    Zstd,
    /// Compressed or packed by something that is not read here; the command that unpacks it.
    Foreign(&'static str, &'static str),
}

/// The first bytes of each kind. Zstandard: RFC 8878 sections 3.1.1 and 3.1.2 (skippable frames, the common ones).
const BEGINNINGS: &[(&[u8], Beginning)] = &[
    (BYTE_ORDER_MARK, Beginning::ByteOrderMark),
    (b"\x1f\x8b", Beginning::Gzip),
    (b"\x28\xb5\x2f\xfd", Beginning::Zstd),
    (b"\x50\x2a\x4d\x18", Beginning::Zstd),
    (b"\x5d\x2a\x4d\x18", Beginning::Zstd),
    (b"\xfd7zXZ\x00", Beginning::Foreign("xz", "xz -dc")),
    (b"BZh91AY&SY", Beginning::Foreign("bzip2", "bzip2 -dc")),
    (b"\x04\x22\x4d\x18", Beginning::Foreign("lz4", "lz4 -dc")),
    (b"PK\x03\x04", Beginning::Foreign("zip", "unzip -p")),
];

impl Beginning {
    /// What begins with these bytes; `None` while more of them are needed to tell.
    fn of(bytes: &[u8]) -> Option<Beginning> {
        if let Some((_, kind)) = BEGINNINGS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Some(*kind);
        }
        let open = BEGINNINGS.iter().any(|(magic, _)| magic.starts_with(bytes));
        (!open).then_some(Beginning::Plain)
    }
}

/// Why an input could not be read to its end. What came before is as good as in an undamaged one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Damage {
    /// The compressed form is broken.
    #[error("damaged {codec} data near byte {offset} of the compressed file: {what}")]
    Compressed {
        codec: &'static str,
        /// Compressed bytes taken when it showed.
        offset: u64,
        what: String,
    },
    /// Reading itself failed.
    #[error("cannot be read past byte {offset}")]
    Unreadable { offset: u64, source: io::Error },
    /// A compression that is not supported.
    #[error(
        "compressed with {codec}, but only gzip and zstd are unpacked; try `{command} FILE | threatsieve ... -`"
    )]
    Foreign { codec: &'static str, command: &'static str },
}

enum Codec {
    Plain(Counted),
    /// One gzip member after the other (RFC 1952 section 2.2); `None` only while one is exchanged for the next.
    Gzip(Option<Box<GzDecoder<Counted>>>),
    Zstd(Box<zstd::Decoder<'static, Counted>>),
}

/// An input, unpacked.
pub(crate) struct Decoder {
    codec: Codec,
}

impl Decoder {
    /// Looks at the first bytes and chooses how to unpack the rest.
    pub(crate) fn new(mut input: Counted) -> Result<Decoder, Damage> {
        let unreadable = |source| Damage::Unreadable { offset: 0, source };
        let first = input.peek(|bytes| Beginning::of(bytes).is_some()).map_err(unreadable)?;
        let codec = match Beginning::of(first).unwrap_or(Beginning::Plain) {
            Beginning::Plain => Codec::Plain(input),
            Beginning::ByteOrderMark => {
                input.skip_peeked(BYTE_ORDER_MARK.len());
                Codec::Plain(input)
            }
            Beginning::Gzip => Codec::Gzip(Some(Box::new(GzDecoder::new(input)))),
            Beginning::Zstd => Codec::Zstd(Box::new(zstd::Decoder::with_buffer(input).map_err(unreadable)?)),
            Beginning::Foreign(codec, command) => return Err(Damage::Foreign { codec, command }),
        };
        Ok(Decoder { codec })
    }

    /// Whether it is compressed.
    pub(crate) fn is_packed(&self) -> bool {
        !matches!(self.codec, Codec::Plain(_))
    }

    /// Passes over the first `bytes` of the unpacked stream; gives how many there were. What is not compressed is not read, and
    /// then nobody knows whether there were so many.
    pub(crate) fn skip(&mut self, bytes: u64) -> io::Result<u64> {
        match &mut self.codec {
            Codec::Plain(input) => input.skip(bytes).map(|()| bytes),
            _ => io::copy(&mut self.take(bytes), &mut io::sink()),
        }
    }

    /// Bytes taken from the input so far, in its packed form.
    pub(crate) fn taken(&self) -> u64 {
        match &self.codec {
            Codec::Plain(input) => input.taken(),
            Codec::Gzip(member) => member.as_ref().map_or(0, |member| member.get_ref().taken()),
            Codec::Zstd(frames) => frames.get_ref().taken(),
        }
    }

    /// What a failed [`Read::read`] means.
    pub(crate) fn damage(&self, error: io::Error) -> Damage {
        let codec = match self.codec {
            // The operating system's own errors are not about the data.
            _ if error.raw_os_error().is_some() => "",
            Codec::Plain(_) => "",
            Codec::Gzip(_) => "gzip",
            Codec::Zstd(_) => "zstd",
        };
        match (codec, error.kind()) {
            ("", _) => Damage::Unreadable { offset: self.taken(), source: error },
            (codec, ErrorKind::UnexpectedEof) => {
                Damage::Compressed { codec, offset: self.taken(), what: "it ends in the middle".into() }
            }
            (codec, _) => Damage::Compressed { codec, offset: self.taken(), what: error.to_string() },
        }
    }
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.codec {
            Codec::Plain(input) => input.read(buffer),
            Codec::Zstd(frames) => frames.read(buffer),
            Codec::Gzip(member) => read_members(member, buffer),
        }
    }
}

/// Reads on in the next member where one ends, past zero bytes between them (tapes and block devices pad with those).
fn read_members(member: &mut Option<Box<GzDecoder<Counted>>>, buffer: &mut [u8]) -> io::Result<usize> {
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
