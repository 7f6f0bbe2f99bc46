//! The files that the log sources have at the moment.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::path::PathBuf;

use anyhow::anyhow;

use crate::config::{Config, LogSource};
use crate::sources::{Input, Unreadable, Walk};
use crate::store::files::Stat;

/// Files in several sources that are named.
const SHARED_NAMED: usize = 10;

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Present {
    /// The log source, by its place in the configuration.
    pub(crate) source: usize,
    pub(crate) path: PathBuf,
    pub(crate) stat: Stat,
}

/// What cannot be looked at, and why.
#[derive(Debug)]
pub(crate) struct Missing {
    /// The log source, by its place in the configuration.
    pub(crate) source: usize,
    pub(crate) path: PathBuf,
    pub(crate) why: anyhow::Error,
}

/// The files of all sources.
#[derive(Debug, Default)]
pub(crate) struct FoundFiles {
    /// Oldest first, each once however many names lead to it. What several sources name is the first
    /// one's.
    pub(crate) present: Vec<Present>,
    /// What a source names as well, with the source that has it.
    pub(crate) shared: Vec<(Present, usize)>,
    pub(crate) missing: Vec<Missing>,
}

/// Finds the files of all sources.
pub(crate) fn find(sources: &[LogSource]) -> FoundFiles {
    let mut found = FoundFiles::default();
    let mut known = HashMap::new();
    for (number, source) in sources.iter().enumerate() {
        for present in find_in(number, source, &mut found.missing) {
            match known.entry((present.stat.device, present.stat.inode)) {
                Entry::Vacant(free) => {
                    free.insert(number);
                    found.present.push(present);
                }
                Entry::Occupied(owner) if *owner.get() != number => {
                    found.shared.push((present, *owner.get()));
                }
                Entry::Occupied(_) => {}
            }
        }
    }
    found.present.sort_by(|a, b| (a.stat.modified, &a.path).cmp(&(b.stat.modified, &b.path)));
    found
}

/// Files that several sources name, the first ones, each in a sentence. A round reads each of them once.
pub(crate) fn shared_logs(config: &Config) -> Vec<String> {
    let shared = find(&config.logs).shared;
    let sentences = shared.iter().take(SHARED_NAMED).map(|(present, owner)| {
        format!(
            "log {}: expected in one source, got it in {} and {}; it is read as {}'s",
            present.path.display(),
            config.logs[*owner].name,
            config.logs[present.source].name,
            config.logs[*owner].name
        )
    });
    let more = shared.len().checked_sub(SHARED_NAMED).filter(|more| *more > 0);
    sentences.chain(more.map(|more| format!("{more} more logs are in several sources"))).collect()
}

/// All names of one source's files.
fn find_in(number: usize, source: &LogSource, missing: &mut Vec<Missing>) -> Vec<Present> {
    let mut present = Vec::new();
    let mut arguments = Vec::new();
    for pattern in &source.paths {
        match expand(pattern) {
            Ok(paths) => arguments.extend(paths),
            Err(why) => missing.push(Missing { source: number, path: pattern.into(), why }),
        }
    }
    for input in Walk::new(&arguments) {
        let path = match input {
            Ok(Input::File(path)) => path,
            Ok(Input::Stdin) => continue,
            Err(Unreadable::Missing { path }) => {
                missing.push(Missing { source: number, path, why: anyhow!("no such file or folder") });
                continue;
            }
            Err(Unreadable::Closed { path, source }) => {
                missing.push(Missing { source: number, path, why: anyhow!(source) });
                continue;
            }
        };
        match fs::metadata(&path) {
            Ok(metadata) if !metadata.is_file() => {
                missing.push(Missing {
                    source: number,
                    path,
                    why: anyhow!("expected a regular file or a folder"),
                });
            }
            Ok(metadata) => {
                present.push(Present { source: number, path, stat: Stat::of(&metadata) });
            }
            Err(error) => missing.push(Missing { source: number, path, why: anyhow!(error) }),
        }
    }
    present
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
