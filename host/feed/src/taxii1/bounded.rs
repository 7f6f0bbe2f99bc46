//! A reader that fails when one piece of markup or text becomes too long.
//!
//! quick-xml collects each tag, text or CDATA section as a whole. Without a bound, one text without
//! end would fill the memory.

use std::io::{self, BufRead, Chain, Cursor, ErrorKind, Read};

const MARK: [u8; 3] = *b"\xef\xbb\xbf";

/// Drops byte order marks. quick-xml drops one itself, but only if the first portion contains all
/// of it.
pub(super) fn without_mark<R: BufRead>(mut input: R) -> io::Result<Chain<Cursor<Vec<u8>>, R>> {
    loop {
        let mut start = Vec::new();
        while start.len() < MARK.len() {
            let mut byte = [0];
            match input.read(&mut byte) {
                Ok(0) => break,
                Ok(_) => start.extend(byte),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if start != MARK {
            return Ok(Cursor::new(start).chain(input));
        }
    }
}

/// The input of a message.
#[derive(Debug)]
pub(super) struct Bounded<R> {
    input: R,
    /// Bytes of the current piece that were read.
    taken: usize,
    /// Largest piece in bytes.
    max: usize,
}

impl<R> Bounded<R> {
    pub(super) fn new(input: R) -> Self {
        Bounded { input, taken: 0, max: 0 }
    }

    /// Starts a piece of at most this many bytes.
    pub(super) fn start_piece(&mut self, max: usize) {
        self.taken = 0;
        self.max = max;
    }

    /// Returns whether the current piece is longer than allowed.
    pub(super) fn is_over(&self) -> bool {
        self.taken > self.max
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.is_over() {
            return Err(io::Error::other("the piece is too long"));
        }
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.taken = self.taken.saturating_add(amount);
        self.input.consume(amount);
    }
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(into)?;
        self.consume(amount);
        Ok(amount)
    }
}
