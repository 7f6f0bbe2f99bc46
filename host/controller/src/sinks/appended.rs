//! A file that lines are appended to. Other programs may rename or truncate it. It may hold more
//! than was confirmed.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{
    DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown,
};
use std::path::Path;

use crate::store::records::Position;

/// Mode and group of the file, so that log shippers can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) mode: u32,
    /// Number of the group. With `None`, the system chooses.
    pub(crate) group: Option<u32>,
}

/// The file, opened for one batch.
#[derive(Debug)]
pub(crate) struct Appended {
    file: File,
    position: Position,
}

/// Sets mode and group of an open file or folder. A file of another user is left unchanged.
fn give(file: &File, access: Access) -> io::Result<()> {
    let metadata = file.metadata()?;
    let (has, group) = (metadata.permissions().mode() & 0o7777, access.group);
    let is_owner = rustix::process::geteuid().as_raw() == metadata.uid();
    if !is_owner {
        return Ok(());
    }
    if let Some(group) = group.filter(|group| *group != metadata.gid()) {
        fchown(file, None, Some(group)).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("its group cannot be set to number {group}: {error}"),
            )
        })?;
    }
    // Special bits, such as the setgid bit of folders, were set by an operator on purpose.
    if has & 0o777 != access.mode {
        file.set_permissions(Permissions::from_mode(has & 0o7000 | access.mode))?;
    }
    Ok(())
}

impl Appended {
    /// Opens the file under its name, and sets its mode and group. A missing file is created, and
    /// its folder too. Users who may read the file may enter that folder.
    pub(crate) fn open(path: &Path, access: Access) -> io::Result<Appended> {
        let folder =
            path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let made = !folder.try_exists()?;
        // Read permission also gives permission to enter: 0640 makes 0750.
        let folder_mode = 0o700 | access.mode | (access.mode & 0o044) >> 2;
        DirBuilder::new().recursive(true).mode(folder_mode).create(folder)?;
        if made {
            give(&File::open(folder)?, Access { mode: folder_mode, ..access })?;
        }
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::other("expected a regular file, got something else"));
        }
        let is_new = !fs::exists(path)?;
        let file =
            OpenOptions::new().read(true).append(true).create(true).mode(access.mode).open(path)?;
        give(&file, access)?;
        if is_new {
            // A new name is on the disk only after its folder is synchronised.
            File::open(folder)?.sync_all()?;
        }
        Appended::at_end(file)
    }

    /// Opens an existing file, and leaves its permissions unchanged.
    pub(crate) fn open_existing(path: &Path) -> io::Result<Appended> {
        Appended::at_end(OpenOptions::new().read(true).append(true).open(path)?)
    }

    fn at_end(file: File) -> io::Result<Appended> {
        let metadata = file.metadata()?;
        let position =
            Position { device: metadata.dev(), inode: metadata.ino(), bytes: metadata.len() };
        Ok(Appended { file, position })
    }

    /// The current end of the file.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Counts how many of `lines`, in order, were written to this file by an append that began at
    /// `before`. A partly written line is cut off.
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
            // Compares at most the length of the line.
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

    /// Adds a line end if another program left the last line without one.
    pub(crate) fn end_line(&mut self) -> io::Result<()> {
        let mut last = [b'\n'];
        if self.position.bytes > 0 {
            self.file.read_exact_at(&mut last, self.position.bytes - 1)?;
        }
        if last == [b'\n'] { Ok(()) } else { self.append("\n") }
    }

    /// Waits until everything written is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Appends text and waits until it is on the disk. If it cannot be written in full, it is
    /// removed again.
    pub(crate) fn append(&mut self, text: &str) -> io::Result<()> {
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.position.bytes = self.file.metadata()?.len();
                Ok(())
            }
            Err(error) => {
                // The next round tries again. It would find and cut anything that is left here.
                let _ = self.file.set_len(self.position.bytes);
                Err(error)
            }
        }
    }
}
