//! A private directory of compiled code.
//!
//! A file is `KEY.code`: the code, then the BLAKE3 digest of key and code. The key says what the code was made from, so a file under another name,
//! of another blacklist, or with a flipped bit is not taken but compiled anew. The digest protects from damage, the directory from others: it must be this
//! user's own with mode 0700, and neither it nor a file in it may be a symbolic link.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};

use crate::error::CacheError;

/// Files that are kept, the newest ones: a few blacklists, each in two configurations (with and without signal traps).
const MAX_FILES: usize = 8;
const SUFFIX: &str = ".code";
const UNFINISHED_SUFFIX: &str = ".unfinished";
const DIGEST_BYTES: u64 = 32;
/// Bytes that are read and hashed at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// What code was made from.
pub(crate) struct Key(pub(crate) [u8; 32]);

impl Key {
    fn file_name(&self) -> String {
        format!("{}{SUFFIX}", blake3::Hash::from_bytes(self.0).to_hex())
    }

    fn hasher(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.0)
    }
}

/// The directory, open, and found to be private.
pub(crate) struct Directory {
    handle: OwnedFd,
}

impl Directory {
    /// Opens the directory, or makes it if it is missing (its parent must be there).
    pub(crate) fn open(path: &Path) -> Result<Directory, CacheError> {
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(errno) => return Err(failed("mkdir")(errno)),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
            Ok(handle) => handle,
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => {
                return Err(CacheError::NotADirectory);
            }
            Err(errno) => return Err(failed("open")(errno)),
        };
        let stat = rustix::fs::fstat(&handle).map_err(failed("fstat"))?;
        let expected = rustix::process::geteuid().as_raw();
        if stat.st_uid != expected {
            return Err(CacheError::Owner { got: stat.st_uid, expected });
        }
        // Set-group-id, which a parent may pass on, lets nobody in.
        let mode = Mode::from_raw_mode(stat.st_mode) & (Mode::RWXU | Mode::RWXG | Mode::RWXO);
        if mode != Mode::RWXU {
            return Err(CacheError::Mode { got: mode.as_raw_mode() });
        }
        Ok(Directory { handle })
    }

    /// The file of that key, if it is there, ours and undamaged.
    pub(crate) fn find(&self, key: &Key) -> Result<Option<OwnedFd>, CacheError> {
        // Without waiting for a writer, should it be a pipe.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(&self.handle, key.file_name(), flags, Mode::empty()) {
            Ok(file) => file,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP) => return Ok(None),
            Err(errno) => return Err(failed("open of a cached file")(errno)),
        };
        let stat = rustix::fs::fstat(&file).map_err(failed("fstat of a cached file"))?;
        if !is_ours(&stat) {
            return Ok(None);
        }
        let mut file = File::from(file);
        let intact =
            verify(&mut file, stat.st_size as u64, key).map_err(io_failed("read of a cached file"))?;
        Ok(intact.then(|| file.into()))
    }

    /// Writes the file of that key, under another name until it is whole, and gives it back open.
    pub(crate) fn store(&self, key: &Key, code: &[u8]) -> Result<OwnedFd, CacheError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let unfinished =
            format!("{}.{number}{UNFINISHED_SUFFIX}", rustix::process::getpid().as_raw_nonzero());
        // What another process of the same number left when it was killed.
        let _ = rustix::fs::unlinkat(&self.handle, &unfinished, AtFlags::empty());
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.handle, &unfinished, flags, Mode::RUSR | Mode::WUSR);
        let mut file = File::from(file.map_err(failed("creation of a file"))?);
        let written = write(&mut file, key, code).map_err(io_failed("write")).and_then(|()| {
            rustix::fs::renameat(&self.handle, &unfinished, &self.handle, key.file_name())
                .map_err(failed("rename"))
        });
        if let Err(error) = written {
            let _ = rustix::fs::unlinkat(&self.handle, &unfinished, AtFlags::empty());
            return Err(error);
        }
        self.prune()?;
        Ok(file.into())
    }

    /// Unlinks all but the newest files. A map of an unlinked file stays good.
    fn prune(&self) -> Result<(), CacheError> {
        let mut files = Vec::new();
        let entries = rustix::fs::Dir::read_from(&self.handle).map_err(failed("listing"))?;
        for entry in entries {
            let entry = entry.map_err(failed("listing"))?;
            let name = entry.file_name();
            if name.to_bytes().ends_with(SUFFIX.as_bytes())
                && let Some(changed) = self.changed(name)
            {
                files.push((changed, name.to_owned()));
            }
        }
        files.sort_unstable_by(|a, b| b.cmp(a));
        for (_, name) in files.iter().skip(MAX_FILES) {
            // Another process may have been faster.
            let _ = rustix::fs::unlinkat(&self.handle, name, AtFlags::empty());
        }
        Ok(())
    }

    /// When a file was last written: seconds and nanoseconds.
    fn changed(&self, name: &CStr) -> Option<(i64, i64)> {
        let stat = rustix::fs::statat(self.handle.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some((stat.st_mtime as i64, stat.st_mtime_nsec as i64))
    }
}

/// Whether it is a plain file that this user alone can write to, under one name.
fn is_ours(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && stat.st_uid == rustix::process::geteuid().as_raw()
        && !Mode::from_raw_mode(stat.st_mode).intersects(Mode::RWXG | Mode::RWXO)
        && stat.st_nlink == 1
}

fn write(file: &mut File, key: &Key, code: &[u8]) -> io::Result<()> {
    file.write_all(code)?;
    file.write_all(key.hasher().update(code).finalize().as_bytes())
}

/// Whether the file's last bytes are the digest of the key and everything before.
fn verify(file: &mut File, bytes: u64, key: &Key) -> io::Result<bool> {
    let Some(mut left) = bytes.checked_sub(DIGEST_BYTES) else { return Ok(false) };
    let mut hasher = key.hasher();
    let mut chunk = vec![0; CHUNK_BYTES];
    while left > 0 {
        let wanted = left.min(CHUNK_BYTES as u64) as usize;
        let got = match file.read(&mut chunk[..wanted])? {
            0 => return Ok(false),
            got => got,
        };
        hasher.update(&chunk[..got]);
        left -= got as u64;
    }
    let mut digest = [0; DIGEST_BYTES as usize];
    match file.read_exact(&mut digest) {
        Ok(()) => Ok(hasher.finalize() == digest),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn failed(step: &'static str) -> impl Fn(rustix::io::Errno) -> CacheError {
    move |errno| CacheError::Io { step, source: errno.into() }
}

fn io_failed(step: &'static str) -> impl Fn(io::Error) -> CacheError {
    move |source| CacheError::Io { step, source }
}
