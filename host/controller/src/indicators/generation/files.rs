//! The files of generations.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::sources::AtomicFile;
use crate::store::generations::kept_files;
use crate::store::{Connection, private};

/// The folder for blacklists.
pub(super) struct Files {
    blacklists: PathBuf,
    /// The folder in which versions before 0.2 stored what was new in each generation.
    history: PathBuf,
}

impl Files {
    pub(super) fn new(state: &Path) -> Files {
        Files { blacklists: state.join("blacklists"), history: state.join("history") }
    }

    pub(super) fn blacklist(&self, name: &str) -> PathBuf {
        self.blacklists.join(name)
    }

    /// Size and modification time of a blacklist's file, or `None` if it does not exist. They show
    /// whether another program wrote to it. So a round need not read the file to see that it is
    /// whole.
    pub(super) fn written(&self, name: &str) -> Option<String> {
        let metadata = fs::metadata(self.blacklist(name)).ok().filter(fs::Metadata::is_file)?;
        Some(format!("{} {}.{:09}", metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
    }

    /// Writes a blacklist, and returns its file name in its folder.
    pub(super) fn write_blacklist(
        &self,
        name: &str,
        generation: u64,
        bytes: &[u8],
    ) -> anyhow::Result<String> {
        write(&self.blacklists, format!("{name}-{generation}.blacklist"), bytes)
    }

    /// Removes the files that the state does not name: those of generations before the last `kept`
    /// ones, and those of killed runs.
    pub(super) fn clean(&self, connection: &Connection, kept: u32) -> anyhow::Result<()> {
        remove_others(&self.blacklists, &kept_files(connection, kept)?)?;
        if self.history.is_dir() {
            remove_others(&self.history, &HashSet::new())?;
            // The folder is not removed if it has other files.
            let _ = fs::remove_dir(&self.history);
        }
        Ok(())
    }
}

fn write(folder: &Path, name: String, bytes: &[u8]) -> anyhow::Result<String> {
    let path = folder.join(&name);
    let cannot = || format!("{}: the blacklist cannot be written", path.display());
    private::create_folder(folder).with_context(cannot)?;
    let mut file = AtomicFile::create_private(&path)?;
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
        // Temporary files are hidden, and named after their target.
        if name.contains(".blacklist") && !kept.contains(&name) {
            let path = entry.path();
            fs::remove_file(&path)
                .with_context(|| format!("{}: cannot be removed", path.display()))?;
        }
    }
    Ok(())
}
