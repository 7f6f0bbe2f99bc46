//! The folder with the service's files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::properties::Properties;
use crate::limited::read_limited;

/// Longest file of properties.
const MAX_PROPERTIES_BYTES: u64 = 1024 * 1024;

/// The folder that the service was installed to.
const INSTALLED: &str = "/opt/mtc";

/// The folders below it in which the service has files.
const FOLDERS: [&str; 3] = ["config", "avro", ""];

/// The folder with the service's files.
pub(super) struct Folder {
    root: PathBuf,
    /// The folder that the service ran in.
    base: PathBuf,
}

impl Folder {
    pub(super) fn new(root: &Path) -> anyhow::Result<Folder> {
        let root = fs::canonicalize(root)
            .with_context(|| format!("{}: expected a folder", root.display()))?;
        Ok(Folder { root, base: PathBuf::from(INSTALLED) })
    }

    /// Changes the folder that the service ran in.
    pub(super) fn set_base(&mut self, base: &str) {
        self.base = PathBuf::from(base);
    }

    /// Reads a file of properties; `None` if there is none.
    pub(super) fn properties(&self, name: &str) -> anyhow::Result<Option<(PathBuf, Properties)>> {
        let Some(path) = self.named(name) else { return Ok(None) };
        let shown = path.display();
        let bytes = File::open(&path).and_then(|file| read_limited(file, MAX_PROPERTIES_BYTES));
        let bytes = bytes.with_context(|| format!("{shown}: cannot be read"))?;
        let bytes = bytes.ok_or_else(|| {
            anyhow!("{shown}: expected at most {MAX_PROPERTIES_BYTES} bytes, got more")
        })?;
        let properties = Properties::read(&bytes).with_context(|| shown.to_string())?;
        Ok(Some((path, properties)))
    }

    /// Finds a file by its name alone.
    pub(super) fn named(&self, name: &str) -> Option<PathBuf> {
        FOLDERS.iter().map(|folder| self.root.join(folder).join(name)).find(|path| path.is_file())
    }

    /// Finds a file that a property names: below this folder, at its own path, or by its name.
    pub(super) fn file(&self, property: &str) -> Option<PathBuf> {
        let path = local(property)?;
        let name = || self.named(path.file_name()?.to_str()?);
        self.candidates(&path).into_iter().find(|path| path.is_file()).or_else(name)
    }

    /// Finds a folder that a property names.
    pub(super) fn folder(&self, path: &Path) -> Option<PathBuf> {
        self.candidates(path).into_iter().find(|path| path.is_dir())
    }

    fn candidates(&self, path: &Path) -> Vec<PathBuf> {
        let below = match path.is_absolute() {
            false => Some(path),
            true => path.strip_prefix(&self.base).ok(),
        };
        let below = below.map(|path| self.root.join(path));
        below.into_iter().chain([self.base.join(path)]).collect()
    }

    /// Returns a path as the service read it, from the folder that it ran in.
    pub(super) fn absolute(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }
}

/// Returns the path in a property, which may be a URL of a file.
fn local(property: &str) -> Option<PathBuf> {
    let path = match property.strip_prefix("file:") {
        // `file:///opt/mtc/a` and `file:/opt/mtc/a` are the same.
        Some(path) => path.strip_prefix("//").unwrap_or(path),
        None if property.starts_with("classpath:") => return None,
        None => property,
    };
    (!path.is_empty() && !path.contains('\0')).then(|| PathBuf::from(path))
}
