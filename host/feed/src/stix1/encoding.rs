//! Encodings other than UTF-8, as an XML declaration names them.

use std::io::{self, BufRead, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};

use super::xml::read_buffered;

/// The number of bytes in which a declaration must end.
const DECLARATION_BYTES: usize = 256;
/// The number of decoded bytes kept at a time.
const BUFFER_BYTES: usize = 16 * 1024;

/// Reads the first bytes of an input: enough for an XML declaration.
pub(super) fn start(input: &mut dyn BufRead) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    while start.len() < DECLARATION_BYTES && !start.contains(&b'>') {
        let bytes = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            bytes => bytes?,
        };
        let count = bytes.len().min(DECLARATION_BYTES - start.len());
        if count == 0 {
            break;
        }
        start.extend_from_slice(&bytes[..count]);
        input.consume(count);
    }
    Ok(start)
}

/// Returns the encoding of an input with these first bytes; `None` for UTF-8. The error is the name
/// of an unknown encoding.
///
/// UTF-16 is not one of them: its declaration can only be read here if the input was decoded
/// before.
pub(super) fn declared(start: &[u8]) -> Result<Option<&'static Encoding>, String> {
    let Some(label) = label(start) else { return Ok(None) };
    match Encoding::for_label(label.as_bytes()) {
        Some(encoding) if [UTF_8, UTF_16LE, UTF_16BE].contains(&encoding) => Ok(None),
        Some(encoding) if encoding != REPLACEMENT && encoding.is_ascii_compatible() => {
            Ok(Some(encoding))
        }
        _ => Err(label.to_owned()),
    }
}

/// Returns the value of `encoding` in an XML declaration.
fn label(start: &[u8]) -> Option<&str> {
    let declaration = start.trim_ascii_start().strip_prefix(b"<?xml")?;
    let end = declaration.windows(2).position(|two| two == b"?>")?;
    let declaration = std::str::from_utf8(&declaration[..end]).ok()?;
    let (_, rest) = declaration.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    rest[1..].split_once(quote).map(|(label, _)| label.trim())
}

/// An input in another encoding, as UTF-8.
pub(super) struct Decoded<R> {
    input: R,
    decoder: Decoder,
    buffer: Vec<u8>,
    /// The part of the buffer that was consumed.
    consumed: usize,
    is_all: bool,
}

impl<R: BufRead> Decoded<R> {
    pub(super) fn new(input: R, encoding: &'static Encoding) -> Decoded<R> {
        let decoder = encoding.new_decoder_without_bom_handling();
        Decoded { input, decoder, buffer: Vec::new(), consumed: 0, is_all: false }
    }

    fn refill(&mut self) -> io::Result<()> {
        let bytes = self.input.fill_buf()?;
        self.buffer.resize(BUFFER_BYTES, 0);
        let is_all = bytes.is_empty();
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(bytes, &mut self.buffer, is_all);
        self.input.consume(read);
        self.buffer.truncate(written);
        match result {
            DecoderResult::Malformed(..) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("expected text in {}, got other bytes", self.decoder.encoding().name()),
            )),
            DecoderResult::InputEmpty => {
                self.is_all = is_all;
                Ok(())
            }
            DecoderResult::OutputFull => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}

impl<R: BufRead> BufRead for Decoded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.consumed == self.buffer.len() && !self.is_all {
            self.consumed = 0;
            self.buffer.clear();
            self.refill()?;
        }
        Ok(&self.buffer[self.consumed..])
    }

    fn consume(&mut self, count: usize) {
        self.consumed += count;
    }
}
