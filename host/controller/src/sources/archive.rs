//! Archives with one file: zip and tar. The file is read as a stream, so an archive on standard
//! input is read too.

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::DeflateDecoder;

/// The size of a block of tar.
pub(super) const TAR_BLOCK_BYTES: usize = 512;
/// The most bytes of names and attributes before the file of a tar archive.
const MAX_TAR_EXTRAS_BYTES: u64 = 1024 * 1024;

const ZIP_FILE: u32 = 0x0403_4b50;
const ZIP_DESCRIPTOR: u32 = 0x0807_4b50;
const ZIP_ENCRYPTED: u16 = 1;
const ZIP_SIZES_FOLLOW: u16 = 8;

fn wrong(expected: &str, got: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("expected {expected}, got {got}"))
}

fn several() -> io::Error {
    wrong("an archive with one file", "several files; unpack it, and give the file")
}

/// An input that waits until bytes are available, even if its reader could do something else
/// meanwhile. The parts of an archive are read as a whole.
pub(super) struct Patient<R>(pub(super) R);

impl<R: Read> Read for Patient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }
}

impl<R: BufRead> BufRead for Patient<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while let Err(error) = self.0.fill_buf() {
            if error.kind() != ErrorKind::WouldBlock {
                return Err(error);
            }
        }
        self.0.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.0.consume(n);
    }
}

/// The one file of a zip archive (PKWARE's APPNOTE 6.3.10, section 4.3).
pub(super) struct ZipMember<R> {
    /// `None` while one state is replaced by another, and after an error.
    state: Option<ZipState<R>>,
    flags: u16,
    crc: flate2::Crc,
    /// The checksum from the header; `None` if it follows the content.
    expected_crc: Option<u32>,
}

enum ZipState<R> {
    Header(R),
    Stored(R, u64),
    Deflated(Box<DeflateDecoder<R>>),
    End(R),
}

impl<R: BufRead> ZipMember<R> {
    pub(super) fn new(input: R) -> ZipMember<R> {
        let state = Some(ZipState::Header(input));
        ZipMember { state, flags: 0, crc: flate2::Crc::new(), expected_crc: None }
    }

    /// The archive's bytes.
    pub(super) fn get_ref(&self) -> Option<&R> {
        self.state.as_ref().map(|state| match state {
            ZipState::Header(input) | ZipState::Stored(input, _) | ZipState::End(input) => input,
            ZipState::Deflated(decoder) => decoder.get_ref(),
        })
    }

    /// Reads the header of the first file. Folders before it are skipped.
    fn start(&mut self, mut input: R) -> io::Result<ZipState<R>> {
        loop {
            let mut header = [0; 30];
            input.read_exact(&mut header)?;
            let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
            let long = |at: usize| {
                u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
            };
            if long(0) != ZIP_FILE {
                return Err(wrong("a file in the archive", "none"));
            }
            let (flags, method, size) = (number(6), number(8), long(18));
            let mut name = vec![0; number(26).into()];
            input.read_exact(&mut name)?;
            let mut extra = vec![0; number(28).into()];
            input.read_exact(&mut extra)?;
            if name.ends_with(b"/") && flags & ZIP_SIZES_FOLLOW == 0 {
                skip(&mut input, size.into())?;
                continue;
            }
            if flags & ZIP_ENCRYPTED != 0 {
                return Err(wrong("a file without a password", "an encrypted one"));
            }
            self.flags = flags;
            self.expected_crc = (flags & ZIP_SIZES_FOLLOW == 0).then(|| long(14));
            return match method {
                0 if flags & ZIP_SIZES_FOLLOW == 0 => Ok(ZipState::Stored(input, size.into())),
                8 => Ok(ZipState::Deflated(Box::new(DeflateDecoder::new(input)))),
                _ => Err(wrong("a file that is stored or deflated", "another method")),
            };
        }
    }

    /// Checks the checksum, and that no other file follows.
    fn finish(&self, input: &mut R) -> io::Result<()> {
        let mut next = read_number(input)?;
        let mut expected = self.expected_crc;
        if self.flags & ZIP_SIZES_FOLLOW != 0 {
            // The signature before the checksum is optional, and sizes have 4 or 8 bytes each.
            if next == Some(ZIP_DESCRIPTOR) {
                next = read_number(input)?;
            }
            expected = next;
            for _ in 0..4 {
                next = read_number(input)?;
                if next.is_some_and(|next| next & 0xffff == ZIP_FILE & 0xffff) {
                    break;
                }
            }
        }
        if expected != Some(self.crc.sum()) {
            return Err(wrong("the checksum of the file", "another one"));
        }
        if next == Some(ZIP_FILE) { Err(several()) } else { Ok(()) }
    }
}

/// Reads a number of four bytes; `None` at the end of the input.
fn read_number(input: &mut impl Read) -> io::Result<Option<u32>> {
    let mut bytes = [0; 4];
    match input.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(u32::from_le_bytes(bytes))),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

impl<R: BufRead> Read for ZipMember<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // After an error there is no state, and the caller repeats the error.
            let Some(state) = self.state.take() else { return Ok(0) };
            let (n, state) = match state {
                ZipState::Header(input) => {
                    self.state = Some(self.start(input)?);
                    continue;
                }
                ZipState::Stored(mut input, left) => {
                    let n = (&mut input).take(left).read(buffer)?;
                    if n == 0 && left > 0 && !buffer.is_empty() {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                    (n, ZipState::Stored(input, left - n as u64))
                }
                ZipState::Deflated(mut decoder) => {
                    (decoder.read(buffer)?, ZipState::Deflated(decoder))
                }
                ZipState::End(input) => {
                    self.state = Some(ZipState::End(input));
                    return Ok(0);
                }
            };
            self.crc.update(&buffer[..n]);
            if n > 0 || buffer.is_empty() {
                self.state = Some(state);
                return Ok(n);
            }
            let mut input = match state {
                ZipState::Header(input) | ZipState::Stored(input, _) | ZipState::End(input) => {
                    input
                }
                ZipState::Deflated(decoder) => decoder.into_inner(),
            };
            self.finish(&mut input)?;
            self.state = Some(ZipState::End(input));
        }
    }
}

/// The one file of a tar archive (POSIX.1-2024, pax).
#[derive(Debug, Default)]
pub(super) struct TarMember {
    is_found: bool,
    is_over: bool,
    /// The rest of the file.
    left: u64,
    /// Zero bytes up to the end of the file's last block.
    padding: u64,
    extras: u64,
}

impl TarMember {
    /// Returns whether a block is the header of a tar archive: it has the sign of POSIX or GNU, and
    /// the right checksum.
    pub(super) fn starts_with(block: &[u8]) -> bool {
        block.len() >= TAR_BLOCK_BYTES && block[257..].starts_with(b"ustar") && is_header(block)
    }

    /// Reads the file's next bytes from the archive.
    pub(super) fn read(&mut self, input: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 && !self.is_over {
            skip(input, std::mem::take(&mut self.padding))?;
            let mut block = [0; TAR_BLOCK_BYTES];
            input.read_exact(&mut block)?;
            if block.iter().all(|byte| *byte == 0) {
                self.is_over = true;
                break;
            }
            if !is_header(&block) {
                return Err(wrong("the header of a file", "other bytes"));
            }
            let size = size(&block)?;
            let padding = size.next_multiple_of(TAR_BLOCK_BYTES as u64) - size;
            match block[156] {
                b'0' | 0 | b'7' if self.is_found => return Err(several()),
                b'0' | 0 | b'7' => {
                    (self.is_found, self.left, self.padding) = (true, size, padding);
                    if size == 0 {
                        continue;
                    }
                }
                // Folders, and names and attributes of what follows.
                b'5' | b'x' | b'g' | b'L' | b'K' => {
                    self.extras += size + padding;
                    if self.extras > MAX_TAR_EXTRAS_BYTES {
                        return Err(wrong("at most 1 MiB of names and attributes", "more"));
                    }
                    skip(input, size + padding)?;
                }
                _ => return Err(wrong("an archive with one file", "a link or device")),
            }
        }
        if self.is_over {
            return if self.is_found { Ok(0) } else { Err(wrong("a file in the archive", "none")) };
        }
        let n = input.take(self.left).read(buffer)?;
        if n == 0 && !buffer.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.left -= n as u64;
        Ok(n)
    }
}

/// Returns whether the checksum of a block is that of a header. The checksum itself counts as
/// blanks.
fn is_header(block: &[u8]) -> bool {
    let sum: u64 = (0..TAR_BLOCK_BYTES)
        .map(|at| if (148..156).contains(&at) { b' ' } else { block[at] })
        .map(u64::from)
        .sum();
    octal(&block[148..156]) == Some(sum)
}

fn size(block: &[u8]) -> io::Result<u64> {
    let field = &block[124..136];
    // GNU writes large sizes in binary.
    let number = match field[0] {
        0x80 => {
            let bytes: [u8; 8] = field[4..].try_into().unwrap_or_default();
            Some(u64::from_be_bytes(bytes)).filter(|_| field[1..4] == [0; 3])
        }
        _ => octal(field),
    };
    number.filter(|size| *size < 1 << 60).ok_or_else(|| wrong("the size of a file", "other bytes"))
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}

fn skip(input: &mut dyn Read, bytes: u64) -> io::Result<()> {
    match io::copy(&mut input.take(bytes), &mut io::sink())? {
        skipped if skipped == bytes => Ok(()),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}
