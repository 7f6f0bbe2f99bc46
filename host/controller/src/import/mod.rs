//! The settings and the tracking file of the service that this program supersedes,
//! flare-misp-service, as a configuration of this program.
//!
//! Nothing is written here: [`import`] returns what is to be written.

mod avro;
mod decrypt;
mod folder;
mod properties;
mod reasons;
mod service;
mod tracked;
mod writer;

use std::path::{Path, PathBuf};

pub(crate) use self::service::SERVER_TOKEN;
pub(crate) use self::tracked::Tracked;

use crate::config::Secret;

/// The name of the MISP server in the configuration.
pub(crate) const MISP: &str = "misp";

/// Everything that an import found.
#[derive(Debug)]
pub(crate) struct Import {
    /// The configuration.
    pub(crate) text: String,
    /// Secrets, each with the name of its file.
    pub(crate) secrets: Vec<(&'static str, Secret)>,
    /// The name of the feed.
    pub(crate) feed: String,
    /// The packages that the service has sent.
    pub(crate) tracked: Option<Tracked>,
    pub(crate) findings: Findings,
}

/// News about an import for its operator.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The files that were read.
    pub(crate) read: Vec<PathBuf>,
    /// Number of properties that were used.
    pub(crate) used: usize,
    /// Properties that were not used, each with the reason.
    pub(crate) unused: Vec<(String, String)>,
    /// Parts that could not be imported, each with the reason.
    pub(crate) missing: Vec<String>,
    /// Differences from the service, and what is left to do.
    pub(crate) to_do: Vec<String>,
}

/// The places of what is written.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    /// The folder of secrets, as the configuration names it.
    pub(crate) secrets: &'a Path,
    /// The folder of the state, as the configuration names it.
    pub(crate) state: &'a Path,
}

/// Reads the service's files in a folder, which is laid out as `/opt/mtc` or flat. Fails if there
/// is no `config.properties`, or a file cannot be read at all.
pub(crate) fn import(folder: &Path, places: &Places<'_>) -> anyhow::Result<Import> {
    service::import(folder, places)
}
