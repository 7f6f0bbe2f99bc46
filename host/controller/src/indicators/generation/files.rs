//! Where generations are kept.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rusqlite::Connection;

use crate::sources::Replacement;
use crate::store::private;

/// The folders for blacklists and for what is new in them.
pub(super) struct Files {
    blacklists: PathBuf,
    history: PathBuf,
}

impl Files {
    pub(super) fn new(state: &Path) -> Files {
        Files { blacklists: state.join("blacklists"), history: state.join("history") }
    }

    pub(super) fn blacklist(&self, name: &str) -> PathBuf {
        self.blacklists.join(name)
    }

    pub(super) fn has_blacklist(&self, name: &str) -> bool {
        self.blacklist(name).is_file()
    }

    /// Writes a blacklist, and gives its name in its folder.
    pub(super) fn write_blacklist(
        &self,
        name: &str,
        generation: u64,
        bytes: &[u8],
    ) -> anyhow::Result<String> {
        write(&self.blacklists, format!("{name}-{generation}.blacklist"), bytes)
    }

    /// Writes what is new in a generation, and gives its name in its folder.
    pub(super) fn write_history(&self, generation: u64, bytes: &[u8]) -> anyhow::Result<String> {
        write(&self.history, format!("{generation}.blacklist"), bytes)
    }

    /// Removes the files that the state does not name: of generations before the last `kept` ones, of ended jobs, and
    /// of runs that were killed.
    pub(super) fn clean(&self, connection: &Connection, kept: u32) -> anyhow::Result<()> {
        let named = |sql: &str, kept: i64| -> anyhow::Result<HashSet<String>> {
            let mut statement = connection.prepare_cached(sql)?;
            let names = statement.query_map([kept], |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        };
        let generations = "SELECT file FROM generations ORDER BY generation DESC LIMIT ?1";
        remove_others(&self.blacklists, &named(generations, kept.into())?)?;
        let jobs = "SELECT blacklist FROM history_jobs WHERE ended IS NULL LIMIT ?1";
        remove_others(&self.history, &named(jobs, -1)?)
    }
}

fn write(folder: &Path, name: String, bytes: &[u8]) -> anyhow::Result<String> {
    let path = folder.join(&name);
    let cannot = || format!("{}: the blacklist cannot be written", path.display());
    private::create_folder(folder).with_context(cannot)?;
    let mut file = Replacement::create_private(&path)?;
    file.write_all(bytes).and_then(|()| file.finish()).with_context(cannot)?;
    Ok(name)
}

fn remove_others(folder: &Path, kept: &HashSet<String>) -> anyhow::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("{}: the folder cannot be read", folder.display()))?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Those being written are hidden, and named after what they become.
        if name.contains(".blacklist") && !kept.contains(&name) {
            let path = entry.path();
            fs::remove_file(&path).with_context(|| format!("{}: cannot be removed", path.display()))?;
        }
    }
    Ok(())
}
