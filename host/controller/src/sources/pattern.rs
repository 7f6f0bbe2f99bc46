//! Patterns of paths (`/var/log/*/access.log*`). Expanding one also reports every path that cannot
//! be read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glob::{Pattern, PatternError};

use super::Unreadable;
use super::walk::is_missing;

/// A path whose parts may contain `*`, `?` and `[...]`. A part `**` matches any number of folders.
#[derive(Debug, Clone)]
pub(crate) struct PathPattern {
    is_absolute: bool,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    /// A literal name.
    Name(String),
    /// Names that match a pattern.
    Names(Pattern),
    /// Folders of any depth.
    Folders,
}

/// The paths that match, and those that cannot be read.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    /// Sorted by the bytes of the names.
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) unreadable: Vec<Unreadable>,
}

impl PathPattern {
    /// Returns whether a text is a pattern.
    pub(crate) fn is_pattern(text: &str) -> bool {
        text.contains(['*', '?', '['])
    }

    /// Parses a pattern. A bracket must close in the part of the path in which it opens.
    pub(crate) fn new(text: &str) -> Result<PathPattern, PatternError> {
        let part = |part: &str| match part {
            "**" => Ok(Part::Folders),
            part if PathPattern::is_pattern(part) => Pattern::new(part).map(Part::Names),
            part => Ok(Part::Name(part.to_owned())),
        };
        let parts = text.split('/').filter(|part| !part.is_empty()).map(part);
        Ok(PathPattern {
            is_absolute: text.starts_with('/'),
            parts: parts.collect::<Result<_, _>>()?,
        })
    }

    /// Finds the paths that match now.
    pub(crate) fn expand(&self) -> Expanded {
        let mut expanded = Expanded::default();
        let start = if self.is_absolute { Path::new("/") } else { Path::new("") };
        expanded.descend(start, &self.parts);
        expanded.paths.dedup();
        expanded
    }
}

impl Expanded {
    fn descend(&mut self, base: &Path, parts: &[Part]) {
        let Some((part, rest)) = parts.split_first() else {
            self.paths.push(base.to_owned());
            return;
        };
        match part {
            Part::Name(name) => self.enter(base.join(name), rest),
            Part::Names(pattern) => {
                for path in self.entries(base) {
                    // A name that is not UTF-8 is matched with its bad bytes replaced.
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    if pattern.matches(&name) {
                        self.enter(path, rest);
                    }
                }
            }
            Part::Folders => {
                self.descend(base, rest);
                if rest.is_empty() {
                    // The reader of a folder reads everything in it.
                    return;
                }
                for path in self.entries(base) {
                    // Links to folders are not followed, because they may lead in circles.
                    if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
                        self.descend(&path, parts);
                    }
                }
            }
        }
    }

    /// Continues below a path, if it exists. If more parts follow, it must be a folder.
    fn enter(&mut self, path: PathBuf, rest: &[Part]) {
        let metadata =
            if rest.is_empty() { fs::symlink_metadata(&path) } else { fs::metadata(&path) };
        match metadata {
            Ok(metadata) if rest.is_empty() || metadata.is_dir() => self.descend(&path, rest),
            Ok(_) => {}
            Err(error) => self.failed(path, error),
        }
    }

    fn entries(&mut self, folder: &Path) -> Vec<PathBuf> {
        let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let names = fs::read_dir(place).and_then(|entries| {
            entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()
        });
        match names {
            Ok(mut names) => {
                names.sort_unstable();
                names.into_iter().map(|name| folder.join(name)).collect()
            }
            Err(error) => {
                self.failed(folder.to_owned(), error);
                Vec::new()
            }
        }
    }

    /// Records a path that exists, but cannot be read.
    fn failed(&mut self, path: PathBuf, source: io::Error) {
        if !is_missing(&source) {
            self.unreadable.push(Unreadable::Closed { path, source });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Returns the names below a folder that a pattern finds, and those that it cannot read.
    fn expand(folder: &Path, pattern: &str) -> (Vec<String>, Vec<String>) {
        let text = format!("{}/{pattern}", folder.display());
        let expanded = PathPattern::new(&text).unwrap().expand();
        let short = |path: &Path| path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
        let unreadable = expanded.unreadable.iter().map(|one| match one {
            Unreadable::Missing { path } | Unreadable::Closed { path, .. } => short(path),
        });
        (expanded.paths.iter().map(|path| short(path)).collect(), unreadable.collect())
    }

    #[test]
    fn patterns_find_what_their_parts_match() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["a/x.log", "a/x.log.1", "b/x.log", "b/c/x.log", "c.log", ".h/x.log", "b[1]/x.log"]
        {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::write(folder.path().join(OsStr::from_bytes(b"\xff.log")), "").unwrap();
        symlink(folder.path().join("nowhere"), folder.path().join("a/dangling.log")).unwrap();
        let found = |pattern| expand(folder.path(), pattern).0;
        assert_eq!(found("a/x.log"), ["a/x.log"]);
        assert_eq!(found("*/x.log"), [".h/x.log", "a/x.log", "b/x.log", "b[1]/x.log"]);
        assert_eq!(found("?/*.log*"), ["a/dangling.log", "a/x.log", "a/x.log.1", "b/x.log"]);
        assert_eq!(found("[!a]/x.log"), ["b/x.log"]);
        assert_eq!(found("b[[]1]/x.log"), ["b[1]/x.log"]);
        assert_eq!(found("b/**/x.log"), ["b/x.log", "b/c/x.log"]);
        assert_eq!(found("*.log"), ["c.log", "\u{fffd}.log"]);
        assert_eq!(found("c.log/x*"), [""; 0]);
        assert_eq!(found("no/*"), [""; 0]);
        assert!(PathPattern::new("/var/[a/b]").is_err());
    }

    #[test]
    fn what_cannot_be_looked_at_is_reported_and_the_rest_is_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/x.log"), "").unwrap();
        // Not even root can enter a link that leads to itself.
        symlink(folder.path().join("b"), folder.path().join("b")).unwrap();
        for pattern in ["*/x.log", "*/*.log", "*/x*"] {
            let expected = (vec!["a/x.log".to_owned()], vec!["b".to_owned()]);
            assert_eq!(expand(folder.path(), pattern), expected, "{pattern}");
        }
        assert_eq!(expand(folder.path(), "b/*"), (vec![], vec!["b".to_owned()]));
    }
}
