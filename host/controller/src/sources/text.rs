//! Makes UTF-8 text with line feeds of the bytes of an unpacked input.
//!
//! UTF-16 is decoded, with or without a byte order mark. Classic Mac OS and some appliances end
//! lines with a carriage return alone. It is replaced by a line feed byte for byte, so that offsets
//! in the text stay the same. All other bytes are unchanged.

use std::io::{self, ErrorKind, Read};

use memchr::{memchr_iter, memchr2};

/// Number of bytes of UTF-16 decoded at a time: 32 KiB, which become at most 48 KiB.
const DECODED_BYTES: usize = 32 * 1024;

/// Number of bytes that are searched for the first line end: 64 KiB. If there is none, line feeds
/// are assumed.
const FIRST_LINE_BYTES: usize = 64 * 1024;

/// The encoding of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8, or another encoding whose first 128 characters are those of ASCII.
    Utf8,
    Utf16Le,
    Utf16Be,
    Utf32Le,
    Utf32Be,
}

/// Byte order marks (Unicode 16.0, section 23.8). A longer mark is listed before a shorter one that
/// it begins with.
const MARKS: [(&[u8], Encoding); 5] = [
    (b"\xff\xfe\0\0", Encoding::Utf32Le),
    (b"\0\0\xfe\xff", Encoding::Utf32Be),
    (b"\xef\xbb\xbf", Encoding::Utf8),
    (b"\xff\xfe", Encoding::Utf16Le),
    (b"\xfe\xff", Encoding::Utf16Be),
];

/// Number of bytes that are enough to detect any encoding.
const TELLING_BYTES: usize = 8;

impl Encoding {
    /// Returns the encoding of a text with these first bytes, and the length of its byte order
    /// mark. `None` if more bytes are needed. `is_all` says that there are no more.
    fn of(bytes: &[u8], is_all: bool) -> Option<(Encoding, usize)> {
        let is_open =
            |whole: &[u8]| !is_all && bytes.len() < whole.len() && whole.starts_with(bytes);
        for (mark, encoding) in MARKS {
            if is_open(mark) {
                return None;
            }
            if bytes.starts_with(mark) {
                return Some((encoding, mark.len()));
            }
        }
        // Without a mark, the zero bytes between the first characters show the encoding. These
        // characters are ASCII in any log.
        let is_text = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
        let zeros = bytes.iter().take(TELLING_BYTES).map(|byte| *byte == 0);
        let fits = |pattern: &[bool]| {
            zeros.clone().zip(pattern).all(|(zero, wanted)| zero == *wanted)
                && bytes.iter().take(pattern.len()).all(|&byte| byte == 0 || is_text(byte))
        };
        const O: bool = false;
        const Z: bool = true;
        let patterns: [(&[bool], Encoding); 4] = [
            (&[O, Z, O, Z], Encoding::Utf16Le),
            (&[Z, O, Z, O], Encoding::Utf16Be),
            (&[O, Z, Z, Z, O, Z, Z, Z], Encoding::Utf32Le),
            (&[Z, Z, Z, O, Z, Z, Z, O], Encoding::Utf32Be),
        ];
        for (pattern, encoding) in patterns {
            if fits(pattern) {
                if bytes.len() >= pattern.len() {
                    return Some((encoding, 0));
                }
                if !is_all {
                    return None;
                }
            }
        }
        Some((Encoding::Utf8, 0))
    }
}

/// The line ends of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    /// No line has ended yet.
    Unknown,
    /// Line feeds, with or without carriage returns before them.
    Feed,
    /// Carriage returns alone.
    Return,
}

/// An input as text.
#[derive(Debug)]
pub(super) struct Text<R> {
    input: R,
    encoding: Encoding,
    /// Length of the byte order mark.
    mark_bytes: usize,
    /// The bytes read to detect the encoding. Those from `front_at` on are not passed on yet.
    front: Vec<u8>,
    front_at: usize,
    /// An error met while reading ahead. It is reported after the bytes before it.
    failed: Option<io::Error>,
    utf16: Utf16,
    line_end: LineEnd,
    /// Number of bytes passed on before the first line end.
    unended_bytes: usize,
    /// A byte that was read to see what follows a carriage return.
    ahead: Option<u8>,
}

impl<R: Read> Text<R> {
    /// Detects the encoding by the first bytes. Waits for them even if the input announces its
    /// waits.
    pub(super) fn new(mut input: R) -> Text<R> {
        let (mut front, mut failed, mut is_all) = (Vec::new(), None, false);
        let (encoding, mark_bytes) = loop {
            if let Some(told) = Encoding::of(&front, is_all) {
                break told;
            }
            let mut byte = [0];
            match input.read(&mut byte) {
                Ok(0) => is_all = true,
                Ok(_) => front.push(byte[0]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => (failed, is_all) = (Some(error), true),
            }
        };
        Text {
            input,
            encoding,
            mark_bytes,
            front,
            front_at: mark_bytes,
            failed,
            utf16: Utf16::default(),
            line_end: LineEnd::Unknown,
            unended_bytes: 0,
            ahead: None,
        }
    }

    pub(super) fn input(&self) -> &R {
        &self.input
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    pub(super) fn mark_bytes(&self) -> usize {
        self.mark_bytes
    }

    /// Returns whether the bytes of the text are the stored bytes, except for the mark.
    pub(super) fn is_as_stored(&self) -> bool {
        self.encoding == Encoding::Utf8
    }

    /// Skips `bytes` of the text. Returns how many bytes there were. If the text is as stored,
    /// `seek` skips bytes of the input. Before that, bytes are read until the kind of line end is
    /// known, and no byte is read ahead.
    pub(super) fn skip(
        &mut self,
        bytes: u64,
        seek: Option<impl FnOnce(&mut R, u64) -> io::Result<()>>,
    ) -> io::Result<u64> {
        let Some(seek) = seek.filter(|_| self.is_as_stored()) else {
            return io::copy(&mut self.take(bytes), &mut io::sink());
        };
        let mut left = bytes;
        let mut passed = [0; 4096];
        while left > 0 && (self.line_end == LineEnd::Unknown || self.reads_ahead()) {
            let most = left.min(passed.len() as u64) as usize;
            match self.read(&mut passed[..most])? {
                0 => return Ok(bytes - left),
                n => left -= n as u64,
            }
        }
        seek(&mut self.input, left)?;
        Ok(bytes)
    }

    fn reads_ahead(&self) -> bool {
        self.front_at < self.front.len() || self.ahead.is_some()
    }

    /// Reads bytes as they are stored.
    fn stored(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut front = &self.front[self.front_at..];
        if !front.is_empty() {
            let n = front.read(buffer)?;
            self.front_at += n;
            return Ok(n);
        }
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.input.read(buffer),
        }
    }

    /// Reads UTF-8, with line ends unchanged.
    fn decoded(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_as_stored() {
            return self.stored(buffer);
        }
        while self.utf16.is_empty() && !self.utf16.is_over {
            let mut bytes = [0; DECODED_BYTES];
            let n = self.stored(&mut bytes)?;
            self.utf16.push(&bytes[..n], self.encoding == Encoding::Utf16Be);
        }
        Ok(self.utf16.take(buffer))
    }

    /// Returns whether the carriage return before the next byte ends a line: not if a line feed
    /// follows. A live input is not waited for. At worst, an empty line is added.
    fn ends_alone(&mut self) -> bool {
        let mut next = [0];
        match self.decoded(&mut next) {
            Ok(0) => true,
            Ok(_) => {
                self.ahead = Some(next[0]);
                next[0] != b'\n'
            }
            Err(error) => {
                if error.kind() != ErrorKind::WouldBlock {
                    self.failed = Some(error);
                }
                true
            }
        }
    }

    /// Replaces carriage returns that end lines alone by line feeds.
    fn feed_lines(&mut self, text: &mut [u8]) {
        if self.line_end == LineEnd::Unknown {
            let most = text.len().min(FIRST_LINE_BYTES - self.unended_bytes);
            let Some(at) = memchr2(b'\n', b'\r', &text[..most]) else {
                self.unended_bytes += most;
                if self.unended_bytes == FIRST_LINE_BYTES {
                    self.line_end = LineEnd::Feed;
                }
                return;
            };
            let is_return = text[at] == b'\r'
                && text.get(at + 1).map_or_else(|| self.ends_alone(), |next| *next != b'\n');
            self.line_end = if is_return { LineEnd::Return } else { LineEnd::Feed };
        }
        if self.line_end == LineEnd::Feed {
            return;
        }
        let returns: Vec<usize> = memchr_iter(b'\r', text).collect();
        for at in returns {
            let is_alone = match text.get(at + 1) {
                Some(next) => *next != b'\n',
                None => self.ahead.map_or_else(|| self.ends_alone(), |next| next != b'\n'),
            };
            if is_alone {
                text[at] = b'\n';
            }
        }
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let n = match self.ahead.take() {
            Some(byte) => {
                buffer[0] = byte;
                1
            }
            None => self.decoded(buffer)?,
        };
        if self.line_end != LineEnd::Feed {
            self.feed_lines(&mut buffer[..n]);
        }
        Ok(n)
    }
}

/// Decodes UTF-16 to UTF-8. Invalid units become U+FFFD.
#[derive(Debug, Default)]
struct Utf16 {
    /// The first bytes of an incomplete character, at most 3.
    begun: Vec<u8>,
    /// Decoded text. Bytes from `taken` on are not passed on yet.
    text: String,
    taken: usize,
    is_over: bool,
}

impl Utf16 {
    fn is_empty(&self) -> bool {
        self.taken == self.text.len()
    }

    /// Decodes the next bytes. No bytes: the input has ended.
    fn push(&mut self, bytes: &[u8], is_big_endian: bool) {
        self.is_over = bytes.is_empty();
        self.begun.extend_from_slice(bytes);
        let unit = |pair: &[u8; 2]| match is_big_endian {
            true => u16::from_be_bytes(*pair),
            false => u16::from_le_bytes(*pair),
        };
        let (mut pairs, odd) = self.begun.as_chunks::<2>();
        if let Some((last, before)) = pairs.split_last()
            && !self.is_over
            && matches!(unit(last), 0xd800..=0xdbff)
        {
            pairs = before;
        }
        self.text.clear();
        self.taken = 0;
        let units = pairs.iter().map(unit);
        self.text.extend(
            char::decode_utf16(units)
                .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)),
        );
        if self.is_over && !odd.is_empty() {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        let used = if self.is_over { self.begun.len() } else { pairs.len() * 2 };
        self.begun.drain(..used);
    }

    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let text = &self.text.as_bytes()[self.taken..];
        let n = text.len().min(buffer.len());
        buffer[..n].copy_from_slice(&text[..n]);
        self.taken += n;
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An input that returns its parts one by one. An empty part is a wait.
    struct Parts(Vec<Vec<u8>>);

    impl Read for Parts {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(part) = self.0.first_mut() else { return Ok(0) };
            if part.is_empty() {
                self.0.remove(0);
                return Err(ErrorKind::WouldBlock.into());
            }
            let n = part.len().min(buffer.len());
            buffer[..n].copy_from_slice(&part[..n]);
            part.drain(..n);
            if part.is_empty() {
                self.0.remove(0);
            }
            Ok(n)
        }
    }

    fn text_of(mut input: Text<impl Read>, most: usize) -> String {
        let (mut all, mut buffer) = (Vec::new(), vec![0; most]);
        loop {
            match input.read(&mut buffer) {
                Ok(0) => return String::from_utf8(all).unwrap(),
                Ok(n) => all.extend_from_slice(&buffer[..n]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
    }

    /// Expects the same text however the input is cut, and whatever the size of the buffer.
    #[track_caller]
    fn expect(bytes: &[u8], text: &str) {
        for most in [1, 2, 3, 7, 100_000] {
            assert_eq!(text_of(Text::new(bytes), most), text, "room for {most} bytes");
            let parts = bytes.chunks(most).map(<[u8]>::to_vec).collect();
            assert_eq!(text_of(Text::new(Parts(parts)), 50), text, "parts of {most} bytes");
        }
    }

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn utf16_is_decoded_with_and_without_its_mark() {
        let text = "client 10.0.0.1\r\nb\u{fc}cher.example \u{1f600} \u{20ac}\r\n".repeat(60);
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            expect(&utf16(&text, order), &text);
            expect(&utf16(&format!("\u{feff}{text}"), order), &text);
        }
        expect(format!("\u{feff}{text}").as_bytes(), &text);
        expect(text.as_bytes(), &text);
        // With a mark, the first characters need not be ASCII.
        expect(
            &utf16("\u{feff}\u{43f}.\u{440}\u{444}\n", u16::to_le_bytes),
            "\u{43f}.\u{440}\u{444}\n",
        );
        expect(&utf16("\u{feff}", u16::to_be_bytes), "");
    }

    #[test]
    fn damaged_utf16_is_read_to_its_end() {
        let mut bytes = utf16("\u{feff}a.example\n", u16::to_le_bytes);
        bytes.extend([0x00, 0xd8, b'b', 0, b'\n', 0, 0x00, 0xdc, b'c', 0, 0x00, 0xd8]);
        expect(&bytes, "a.example\n\u{fffd}b\n\u{fffd}c\u{fffd}");
        bytes.push(b'x');
        expect(&bytes, "a.example\n\u{fffd}b\n\u{fffd}c\u{fffd}\u{fffd}");
    }

    #[test]
    fn encodings_are_told() {
        let of = |bytes: &[u8]| Text::new(bytes).encoding();
        for text in ["ab", "a.example\n", "\tx"] {
            let utf32 = |order: fn(u32) -> [u8; 4], text: &str| -> Vec<u8> {
                text.chars().flat_map(|c| order(u32::from(c))).collect()
            };
            assert_eq!(of(&utf32(u32::to_le_bytes, text)), Encoding::Utf32Le);
            assert_eq!(of(&utf32(u32::to_be_bytes, text)), Encoding::Utf32Be);
            assert_eq!(of(&utf32(u32::to_le_bytes, &format!("\u{feff}{text}"))), Encoding::Utf32Le);
            assert_eq!(of(&utf32(u32::to_be_bytes, &format!("\u{feff}{text}"))), Encoding::Utf32Be);
        }
        for bytes in [
            &b""[..],
            b"a",
            b"\0",
            b"a\0",
            b"ab\0\0",
            b"\0\0\0\0\0\0\0\0a",
            b"\x01\0\x02\0",
            b"\xff",
        ] {
            assert_eq!(of(bytes), Encoding::Utf8, "{bytes:?}");
        }
    }

    #[test]
    fn carriage_returns_alone_end_lines() {
        expect(b"one\rtwo\r\rthree", "one\ntwo\n\nthree");
        expect(b"one\r", "one\n");
        expect(b"\rone\r\ntwo\rthree\n", "\none\r\ntwo\nthree\n");
        expect(&utf16("one\rtwo\r", u16::to_le_bytes), "one\ntwo\n");
    }

    #[test]
    fn where_line_feeds_end_lines_carriage_returns_stay() {
        expect(b"one\r\ntwo\r three\r\n", "one\r\ntwo\r three\r\n");
        expect(b"one\ntwo\rthree\n", "one\ntwo\rthree\n");
    }

    #[test]
    fn a_first_line_without_an_end_is_not_searched_for_ever() {
        let long = format!("{}\rx", "a".repeat(FIRST_LINE_BYTES));
        assert_eq!(text_of(Text::new(long.as_bytes()), 4096), long);
        assert_eq!(
            text_of(Text::new(&long.as_bytes()[1..]), 1 << 20),
            long[1..].replace('\r', "\n")
        );
    }

    #[test]
    fn nobody_waits_for_what_follows_a_carriage_return() {
        let parts = [&b"one\r"[..], b"", b"two\r", b"", b"\nthree"].map(<[u8]>::to_vec).to_vec();
        assert_eq!(text_of(Text::new(Parts(parts)), 50), "one\ntwo\n\nthree");
    }

    #[test]
    fn what_is_passed_over_counts_in_bytes_of_the_text() {
        let text = format!("{}\r", "a line of text\r".repeat(1000));
        let mut input = Text::new(text.as_bytes());
        let seek = |input: &mut &[u8], bytes: u64| {
            *input = &input[bytes as usize..];
            Ok(())
        };
        assert_eq!(input.skip(15 * 999 + 2, Some(seek)).unwrap(), 15 * 999 + 2);
        assert_eq!(text_of(input, 7), "line of text\n\n");
        let mut input = Text::new(text.as_bytes());
        assert_eq!(input.skip(3, Some(seek)).unwrap(), 3);
        assert!(text_of(input, 9).starts_with("ine of text\na line"));
        let utf16 = utf16(&text, u16::to_le_bytes);
        let mut input = Text::new(utf16.as_slice());
        let unused = |_: &mut &[u8], _: u64| -> io::Result<()> { panic!("not as stored") };
        assert_eq!(input.skip(15, Some(unused)).unwrap(), 15);
        assert!(text_of(input, 100).starts_with("a line of text\n"));
    }
}
