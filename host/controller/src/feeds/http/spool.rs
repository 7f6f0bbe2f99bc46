//! Received bodies, in unnamed temporary files: they take no memory, and disappear when they are
//! closed.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

/// Size of the write buffer.
const BUFFER_BYTES: usize = 128 * 1024;

/// A body that is being received.
pub(super) struct Spool {
    file: BufWriter<File>,
    bytes: u64,
    digest: blake3::Hasher,
}

impl Spool {
    pub(super) fn new() -> io::Result<Spool> {
        let file = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile()?);
        Ok(Spool { file, bytes: 0, digest: blake3::Hasher::new() })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<Spooled> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Spooled { file, bytes: self.bytes, digest: self.digest.finalize() })
    }
}

/// A body that was received completely.
#[derive(Debug)]
pub(crate) struct Spooled {
    file: File,
    pub(crate) bytes: u64,
    pub(crate) digest: blake3::Hash,
}

impl Spooled {
    /// Reads the first bytes, and returns to the start of the file.
    pub(super) fn start(&self, bytes: usize) -> io::Result<Vec<u8>> {
        let mut start = Vec::new();
        let mut file = &self.file;
        #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
        file.take(bytes as u64).read_to_end(&mut start)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(start)
    }

    /// Returns another handle of the file. Both have one position.
    pub(crate) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    pub(crate) fn into_file(self) -> File {
        self.file
    }
}
