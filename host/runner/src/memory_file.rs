//! Files in memory that nobody can change.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use memmap2::Mmap;
use rustix::fs::{MemfdFlags, SealFlags};

/// A blacklist's file in memory (`memfd_create(2)`), sealed: neither this process nor another one
/// can change or truncate it.
///
/// Its verified content stays as it was, and instances can map its pages instead of copying them.
/// Clones share the file. The last clone or instance frees it.
#[derive(Debug, Clone)]
pub struct MemoryFile(Arc<Sealed>);

#[derive(Debug)]
struct Sealed {
    file: OwnedFd,
    map: Mmap,
}

/// The reason why a file in memory cannot be created.
#[derive(Debug, thiserror::Error)]
#[error("cannot put a blacklist into memory: {step} failed")]
pub struct MemoryFileError {
    /// The system call that failed.
    step: &'static str,
    /// The system's reason.
    source: io::Error,
}

impl MemoryFile {
    /// Copies bytes into a file in memory.
    ///
    /// # Errors
    ///
    /// The system has no memory or no file descriptor left.
    pub fn copy_of(bytes: &[u8]) -> Result<MemoryFile, MemoryFileError> {
        MemoryFile::read(bytes, bytes.len() as u64)
    }

    /// Reads at most `limit` bytes from `source` into a file in memory. The kernel copies from file
    /// to file, so nothing else is allocated.
    ///
    /// # Errors
    ///
    /// The source cannot be read, or the system has no memory or no file descriptor left.
    pub fn read(source: impl Read, limit: u64) -> Result<MemoryFile, MemoryFileError> {
        let failed = |step| move |source: io::Error| MemoryFileError { step, source };
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // The name shows in /proc/PID/maps.
        let file = rustix::fs::memfd_create("threatsieve-blacklist", flags)
            .map_err(|errno| failed("memfd_create")(errno.into()))?;
        let mut file = File::from(file);
        io::copy(&mut source.take(limit), &mut file).map_err(failed("copy"))?;
        let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, seals)
            .map_err(|errno| failed("fcntl F_ADD_SEALS")(errno.into()))?;
        // SAFETY: the seals prevent everybody from changing or truncating the file under the
        // mapping.
        let map = unsafe { Mmap::map(&file) }.map_err(failed("mmap"))?;
        Ok(MemoryFile(Arc::new(Sealed { file: file.into(), map })))
    }
}

impl AsRef<[u8]> for MemoryFile {
    fn as_ref(&self) -> &[u8] {
        &self.0.map
    }
}

impl AsFd for MemoryFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.file.as_fd()
    }
}
