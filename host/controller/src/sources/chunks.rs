//! Cuts an input into pieces of bounded size at line ends.

use std::io::{self, ErrorKind, Read};

use memchr::{memchr, memchr_iter, memrchr};
use threatsieve_log::MAX_LINE_BYTES;

/// Maximum size of a piece: a line of maximum length, its line end, and one byte that shows that a
/// line is too long.
const MAX_BUFFER_BYTES: usize = MAX_LINE_BYTES + 2;
/// The usual size of a piece's memory. Only a longer line gets more.
pub(crate) const BUFFER_BYTES: usize = 1024 * 1024;
/// A piece is passed on once it has this size and a whole line: half of a core's second-level cache
/// of 1 MiB. So its lines are still in the cache when they are parsed and matched.
const ENOUGH_BYTES: usize = 512 * 1024;

/// Some whole lines. The last line of the input may lack its line end. A line longer than
/// [`MAX_LINE_BYTES`] is cut.
#[derive(Debug)]
pub(crate) struct Chunk {
    buffer: Vec<u8>,
    used: usize,
    /// Offset of the piece in the input.
    pub(crate) start: u64,
    /// Number of the first line, from 1.
    pub(crate) first_line: u64,
    /// Number of lines in the piece.
    pub(crate) lines: u64,
}

impl Chunk {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    /// Offset of the piece's end in the input.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.used as u64
    }

    /// Length in bytes of a last line without a line end. It is 0 for a line that was cut because
    /// it is too long, since the rest of that line is never read.
    pub(crate) fn partial_bytes(&self) -> usize {
        if self.used == MAX_BUFFER_BYTES {
            return 0;
        }
        self.used - memrchr(b'\n', self.bytes()).map_or(0, |last| last + 1)
    }

    /// Drops a last line without a line end.
    pub(crate) fn drop_partial(&mut self) {
        let partial = self.partial_bytes();
        self.used -= partial;
        self.lines -= u64::from(partial > 0);
    }

    /// Returns the memory for reuse, but not that of an overlong line.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        if self.buffer.len() > BUFFER_BYTES { Vec::new() } else { self.buffer }
    }

    /// The size of the memory in bytes.
    pub(crate) fn buffer_bytes(&self) -> usize {
        self.buffer.len()
    }
}

/// Cuts an input into pieces.
#[derive(Debug)]
pub(crate) struct Chunks<R> {
    input: R,
    /// The start of a line whose end has not been read yet.
    rest: Vec<u8>,
    /// Offset of the next piece in the input.
    next_start: u64,
    next_line: u64,
    /// The rest of an overlong line is still to be skipped.
    skipping: bool,
    /// The input has ended, with an error if it failed. The error is reported after all pieces.
    end: Option<Option<io::Error>>,
}

impl<R: Read> Chunks<R> {
    pub(crate) fn new(input: R) -> Chunks<R> {
        Chunks::resume(input, 0, 0, false)
    }

    /// Continues in an input of which `start` bytes and `lines` lines were read earlier. With
    /// `skipping`, the last of these lines was the cut start of an overlong line.
    pub(crate) fn resume(input: R, start: u64, lines: u64, skipping: bool) -> Chunks<R> {
        Chunks {
            input,
            rest: Vec::new(),
            next_start: start,
            next_line: lines + 1,
            skipping,
            end: None,
        }
    }

    pub(crate) fn input(&self) -> &R {
        &self.input
    }

    /// Returns the next piece, in the memory of `buffer`. A piece is returned once it is [large
    /// enough](ENOUGH_BYTES). If the input announces its waits, whole lines are returned before
    /// each wait.
    pub(crate) fn next(&mut self, mut buffer: Vec<u8>) -> Result<Option<Chunk>, io::Error> {
        let room = (self.rest.len() + ENOUGH_BYTES).clamp(BUFFER_BYTES, MAX_BUFFER_BYTES);
        buffer.resize(room, 0);
        buffer[..self.rest.len()].copy_from_slice(&self.rest);
        let mut used = std::mem::take(&mut self.rest).len();
        // The bytes before this position hold no line end.
        let mut searched = used;
        while self.end.is_none() {
            let room = buffer.len().min(used + ENOUGH_BYTES);
            let read = self.input.read(&mut buffer[used..room]);
            let waits = matches!(&read, Err(error) if error.kind() == ErrorKind::WouldBlock);
            match read {
                Ok(0) => self.end = Some(None),
                Ok(n) => used += self.skip_overlong(&mut buffer[used..used + n]),
                Err(error) if waits || error.kind() == ErrorKind::Interrupted => {}
                Err(error) => self.end = Some(Some(error)),
            }
            if used >= ENOUGH_BYTES || waits {
                if let Some(last) = memrchr(b'\n', &buffer[searched..used]) {
                    let cut = searched + last + 1;
                    self.rest.extend_from_slice(&buffer[cut..used]);
                    return Ok(Some(self.chunk(buffer, cut)));
                }
                searched = used;
            }
            if used == MAX_BUFFER_BYTES {
                self.skipping = true;
                return Ok(Some(self.chunk(buffer, used)));
            }
            if used == buffer.len() {
                buffer.resize((2 * used).min(MAX_BUFFER_BYTES), 0);
            }
        }
        if used > 0 {
            return Ok(Some(self.chunk(buffer, used)));
        }
        match self.end.as_mut().and_then(Option::take) {
            Some(error) => Err(error),
            None => Ok(None),
        }
    }

    /// Drops the rest of an overlong line from the start of new bytes. Returns the number of bytes
    /// that remain.
    fn skip_overlong(&mut self, read: &mut [u8]) -> usize {
        if !self.skipping {
            return read.len();
        }
        let end = memchr(b'\n', read);
        self.next_start += end.map_or(read.len(), |end| end + 1) as u64;
        let Some(end) = end else { return 0 };
        self.skipping = false;
        read.copy_within(end + 1.., 0);
        read.len() - end - 1
    }

    fn chunk(&mut self, buffer: Vec<u8>, used: usize) -> Chunk {
        let ends = memchr_iter(b'\n', &buffer[..used]).count() as u64;
        let lines = ends + u64::from(buffer[used - 1] != b'\n');
        let first_line = self.next_line;
        self.next_line += lines;
        let start = self.next_start;
        self.next_start += used as u64;
        Chunk { buffer, used, start, first_line, lines }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An input that returns one of its parts per read. An empty part is a wait.
    struct Pieces(Vec<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            if self.0[0].is_empty() {
                self.0.remove(0);
                return Err(ErrorKind::WouldBlock.into());
            }
            let n = self.0[0].as_slice().read(buffer)?;
            self.0[0].drain(..n);
            if self.0[0].is_empty() {
                self.0.remove(0);
            }
            Ok(n)
        }
    }

    fn all(input: impl Read) -> Vec<(u64, u64, Vec<u8>)> {
        let mut chunks = Chunks::new(input);
        let mut buffer = Vec::new();
        let mut seen = Vec::new();
        while let Some(chunk) = chunks.next(buffer).unwrap() {
            seen.push((chunk.first_line, chunk.lines, chunk.bytes().to_vec()));
            buffer = chunk.into_buffer();
        }
        seen
    }

    #[test]
    fn lines_stay_whole_and_nothing_is_lost() {
        let text: Vec<u8> = (0..200_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        let chunks = all(text.as_slice());
        assert!(chunks.len() > 3);
        let mut line = 1;
        for (first, lines, bytes) in &chunks {
            assert_eq!(*first, line);
            assert!(bytes.ends_with(b"\n"));
            line += lines;
        }
        assert_eq!(line, 200_001);
        assert_eq!(chunks.iter().flat_map(|chunk| chunk.2.clone()).collect::<Vec<_>>(), text);
    }

    #[test]
    fn a_last_line_without_end_is_a_line() {
        assert_eq!(all(&b"a\nb"[..]), [(1, 2, b"a\nb".to_vec())]);
        assert_eq!(all(&b""[..]), []);
        assert_eq!(all(&b"\n"[..]), [(1, 1, b"\n".to_vec())]);
    }

    #[test]
    fn whole_lines_are_passed_on_before_a_wait() {
        let pieces = [&b"a\nb"[..], b"", b"", b"c\n", b""].map(<[u8]>::to_vec).to_vec();
        assert_eq!(all(Pieces(pieces)), [(1, 1, b"a\n".to_vec()), (2, 1, b"bc\n".to_vec())]);
    }

    #[test]
    fn an_overlong_line_is_cut_and_counts_once() {
        for length in [
            BUFFER_BYTES,
            MAX_LINE_BYTES,
            MAX_BUFFER_BYTES,
            MAX_BUFFER_BYTES + 1,
            3 * MAX_BUFFER_BYTES + 7,
        ] {
            let text = [b"first\n".to_vec(), vec![b'x'; length], b"\nlast\n".to_vec()].concat();
            let chunks = all(text.as_slice());
            let joined: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.2.clone()).collect();
            let kept = memchr_iter(b'x', &joined).count();
            assert_eq!(kept, length.min(MAX_BUFFER_BYTES), "{length}");
            let last = chunks.last().unwrap();
            assert!(last.2.ends_with(b"last\n"));
            assert_eq!(last.0 + last.1, 4, "{length}");
        }
    }

    #[test]
    fn damage_is_told_after_what_came_before() {
        struct Failing(bool);
        impl Read for Failing {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::Error::other("broken"));
                }
                buffer[..3].copy_from_slice(b"a\nb");
                Ok(3)
            }
        }
        let mut chunks = Chunks::new(Failing(false));
        assert_eq!(chunks.next(Vec::new()).unwrap().unwrap().bytes(), b"a\nb");
        assert_eq!(chunks.next(Vec::new()).unwrap_err().to_string(), "broken");
        assert!(chunks.next(Vec::new()).unwrap().is_none());
    }
}
