//! The files that a log source has at the moment.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, ensure};

use super::opened::Stat;
use crate::config::LogSource;
use crate::sources::{Expanded, Input, PathPattern, Unreadable, Walk};

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Present {
    pub(crate) path: PathBuf,
    pub(crate) stat: Stat,
}

/// What cannot be looked at, and why.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) path: PathBuf,
    pub(crate) why: anyhow::Error,
}

impl From<Unreadable> for Missing {
    fn from(unreadable: Unreadable) -> Missing {
        match unreadable {
            Unreadable::Missing { path } => Missing { path, why: anyhow!("no such file or folder") },
            Unreadable::Closed { path, source } => Missing { path, why: anyhow!(source) },
        }
    }
}

impl Missing {
    /// Returns whether a file cannot be found for this reason: it is what is missing, or lies in it.
    pub(crate) fn hides(&self, file: &Path) -> bool {
        file.starts_with(&self.path)
    }
}

/// Finds a source's files, oldest first, each once however many names lead to it.
pub(crate) fn find(source: &LogSource) -> (Vec<Present>, Vec<Missing>) {
    let (mut present, mut missing) = (Vec::new(), Vec::new());
    let mut arguments = Vec::new();
    for pattern in &source.paths {
        match expand(pattern) {
            Ok(Expanded { paths, unreadable }) => {
                arguments.extend(paths);
                missing.extend(unreadable.into_iter().map(Missing::from));
            }
            Err(why) => missing.push(Missing { path: pattern.into(), why }),
        }
    }
    let mut known = HashSet::new();
    for input in Walk::new(&arguments) {
        let path = match input {
            Ok(Input::File(path)) => path,
            Ok(Input::Stdin) => continue,
            Err(unreadable) => {
                missing.push(Missing::from(unreadable));
                continue;
            }
        };
        match fs::metadata(&path) {
            Ok(metadata) if !metadata.is_file() => {
                missing.push(Missing { path, why: anyhow!("expected a regular file or a folder") });
            }
            Ok(metadata) => {
                let stat = Stat::of(&metadata);
                if known.insert((stat.device, stat.inode)) {
                    present.push(Present { path, stat });
                }
            }
            Err(error) => missing.push(Missing { path, why: anyhow!(error) }),
        }
    }
    present.sort_by(|a, b| (a.stat.modified, &a.path).cmp(&(b.stat.modified, &b.path)));
    (present, missing)
}

/// Returns the paths that a configured one means: itself where there is such a file, else those that it is a pattern
/// of. What of the pattern cannot be looked at is no error of the pattern.
fn expand(pattern: &str) -> anyhow::Result<Expanded> {
    if !PathPattern::is_pattern(pattern) || fs::symlink_metadata(pattern).is_ok() {
        return Ok(Expanded { paths: vec![PathBuf::from(pattern)], unreadable: Vec::new() });
    }
    let expanded = PathPattern::new(pattern)?.expand();
    ensure!(!expanded.paths.is_empty() || !expanded.unreadable.is_empty(), "no file matches the pattern");
    Ok(expanded)
}
