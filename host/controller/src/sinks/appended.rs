//! A file that lines are appended to, that others rename and truncate, and that may hold more than was confirmed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use crate::store::records::Position;

/// The file as it is opened for one batch.
#[derive(Debug)]
pub(crate) struct Appended {
    file: File,
    position: Position,
}

impl Appended {
    /// Opens it under the name that it has now; makes it, and its folder, if it is not there.
    pub(crate) fn open(path: &Path) -> io::Result<Appended> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::other("expected a regular file, got something else"));
        }
        let is_new = !fs::exists(path)?;
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        if is_new {
            // The name is on the disk once its folder is.
            File::open(folder)?.sync_all()?;
        }
        let metadata = file.metadata()?;
        let position = Position { device: metadata.dev(), inode: metadata.ino(), bytes: metadata.len() };
        Ok(Appended { file, position })
    }

    /// Its end now.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// How many of `lines` an append to this file that began at `before` wrote, in their order. A line
    /// that is there in part is cut off.
    pub(crate) fn lines_after(&mut self, before: Position, lines: &[&str]) -> io::Result<usize> {
        let is_same = (before.device, before.inode) == (self.position.device, self.position.inode);
        if !is_same || before.bytes >= self.position.bytes {
            return Ok(0);
        }
        self.file.seek(SeekFrom::Start(before.bytes))?;
        let mut tail = BufReader::new(&self.file);
        let mut end = before.bytes;
        for (number, line) in lines.iter().enumerate() {
            let mut there = Vec::new();
            // No more is compared than the line is long.
            Read::by_ref(&mut tail).take(line.len() as u64).read_until(b'\n', &mut there)?;
            if there == line.as_bytes() {
                end += there.len() as u64;
                continue;
            }
            let is_last = end + there.len() as u64 == self.position.bytes;
            if is_last && !there.is_empty() && line.as_bytes().starts_with(&there) {
                self.file.set_len(end)?;
                self.position.bytes = end;
            }
            return Ok(number);
        }
        Ok(lines.len())
    }

    /// Ends a last line that somebody left without its end.
    pub(crate) fn end_line(&mut self) -> io::Result<()> {
        let mut last = [b'\n'];
        if self.position.bytes > 0 {
            self.file.read_exact_at(&mut last, self.position.bytes - 1)?;
        }
        if last == [b'\n'] { Ok(()) } else { self.append("\n") }
    }

    /// Waits until what is written is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Appends text and waits until it is on the disk. What cannot be written whole is not written at all.
    pub(crate) fn append(&mut self, text: &str) -> io::Result<()> {
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.position.bytes = self.file.metadata()?.len();
                Ok(())
            }
            Err(error) => {
                // The next round tries again; what is left of this one would be found there then, and cut.
                let _ = self.file.set_len(self.position.bytes);
                Err(error)
            }
        }
    }
}
