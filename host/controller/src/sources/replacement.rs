//! A file that is replaced in one step.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Names that are tried for the temporary file before giving up.
const ATTEMPTS: u32 = 100;

/// A file's next content: written beside it, then put in its place. Dropped before that, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Replacement {
    target: PathBuf,
    /// `None` for what is no regular file (a pipe, `/dev/null`), which is written to directly.
    temporary: Option<PathBuf>,
    file: File,
}

impl Replacement {
    /// Starts to replace what is at `path`; a link there is followed, and what it leads to replaced.
    /// A new file gets the mode that the user's umask leaves, an existing one keeps its own.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Replacement> {
        Replacement::with_mode(path, 0o666)
    }

    /// Does the same, but nobody except the owner can read a new file.
    pub(crate) fn create_private(path: &Path) -> anyhow::Result<Replacement> {
        Replacement::with_mode(path, 0o600)
    }

    fn with_mode(path: &Path, mode: u32) -> anyhow::Result<Replacement> {
        let cannot = || format!("{}: cannot be written", path.display());
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let before = match fs::metadata(&target) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(cannot),
        };
        if before.as_ref().is_some_and(|before| !before.is_file()) {
            let file = OpenOptions::new().write(true).open(&target).with_context(cannot)?;
            return Ok(Replacement { target, temporary: None, file });
        }
        let (temporary, file) = beside(&target, mode).with_context(cannot)?;
        let made = Replacement { target, temporary: Some(temporary), file };
        if let Some(before) = before {
            let mode = Permissions::from_mode(before.permissions().mode() & 0o777);
            made.file.set_permissions(mode).with_context(cannot)?;
        }
        Ok(made)
    }

    /// Puts the new content in place, once it is on the disk.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let Some(temporary) = &self.temporary else { return self.file.flush() };
        self.file.sync_all()?;
        fs::rename(temporary, &self.target)?;
        self.temporary = None;
        // The name is on the disk once its folder is.
        let folder = self
            .target
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Nothing more can be done about it.
            let _ = fs::remove_file(temporary);
        }
    }
}

/// A new file in the same folder, under a hidden name that no one has.
fn beside(target: &Path, mode: u32) -> io::Result<(PathBuf, File)> {
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
        let mut replacement = Replacement::create(&link).unwrap();
        replacement.write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        drop(replacement);
        assert_eq!((fs::read(&path).unwrap(), entries()), (b"old".to_vec(), 2));
        let mut replacement = Replacement::create(&link).unwrap();
        replacement.write_all(b"new").unwrap();
        replacement.finish().unwrap();
        assert_eq!((fs::read(&path).unwrap(), entries()), (b"new".to_vec(), 2));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn what_is_no_regular_file_is_written_to() {
        let mut replacement = Replacement::create(Path::new("/dev/null")).unwrap();
        replacement.write_all(b"new").unwrap();
        replacement.finish().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
