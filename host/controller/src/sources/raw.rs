//! The stored bytes of an input. For pipes, also whether more bytes are available now.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Size of the read-ahead for a decompressor: 64 KiB, the capacity of a pipe.
const READ_AHEAD_BYTES: usize = 64 * 1024;
/// Interval at which an idle input checks if it should stop.
const STOP_CHECK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// The behaviour of an input that has no bytes available for now.
#[derive(Debug, Clone)]
pub(crate) enum Waiting {
    /// The reader waits.
    Silently,
    /// The reader gets one [`ErrorKind::WouldBlock`] before each wait, so that it can pass on what
    /// it has. Once the flag is set, a wait ends like the end of the input. Files on disk never
    /// wait.
    Announced(Arc<AtomicBool>),
}

/// An opened input.
#[derive(Debug)]
pub(crate) struct Raw {
    file: File,
    /// The stop flag of inputs that can keep their reader waiting: pipes, terminals, sockets.
    stop: Option<Arc<AtomicBool>>,
    /// Bytes were read since the last announced wait.
    fresh: bool,
}

impl Raw {
    pub(crate) fn new(file: File, waiting: Waiting) -> io::Result<Raw> {
        let on_disk = file.metadata()?.is_file();
        let stop = match waiting {
            Waiting::Announced(stop) if !on_disk => Some(stop),
            _ => None,
        };
        Ok(Raw { file, stop, fresh: false })
    }

    /// Waits until bytes are available. Returns `false` if the stop flag was set instead.
    fn wait(&mut self, stop: &AtomicBool) -> io::Result<bool> {
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let idle = Timespec { tv_sec: 0, tv_nsec: 0 };
            let timeout = if self.fresh { &idle } else { &STOP_CHECK };
            let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
            match poll(&mut fds, Some(timeout)) {
                Ok(0) if self.fresh => {
                    self.fresh = false;
                    return Err(ErrorKind::WouldBlock.into());
                }
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                // If anything else happened (hang-up, error), the read reports it.
                Ok(_) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(stop) = self.stop.clone()
                && !self.wait(&stop)?
            {
                return Ok(0);
            }
            match self.file.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Another process set a shared descriptor to non-blocking mode, and another reader
                // was faster.
                Err(error) if error.kind() == ErrorKind::WouldBlock && self.stop.is_some() => {}
                result => {
                    self.fresh = matches!(result, Ok(n) if n > 0);
                    return result;
                }
            }
        }
    }
}

/// A buffered input that counts the bytes taken from it, so that damage can be located. Its first
/// bytes can be read before any are taken.
#[derive(Debug)]
pub(crate) struct Counted {
    /// The bytes that [`Counted::peek`] read. Those from `front_at` on are not taken yet.
    front: Vec<u8>,
    front_at: usize,
    inner: BufReader<Raw>,
    taken: u64,
}

impl Counted {
    pub(crate) fn new(raw: Raw) -> Counted {
        let inner = BufReader::with_capacity(READ_AHEAD_BYTES, raw);
        Counted { front: Vec::new(), front_at: 0, inner, taken: 0 }
    }

    /// Number of bytes taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Reads the first bytes until they satisfy `enough`, or until the input ends.
    pub(crate) fn peek(&mut self, enough: impl Fn(&[u8]) -> bool) -> io::Result<&[u8]> {
        while !enough(&self.front) {
            let mut byte = [0];
            match self.inner.read(&mut byte) {
                Ok(0) => break,
                Ok(_) => self.front.push(byte[0]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.front)
    }

    /// Takes `n` of the bytes that were peeked at.
    pub(crate) fn skip_peeked(&mut self, n: usize) {
        let n = n.min(self.front.len() - self.front_at);
        self.front_at += n;
        self.taken += n as u64;
    }

    /// Skips `bytes` of a file on disk without reading them.
    pub(crate) fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let at_hand = (self.front.len() - self.front_at) as u64;
        let from_front = bytes.min(at_hand);
        self.skip_peeked(from_front as usize);
        let mut rest = bytes - from_front;
        self.taken += rest;
        let buffered = rest.min(self.inner.buffer().len() as u64);
        self.inner.consume(buffered as usize);
        rest -= buffered;
        if rest > 0 {
            self.inner
                .get_mut()
                .file
                .seek_relative(i64::try_from(rest).map_err(io::Error::other)?)?;
        }
        Ok(())
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut front = &self.front[self.front_at..];
        if front.is_empty() {
            let n = self.inner.read(buffer)?;
            self.taken += n as u64;
            return Ok(n);
        }
        let n = front.read(buffer)?;
        self.skip_peeked(n);
        Ok(n)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.front_at < self.front.len() {
            true => Ok(&self.front[self.front_at..]),
            false => self.inner.fill_buf(),
        }
    }

    fn consume(&mut self, n: usize) {
        match self.front_at < self.front.len() {
            true => self.skip_peeked(n),
            false => {
                self.taken += n as u64;
                self.inner.consume(n);
            }
        }
    }
}
