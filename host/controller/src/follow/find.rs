//! Finds the files that the log sources have at the moment.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, ensure};

use crate::config::{Config, LogSource};
use crate::sources::{Expanded, Input, PathPattern, Unreadable, Walk};
use crate::store::files::Stat;

/// Maximum number of files in several sources that are listed by name.
const SHARED_NAMED: usize = 10;

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Present {
    /// The log source, as its index in the configuration.
    pub(crate) source: usize,
    pub(crate) path: PathBuf,
    pub(crate) stat: Stat,
}

/// A path that cannot be read, and the reason.
#[derive(Debug)]
pub(crate) struct Missing {
    /// The log source, as its index in the configuration.
    pub(crate) source: usize,
    pub(crate) path: PathBuf,
    pub(crate) why: anyhow::Error,
}

impl Missing {
    fn new(source: usize, unreadable: Unreadable) -> Missing {
        match unreadable {
            Unreadable::Missing { path } => {
                Missing { source, path, why: anyhow!("no such file or folder") }
            }
            Unreadable::Closed { path, source: error } => {
                Missing { source, path, why: anyhow!(error) }
            }
        }
    }

    /// Returns whether this is the reason why a file was not found: the path is the file or a
    /// folder above it.
    pub(crate) fn hides(&self, file: &Path) -> bool {
        file.starts_with(&self.path)
    }
}

/// The files of all sources.
#[derive(Debug, Default)]
pub(crate) struct FoundFiles {
    /// All files, oldest first. A file with several names appears once. A file in several sources
    /// belongs to the first of them.
    pub(crate) present: Vec<Present>,
    /// Files that a later source names too, with the index of the source that has them.
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

/// Returns a sentence for each of the first files that several sources name. A round reads each of
/// them once.
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

/// Lists all names of one source's files.
fn find_in(number: usize, source: &LogSource, missing: &mut Vec<Missing>) -> Vec<Present> {
    let mut present = Vec::new();
    let mut arguments = Vec::new();
    for pattern in &source.paths {
        match expand(pattern) {
            Ok(Expanded { paths, unreadable }) => {
                arguments.extend(paths);
                missing.extend(unreadable.into_iter().map(|one| Missing::new(number, one)));
            }
            Err(why) => missing.push(Missing { source: number, path: pattern.into(), why }),
        }
    }
    for input in Walk::new(&arguments) {
        let path = match input {
            Ok(Input::File(path)) => path,
            Ok(Input::Stdin) => continue,
            Err(unreadable) => {
                missing.push(Missing::new(number, unreadable));
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

/// Returns the files for a configured path: the path itself if such a file exists, otherwise all
/// files that match it as a pattern.
///
/// A folder that cannot be read while the pattern is expanded is not an error of the pattern.
fn expand(pattern: &str) -> anyhow::Result<Expanded> {
    if !PathPattern::is_pattern(pattern) || fs::symlink_metadata(pattern).is_ok() {
        return Ok(Expanded { paths: vec![PathBuf::from(pattern)], unreadable: Vec::new() });
    }
    let expanded = PathPattern::new(pattern)?.expand();
    ensure!(
        !expanded.paths.is_empty() || !expanded.unreadable.is_empty(),
        "no file matches the pattern"
    );
    Ok(expanded)
}
