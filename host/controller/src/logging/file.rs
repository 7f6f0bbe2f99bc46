//! The log's file, which is renamed when it is full.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::config::Logging;

/// Permissions of the file: a log shipper of its group can read it.
const MODE: u32 = 0o640;

/// A file that gets whole lines. Several processes may write to it: each notices that another one,
/// or `logrotate`, has renamed it.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    max_bytes: u64,
    old_files: u32,
    file: File,
    /// The last line was written in part, because the disk was full.
    is_torn: bool,
}

impl LogFile {
    /// Opens the file to append; `None` if the settings name none.
    pub(super) fn open(logging: &Logging) -> io::Result<Option<LogFile>> {
        let Some(path) = logging.file.clone() else { return Ok(None) };
        let file = open(&path)?;
        let (max_bytes, old_files) = (logging.max_file_size, logging.old_files);
        Ok(Some(LogFile { path, max_bytes, old_files, file, is_torn: false }))
    }

    /// Appends a line. Begins a new file first, if the line would make this one too long.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        while !self.has_room(line)? {
            // Another process may be renaming the file.
            let full = self.file.try_clone()?;
            flock(&full, FlockOperation::LockExclusive)?;
            let renamed = if self.is_current()? { self.rename() } else { Ok(()) };
            flock(&full, FlockOperation::Unlock)?;
            renamed?;
        }
        if self.is_torn {
            self.file.write_all(b"\n")?;
        }
        self.is_torn = true;
        self.file.write_all(line)?;
        self.is_torn = false;
        Ok(())
    }

    /// Opens the file at the path, if it is another one than before. Returns whether the line fits
    /// in. An empty file has room for every line.
    fn has_room(&mut self, line: &[u8]) -> io::Result<bool> {
        if !self.is_current()? {
            self.file = open(&self.path)?;
            self.is_torn = false;
        }
        let bytes = self.file.metadata()?.len();
        Ok(bytes == 0 || bytes + line.len() as u64 <= self.max_bytes)
    }

    /// Returns whether the open file is the one at the path.
    fn is_current(&self) -> io::Result<bool> {
        let ours = self.file.metadata()?;
        let found = fs::metadata(&self.path);
        Ok(found.is_ok_and(|found| (found.dev(), found.ino()) == (ours.dev(), ours.ino())))
    }

    /// Renames each file to the next number, the oldest over the one that is kept no longer, and
    /// opens a new file.
    fn rename(&mut self) -> io::Result<()> {
        for number in (1..self.old_files).rev() {
            match fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.numbered(1))?;
        self.file = open(&self.path)?;
        self.is_torn = false;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).mode(MODE).open(path)
}

#[cfg(test)]
mod tests {
    use tracing::level_filters::LevelFilter;

    use super::*;

    fn open_in(folder: &Path, max_file_size: u64) -> LogFile {
        let file = Some(folder.join("log"));
        let logging = Logging { file, max_file_size, ..Logging::for_tests(LevelFilter::INFO) };
        LogFile::open(&logging).unwrap().unwrap()
    }

    /// Returns the lines of all files, the oldest first.
    fn lines(folder: &Path) -> Vec<String> {
        let names = ["log.3", "log.2", "log.1", "log"].map(|name| folder.join(name));
        let texts = names.iter().filter_map(|path| fs::read_to_string(path).ok());
        texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn a_full_file_is_renamed_and_the_newest_lines_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open_in(folder.path(), 40);
        for number in 0..100 {
            log.write(format!("line {number:02}\n").as_bytes()).unwrap();
        }
        let kept = lines(folder.path());
        let all: Vec<String> = (0..100).map(|number| format!("line {number:02}")).collect();
        assert_eq!(kept, all[100 - kept.len()..], "a gap");
        assert!(kept.len() >= 16, "{kept:?}");
        let sizes = fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().metadata());
        let sizes: Vec<u64> = sizes.map(|one| one.unwrap().len()).collect();
        assert!(sizes.len() == 4 && sizes.iter().all(|bytes| *bytes <= 40), "{sizes:?}");
    }

    #[test]
    fn a_file_that_is_opened_again_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        open_in(folder.path(), 1000).write(b"one\n").unwrap();
        let mut log = open_in(folder.path(), 1000);
        log.write(b"two\n").unwrap();
        fs::rename(folder.path().join("log"), folder.path().join("log.1")).unwrap();
        log.write(b"three\n").unwrap();
        assert_eq!(lines(folder.path()), ["one", "two", "three"]);
        assert_eq!(fs::read_to_string(folder.path().join("log")).unwrap(), "three\n");
    }

    #[test]
    fn processes_that_share_a_file_lose_no_line() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let mut log = open_in(folder.path(), 2000);
                scope.spawn(move || {
                    for number in 0..150 {
                        log.write(format!("{writer} {number:03}\n").as_bytes()).unwrap();
                    }
                });
            }
        });
        let mut found = lines(folder.path());
        found.sort();
        let all = (0..4).flat_map(|w| (0..150).map(move |n| format!("{w} {n:03}")));
        assert_eq!(found, all.collect::<Vec<_>>());
    }

    #[test]
    fn a_line_longer_than_the_file_may_be_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open_in(folder.path(), 10);
        log.write(b"a line of more than ten bytes\n").unwrap();
        log.write(b"b\n").unwrap();
        assert_eq!(lines(folder.path()), ["a line of more than ten bytes", "b"]);
    }
}
