//! A file that is replaced in one step.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Maximum number of names that are tried for the temporary file.
const ATTEMPTS: u32 = 100;

/// The next content of a file. It is written to a temporary file in the same folder, which then
/// replaces the target. If dropped before that, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    target: PathBuf,
    /// The temporary file. `None` if the target is not a regular file (a pipe, `/dev/null`), and is
    /// written to directly.
    temporary: Option<PathBuf>,
    file: File,
}

impl AtomicFile {
    /// Starts to replace the file at `path`. A link is followed, and its target replaced. A new
    /// file gets the mode that the user's umask leaves. An existing file keeps its mode.
    pub(crate) fn create(path: &Path) -> anyhow::Result<AtomicFile> {
        AtomicFile::with_mode(path, 0o666)
    }

    /// Does the same, but only the owner can read a new file.
    pub(crate) fn create_private(path: &Path) -> anyhow::Result<AtomicFile> {
        AtomicFile::with_mode(path, 0o600)
    }

    fn with_mode(path: &Path, mode: u32) -> anyhow::Result<AtomicFile> {
        let cannot = || format!("{}: cannot be written", path.display());
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let before = match fs::metadata(&target) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(cannot),
        };
        if before.as_ref().is_some_and(|before| !before.is_file()) {
            let file = OpenOptions::new().write(true).open(&target).with_context(cannot)?;
            return Ok(AtomicFile { target, temporary: None, file });
        }
        let (temporary, file) = temporary_file(&target, mode).with_context(cannot)?;
        let made = AtomicFile { target, temporary: Some(temporary), file };
        if let Some(before) = before {
            let mode = Permissions::from_mode(before.permissions().mode() & 0o777);
            made.file.set_permissions(mode).with_context(cannot)?;
        }
        Ok(made)
    }

    /// Replaces the target, once the new content is on the disk.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let Some(temporary) = &self.temporary else { return self.file.flush() };
        self.file.sync_all()?;
        fs::rename(temporary, &self.target)?;
        self.temporary = None;
        // The new name is on the disk only after its folder is synchronised.
        let folder = self
            .target
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // If this fails, nothing more can be done.
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Returns the name of the file that a temporary file was to replace, if its name is that of one.
pub(crate) fn target_of_temporary(name: &str) -> Option<&str> {
    let (target, attempt) = name.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('.')?;
    let (process, attempt) = attempt.split_once('-')?;
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    (is_number(process) && is_number(attempt)).then_some(target)
}

/// Creates a file in the same folder, under a hidden name that no other file has.
fn temporary_file(target: &Path, mode: u32) -> io::Result<(PathBuf, File)> {
    let Some(name) = target.file_name() else { return Err(ErrorKind::IsADirectory.into()) };
    let mut attempt = 0;
    loop {
        let hidden = format!(".{}.{}-{attempt}.tmp", name.to_string_lossy(), std::process::id());
        let path = target.with_file_name(hidden);
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < ATTEMPTS => {
                attempt += 1
            }
            result => return result.map(|file| (path, file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_content_stays_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a"), folder.path().join("link"));
        let entries = || fs::read_dir(folder.path()).unwrap().count();
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut file = AtomicFile::create(&link).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        let temporary = file.temporary.as_ref().and_then(|path| path.file_name()?.to_str());
        assert_eq!(target_of_temporary(temporary.unwrap()), Some("a"));
        assert_eq!(target_of_temporary(".a.tmp"), None);
        drop(file);
        assert_eq!((fs::read(&path).unwrap(), entries()), (b"old".to_vec(), 2));
        let mut file = AtomicFile::create(&link).unwrap();
        file.write_all(b"new").unwrap();
        file.finish().unwrap();
        assert_eq!((fs::read(&path).unwrap(), entries()), (b"new".to_vec(), 2));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn what_is_no_regular_file_is_written_to() {
        let mut file = AtomicFile::create(Path::new("/dev/null")).unwrap();
        file.write_all(b"new").unwrap();
        file.finish().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
