//! The files that a log source has at the moment.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use anyhow::anyhow;

use crate::config::LogSource;
use crate::sources::{Input, Unreadable, Walk};
use crate::store::files::Stat;

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

/// Finds a source's files, oldest first, each once however many names lead to it.
pub(crate) fn find(source: &LogSource) -> (Vec<Present>, Vec<Missing>) {
    let (mut present, mut missing) = (Vec::new(), Vec::new());
    let mut arguments = Vec::new();
    for pattern in &source.paths {
        match expand(pattern) {
            Ok(paths) => arguments.extend(paths),
            Err(why) => missing.push(Missing { path: pattern.into(), why }),
        }
    }
    let mut known = HashSet::new();
    for input in Walk::new(&arguments) {
        let path = match input {
            Ok(Input::File(path)) => path,
            Ok(Input::Stdin) => continue,
            Err(Unreadable::Missing { path }) => {
                missing.push(Missing { path, why: anyhow!("no such file or folder") });
                continue;
            }
            Err(Unreadable::Closed { path, source }) => {
                missing.push(Missing { path, why: anyhow!(source) });
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

/// The paths that a configured one stands for: itself where there is such a file, else those that it is a pattern of.
fn expand(pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    let is_pattern = pattern.contains(['*', '?', '[']) && fs::symlink_metadata(pattern).is_err();
    if !is_pattern {
        return Ok(vec![PathBuf::from(pattern)]);
    }
    let paths: Vec<PathBuf> = glob::glob(pattern)?.collect::<Result<_, _>>()?;
    if paths.is_empty() {
        return Err(anyhow!("no file matches the pattern"));
    }
    Ok(paths)
}
