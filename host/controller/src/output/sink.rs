//! Standard output, whose reader may close it early.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;

use anyhow::Context;

/// Standard output without the standard library's buffer: every write goes out at once.
#[derive(Debug)]
pub(crate) struct Sink {
    file: File,
    /// The reader closed the pipe, as `head` does. This is no error, but nothing more needs to be
    /// written.
    closed: bool,
}

impl Sink {
    pub(crate) fn stdout() -> anyhow::Result<Sink> {
        let file = File::from(
            io::stdout()
                .as_fd()
                .try_clone_to_owned()
                .context("standard output cannot be opened")?,
        );
        Ok(Sink { file, closed: false })
    }

    /// Returns whether the reader has closed standard output.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if self.closed || bytes.is_empty() {
            return Ok(());
        }
        match self.file.write_all(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            result => result.context("results cannot be written to standard output"),
        }
    }
}
