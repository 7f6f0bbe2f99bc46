//! Saving what feeds receive to a folder (`save_to`). Each body is one file, which is complete or
//! not there. If the files of a feed take too much room, the oldest are deleted.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::config::{Feed, Saving};
use crate::sources::AtomicFile;

/// Maximum number of files that one feed keeps.
const MAX_FILES: usize = 100_000;
/// Longest part of a name that comes from the feed's name, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Size of the copy buffer.
const BUFFER_BYTES: usize = 128 * 1024;

/// The folder of a feed's received bodies.
#[derive(Debug)]
pub(super) struct Archive {
    saving: Saving,
    /// The start of the names of this feed's files.
    prefix: String,
    /// The files that are there, the oldest first, and their sizes. `None` until they are listed.
    files: Option<VecDeque<(PathBuf, u64)>>,
    saved: u32,
}

impl Archive {
    /// Returns the archive of a feed; `None` if it saves nothing.
    pub(super) fn of(feed: &Feed) -> Option<Archive> {
        let saving = feed.saving.clone()?;
        Some(Archive { saving, prefix: format!("{}.", safe(&feed.name)), files: None, saved: 0 })
    }

    /// Saves a body under a name of its own: the feed's name, the time, and a number.
    pub(super) fn save(&mut self, body: &mut (impl Read + Seek)) -> anyhow::Result<()> {
        let folder = self.saving.folder.clone();
        self.write(&folder, body)
            .with_context(|| format!("{}: cannot save what was received", folder.display()))
    }

    fn write(&mut self, folder: &Path, body: &mut (impl Read + Seek)) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S.%6fZ").to_string();
        self.saved += 1;
        body.rewind()?;
        let mut start = [0; 8];
        let length = body.read(&mut start)?;
        let ending = ending(&start[..length]);
        let name = format!("{}{now}-{:06}.{ending}", self.prefix, self.saved);
        let path = folder.join(name);
        let mut file = AtomicFile::create_private(&path)?;
        body.rewind()?;
        let mut reader = io::BufReader::with_capacity(BUFFER_BYTES, body);
        let bytes = io::copy(&mut reader, &mut file)?;
        file.flush()?;
        file.finish()?;
        if self.files.is_none() {
            self.files = Some(self.list(folder)?);
        } else if let Some(files) = &mut self.files {
            files.push_back((path, bytes));
        }
        self.prune()
    }

    /// Lists this feed's files. Their names begin with the time, so their order is that of time.
    fn list(&self, folder: &Path) -> io::Result<VecDeque<(PathBuf, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_own = name.to_str().and_then(|name| name.strip_prefix(&*self.prefix));
            if is_own.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
                && entry.file_type()?.is_file()
            {
                files.push((entry.path(), entry.metadata()?.len()));
            }
        }
        files.sort();
        Ok(files.into())
    }

    /// Deletes the oldest files until the others fit. The newest one stays.
    fn prune(&mut self) -> anyhow::Result<()> {
        let Some(files) = &mut self.files else { return Ok(()) };
        let mut bytes: u64 = files.iter().map(|(_, bytes)| bytes).sum();
        while files.len() > 1 && (bytes > self.saving.max_bytes || files.len() > MAX_FILES) {
            let Some((path, own)) = files.pop_front() else { break };
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => bytes -= own,
            }
        }
        Ok(())
    }
}

/// Returns a feed's name as a part of a file's name. Other names give other parts.
fn safe(name: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut text: String = name.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    text.truncate(MAX_NAME_BYTES);
    if text != name || text.is_empty() {
        let digest = blake3::hash(name.as_bytes()).to_hex();
        text.push_str(&format!("-{}", &digest[..8]));
    }
    text
}

/// Returns the ending of the name that fits the first bytes.
fn ending(start: &[u8]) -> &'static str {
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    match (start, text) {
        ([0x1f, 0x8b, ..], _) => "gz",
        ([0x28, 0xb5, 0x2f, 0xfd, ..], _) => "zst",
        (_, [b'{' | b'[', ..]) => "json",
        (_, [b'<', ..]) => "xml",
        _ => "txt",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(folder: &Path, name: &str, max_bytes: u64) -> Archive {
        let saving = Saving { folder: folder.to_owned(), max_bytes };
        Archive { saving, prefix: format!("{}.", safe(name)), files: None, saved: 0 }
    }

    fn save(archive: &mut Archive, text: &str) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        archive.save(&mut file).unwrap();
    }

    fn contents(folder: &Path) -> Vec<String> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    #[test]
    fn the_oldest_files_of_a_feed_make_room_and_those_of_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("a/b");
        save(&mut archive(&folder, "one.more", 10), "0123456789");
        let mut one = archive(&folder, "one", 10);
        for text in ["aaaa", "bbbb", "cccc"] {
            save(&mut one, text);
        }
        assert_eq!(contents(&folder), ["bbbb", "cccc", "0123456789"]);
        // Another run knows the files from the folder.
        save(&mut archive(&folder, "one", 10), "dddddd");
        assert_eq!(contents(&folder), ["cccc", "dddddd", "0123456789"]);
        save(&mut archive(&folder, "one", 10), "more than there is room for");
        assert_eq!(contents(&folder), ["more than there is room for", "0123456789"]);
    }

    #[test]
    fn names_are_safe_and_differ() {
        for name in ["../../etc/passwd", "a b", "a/b", "ä", "", ".", "x".repeat(300).as_str()] {
            let safe = safe(name);
            assert!(!safe.contains(['/', '.', ' ']) && safe.len() < 100, "{safe}");
            assert!(!safe.is_empty());
        }
        assert_ne!(safe("a/b"), safe("a b"));
        assert_eq!(safe("partner-1"), "partner-1");
    }

    #[test]
    fn endings_fit_the_content() {
        for (start, want) in [
            (&b" {\"a\""[..], "json"),
            (b"[", "json"),
            (b"\xef\xbb\xbf<?xm", "xml"),
            (b"\x1f\x8b\x08", "gz"),
            (b"\x28\xb5\x2f\xfd", "zst"),
            (b"evil.com", "txt"),
            (b"", "txt"),
        ] {
            assert_eq!(ending(start), want);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut body = tempfile::tempfile().unwrap();
        let error = archive(file.path(), "one", 10).save(&mut body).unwrap_err();
        assert!(format!("{error:#}").contains("cannot save what was received"), "{error:#}");
    }
}
