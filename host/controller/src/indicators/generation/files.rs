//! Where generations are kept.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::sources::Replacement;
use crate::store::generations::kept_files;
use crate::store::{Connection, private};

/// The folder for blacklists.
pub(super) struct Files {
    blacklists: PathBuf,
    /// Versions before 0.2 kept there what was new in each generation.
    history: PathBuf,
}

impl Files {
    pub(super) fn new(state: &Path) -> Files {
        Files { blacklists: state.join("blacklists"), history: state.join("history") }
    }

    pub(super) fn blacklist(&self, name: &str) -> PathBuf {
        self.blacklists.join(name)
    }

    /// Size and time of a blacklist's file, which show whether anybody wrote to it; `None` when it is not
    /// there. So a round need not read the file just to see that it is whole.
    pub(super) fn written(&self, name: &str) -> Option<String> {
        let metadata = fs::metadata(self.blacklist(name)).ok().filter(fs::Metadata::is_file)?;
        Some(format!("{} {}.{:09}", metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
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

    /// Removes the files that the state does not name: of generations before the last `kept` ones, and of runs that
    /// were killed.
    pub(super) fn clean(&self, connection: &Connection, kept: u32) -> anyhow::Result<()> {
        remove_others(&self.blacklists, &kept_files(connection, kept)?)?;
        if self.history.is_dir() {
            remove_others(&self.history, &HashSet::new())?;
            // Somebody's own file in it keeps it.
            let _ = fs::remove_dir(&self.history);
        }
        Ok(())
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
        entries => {
            entries.with_context(|| format!("{}: the folder cannot be read", folder.display()))?
        }
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Those being written are hidden, and named after what they become.
        if name.contains(".blacklist") && !kept.contains(&name) {
            let path = entry.path();
            fs::remove_file(&path)
                .with_context(|| format!("{}: cannot be removed", path.display()))?;
        }
    }
    Ok(())
}
