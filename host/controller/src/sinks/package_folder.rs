//! Folders of packages: each package of STIX 1.x as a file of its own, as it was received.
//!
//! A file is complete or not there. The names and the position are in the state, so a round that
//! ends anywhere is continued by the next one, and a file that another program moves away is not
//! written again. A package that comes with another content replaces its file.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{Access as Right, access};
use serde::Serialize;

use super::package_name::package_file_name;
use crate::config::Feed;
use crate::sources::{AtomicFile, target_of_temporary};
use crate::stop::Stop;
use crate::store::Store;
use crate::store::packages::KeptPackage;

/// Maximum number of packages that are named at a time.
const BATCH: usize = 100;

/// The packages of one feed that a round wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PackageFiles {
    pub(crate) feed: String,
    /// Files written.
    pub(crate) written: u64,
    /// Packages that wait for the next round.
    pub(crate) waiting: u64,
    /// Packages whose content is not kept: it is too long, or was removed before it could be
    /// written.
    pub(crate) missed: u64,
    /// The reason why packages wait.
    pub(crate) error: Option<String>,
}

/// Writes the packages that wait, of all feeds that name a folder. Packages that cannot be written
/// stay for the next round, and the report gives the reason. Fails on errors of the state only.
pub(crate) fn write_packages(
    feeds: &[Feed],
    store: &mut Store,
    stop: &Stop,
) -> anyhow::Result<Vec<PackageFiles>> {
    let mut all = Vec::new();
    for feed in feeds {
        let Some(folder) = &feed.packages_to else { continue };
        let mut report = PackageFiles { feed: feed.name.clone(), ..PackageFiles::default() };
        match usable(folder) {
            Ok(folder) => {
                let shown = folder.to_string_lossy();
                let mut files = Files { feed: &feed.name, folder: &folder, shown: &shown, store };
                files.write(&mut report, stop)?;
                report.waiting = store.waiting_packages(&feed.name, Some(&shown))?;
            }
            Err(error) => {
                report.error = Some(format!("{error:#}"));
                report.waiting = store.waiting_packages(&feed.name, None)?;
            }
        }
        all.push(report);
    }
    Ok(all)
}

/// Returns the path of a folder without links. It is never created: a missing folder may be a disk
/// that is not mounted.
fn usable(folder: &Path) -> anyhow::Result<PathBuf> {
    let cannot = || format!("{}: packages cannot be written", folder.display());
    let path = fs::canonicalize(folder).with_context(cannot)?;
    if !fs::metadata(&path).with_context(cannot)?.is_dir() {
        return Err(io::Error::from(ErrorKind::NotADirectory)).with_context(cannot);
    }
    access(&path, Right::WRITE_OK | Right::EXEC_OK)
        .map_err(io::Error::from)
        .with_context(cannot)?;
    Ok(path)
}

/// The files of a feed's packages.
struct Files<'a> {
    feed: &'a str,
    folder: &'a Path,
    /// The folder in the state.
    shown: &'a str,
    store: &'a mut Store,
}

impl Files<'_> {
    fn write(&mut self, report: &mut PackageFiles, stop: &Stop) -> anyhow::Result<()> {
        let mut is_first = true;
        while report.error.is_none() && !stop.is_requested() {
            let position = self.store.package_position(self.feed, self.shown)?;
            let batch = self.store.packages(self.feed, position, BATCH)?;
            if batch.is_empty() {
                break;
            }
            if std::mem::take(&mut is_first) {
                self.remove_leftovers()?;
            }
            self.write_batch(&batch, report, stop)?;
        }
        Ok(())
    }

    /// Writes packages until one cannot be written, and moves the position after the last one that
    /// is done. Packages that the feed's filter drops are passed over.
    fn write_batch(
        &mut self,
        batch: &[KeptPackage],
        report: &mut PackageFiles,
        stop: &Stop,
    ) -> anyhow::Result<()> {
        let counting = batch.iter().filter(|package| package.dropped.is_none());
        let ids: Vec<&str> = counting.map(|package| package.id.as_str()).collect();
        let names =
            self.store.package_file_names(self.feed, self.shown, &ids, package_file_name)?;
        let (mut done, mut names) = (None, names.into_iter());
        for package in batch {
            if stop.is_requested() {
                break;
            }
            if package.dropped.is_some() {
                done = Some(package.number);
                continue;
            }
            let Some(name) = names.next() else { break };
            match self.store.package_content(package.number)? {
                Some(content) => match write_file(&self.folder.join(name), &content) {
                    Ok(()) => report.written += 1,
                    Err(error) => {
                        report.error = Some(format!("{error:#}"));
                        break;
                    }
                },
                None => {
                    tracing::warn!(
                        feed = self.feed,
                        package = package.id,
                        "a package is not written: its content is not kept"
                    );
                    report.missed += 1;
                }
            }
            done = Some(package.number);
        }
        match done {
            Some(number) => self.store.set_package_position(self.feed, self.shown, number),
            None => Ok(()),
        }
    }

    /// Removes temporary files that a killed program left.
    fn remove_leftovers(&self) -> anyhow::Result<()> {
        // If the folder cannot be read, or a file not be removed, that harms nothing.
        let Ok(entries) = fs::read_dir(self.folder) else { return Ok(()) };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(target) = name.to_str().and_then(target_of_temporary) else { continue };
            if self.store.is_package_file(self.shown, target)? {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

fn write_file(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let cannot = || format!("{}: a package cannot be written", path.display());
    // A link could lead to any file of the machine.
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            bail!("{}: expected a file or nothing, got something else", cannot())
        }
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(cannot);
        }
        _ => {}
    }
    let mut file = AtomicFile::create(path)?;
    file.write_all(content).and_then(|()| file.finish()).with_context(cannot)
}
