//! Finds the inputs that the arguments of the command line name, including those in folders.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A source of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// Standard input, written `-`.
    Stdin,
    File(PathBuf),
}

impl Input {
    /// The input of an argument. [`Walk`] detects folders.
    pub(crate) fn from_argument(path: &Path) -> Input {
        if path.as_os_str() == "-" { Input::Stdin } else { Input::File(path.to_owned()) }
    }

    /// The name in output and messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Input::Stdin => "-".into(),
            Input::File(path) => path.display().to_string(),
        }
    }
}

/// A folder or file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// An argument names no file.
    #[error("{}: no such file or folder", path.display())]
    Missing { path: PathBuf },
    /// The path exists, or existed when its folder was read, but cannot be opened.
    #[error("{}: cannot be opened", path.display())]
    Closed { path: PathBuf, source: io::Error },
}

/// Walks arguments in their order. A folder's entries are walked in its place, sorted by the bytes
/// of their names. In folders, hidden entries, entries that are not regular files, and links to
/// folders are skipped and counted.
#[derive(Debug)]
pub(crate) struct Walk {
    /// The inputs still to come. The flag marks arguments, which are never skipped.
    pending: VecDeque<(Input, bool)>,
    /// Number of folder entries that were skipped.
    pub(crate) skipped: u64,
}

impl Walk {
    pub(crate) fn new<'a>(arguments: impl IntoIterator<Item = &'a PathBuf>) -> Walk {
        let pending =
            arguments.into_iter().map(|path| (Input::from_argument(path), true)).collect();
        Walk { pending, skipped: 0 }
    }

    /// Puts a folder's entries before all other pending inputs.
    fn enter(&mut self, folder: &Path) -> io::Result<()> {
        let mut names = fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        for name in names.into_iter().rev() {
            if is_hidden(&name) {
                self.skipped += 1;
            } else {
                self.pending.push_front((Input::File(folder.join(name)), false));
            }
        }
        Ok(())
    }

    /// Returns whether a folder's entry is to be read. Folders are entered.
    fn admits(&mut self, path: &Path) -> io::Result<bool> {
        let itself = fs::symlink_metadata(path)?;
        if itself.is_dir() {
            self.enter(path)?;
            return Ok(false);
        }
        // A link to a file is followed, because container runtimes use such links in their log
        // folders. A link that leads nowhere is skipped.
        let regular = itself.is_file()
            || itself.is_symlink() && fs::metadata(path).is_ok_and(|target| target.is_file());
        self.skipped += u64::from(!regular);
        Ok(regular)
    }
}

/// Returns whether the error says that nothing has that name. This includes a file where a folder
/// should be.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

impl Iterator for Walk {
    type Item = Result<Input, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (input, is_argument) = self.pending.pop_front()?;
            let Input::File(path) = &input else { return Some(Ok(input)) };
            let admitted = match is_argument {
                true => match fs::metadata(path) {
                    Ok(metadata) if metadata.is_dir() => self.enter(path).map(|()| false),
                    Err(error) if is_missing(&error) => {
                        return Some(Err(Unreadable::Missing { path: path.clone() }));
                    }
                    // Any other problem with a file is reported when it is opened.
                    _ => Ok(true),
                },
                false => self.admits(path),
            };
            match admitted {
                Ok(true) => return Some(Ok(input)),
                Ok(false) => {}
                Err(source) => return Some(Err(Unreadable::Closed { path: path.clone(), source })),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn folders_are_walked_by_name_and_odd_entries_counted() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("b")).unwrap();
        fs::create_dir(at(".git")).unwrap();
        for name in ["c.log", "a.log", "b/2.log", "b/10.log", ".hidden", ".git/x"] {
            fs::write(at(name), "").unwrap();
        }
        symlink(at("a.log"), at("d.log")).unwrap();
        symlink(at("b"), at("e")).unwrap();
        symlink(at("nowhere"), at("f")).unwrap();
        let arguments =
            [PathBuf::from("-"), folder.path().to_owned(), at("missing"), at("a.log/x")];
        let mut walk = Walk::new(&arguments);
        let mut names = Vec::new();
        for input in &mut walk {
            let told = input.map_or_else(|error| error.to_string(), |input| input.name());
            names.push(told.replace(&format!("{}/", folder.path().display()), ""));
        }
        let missing = ["missing: no such file or folder", "a.log/x: no such file or folder"];
        assert_eq!(names[..6], ["-", "a.log", "b/10.log", "b/2.log", "c.log", "d.log"]);
        assert_eq!(names[6..], missing);
        assert_eq!(walk.skipped, 4);
    }
}
