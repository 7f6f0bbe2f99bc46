//! Lines of limited length.

use std::collections::VecDeque;
use std::io::BufRead;

use memchr::memchr2;

use super::LineError;
use crate::FeedError;

/// One line, without its line ending.
pub(super) struct Line<'a> {
    /// The number of the line, counted from 1.
    pub(super) number: u32,
    pub(super) bytes: &'a [u8],
    /// The line was longer than this limit, and `bytes` are its first bytes.
    too_long: Option<usize>,
}

impl<'a> Line<'a> {
    /// Returns the text of the line, unless it is too long or not UTF-8.
    pub(super) fn text(&self) -> Result<&'a str, LineError> {
        if let Some(limit) = self.too_long {
            return Err(LineError::TooLong { limit });
        }
        std::str::from_utf8(self.bytes)
            .map_err(|error| LineError::NotUtf8 { column: error.valid_up_to() + 1 })
    }

    /// Copies the line, so that [`Lines::again`] can return it once more.
    pub(super) fn hold(&self) -> Held {
        Held { number: self.number, bytes: self.bytes.to_owned(), too_long: self.too_long }
    }
}

/// A line that may be read once more.
pub(super) struct Held {
    number: u32,
    bytes: Vec<u8>,
    too_long: Option<usize>,
}

/// Reads a feed line by line. It keeps at most one line of the maximum length, and the lines that
/// are to be read again.
pub(super) struct Lines<'r> {
    input: &'r mut dyn BufRead,
    max_bytes: usize,
    line: Vec<u8>,
    /// Lines that come before the next line of the input.
    again: VecDeque<Held>,
    /// The number of the input's last line that was read, counted from 1.
    number: u32,
    offset: u64,
    /// The last line ended with a carriage return. A line feed that follows belongs to it.
    ended_by_return: bool,
}

impl<'r> Lines<'r> {
    pub(super) fn new(input: &'r mut dyn BufRead, max_bytes: usize) -> Self {
        Lines {
            input,
            max_bytes,
            line: Vec::new(),
            again: VecDeque::new(),
            number: 0,
            offset: 0,
            ended_by_return: false,
        }
    }

    /// Makes the next calls of [`Lines::next`] return these lines again. They must be the last ones
    /// it returned.
    pub(super) fn again(&mut self, lines: Vec<Held>) {
        for line in lines.into_iter().rev() {
            self.again.push_front(line);
        }
    }

    /// The number of lines read.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Returns the next line without `
    /// `, `\r
    /// ` or `\r`. A byte order mark before the first line is dropped.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, FeedError> {
        if let Some(Held { number, bytes, too_long }) = self.again.pop_front() {
            self.line = bytes;
            return Ok(Some(Line { number, bytes: &self.line, too_long }));
        }
        self.line.clear();
        let Some(too_long) = self.fill()? else { return Ok(None) };
        self.number = self.number.checked_add(1).ok_or(FeedError::TooManyLines)?;
        let mut line = &self.line[..];
        if self.number == 1 {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        Ok(Some(Line {
            number: self.number,
            bytes: line,
            too_long: too_long.then_some(self.max_bytes),
        }))
    }

    /// Fills `line` up to the limit and skips the rest. Returns whether bytes were skipped, or
    /// `None` at the end of the input.
    fn fill(&mut self) -> Result<Option<bool>, FeedError> {
        let (mut any, mut too_long) = (false, false);
        loop {
            let offset = self.offset;
            let bytes = match self.input.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(FeedError::Read { offset, source }),
            };
            if bytes.is_empty() {
                return Ok(any.then_some(too_long));
            }
            if std::mem::take(&mut self.ended_by_return) && bytes[0] == b'\n' {
                self.input.consume(1);
                self.offset += 1;
                continue;
            }
            any = true;
            let end = memchr2(b'\n', b'\r', bytes);
            self.ended_by_return = end.is_some_and(|end| bytes[end] == b'\r');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            let room = self.max_bytes - self.line.len();
            too_long |= part.len() > room;
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            self.offset += used as u64;
            if end.is_some() {
                return Ok(Some(too_long));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(text: &[u8], buffer_bytes: usize) -> Vec<String> {
        let mut input = BufReader::with_capacity(buffer_bytes, text);
        let mut lines = Lines::new(&mut input, 5);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            let more = if line.too_long.is_some() { "..." } else { "" };
            all.push(format!("{} {}{more}", line.number, line.bytes.escape_ascii()));
        }
        all
    }

    #[test]
    fn lines_end_with_lf_crlf_cr_or_the_input_and_long_ones_are_cut() {
        for buffer_bytes in [1, 2, 3, 100] {
            let text = b"a\r\nb\n\n12345\n123456\n1234567890\r\nlast";
            assert_eq!(
                lines(text, buffer_bytes),
                ["1 a", "2 b", "3 ", "4 12345", "5 12345...", "6 12345...", "7 last"]
            );
        }
        assert_eq!(lines(b"\xef\xbb\xbfa\n\xef\xbb\xbf", 100), ["1 a", "2 \\xef\\xbb\\xbf"]);
        for buffer_bytes in [1, 2, 3, 100] {
            assert_eq!(
                lines(b"a\rb\r\rc\r\nd\r", buffer_bytes),
                ["1 a", "2 b", "3 ", "4 c", "5 d"]
            );
        }
        assert!(lines(b"", 100).is_empty());
        assert_eq!(lines(b"\n", 100), ["1 "]);
    }
}
