//! Saves the warninglists that a server uses to a folder, for the policies of feeds. Each list is a
//! file in the form of MISP/misp-warninglists. Its name has the version, so that an unchanged list
//! is not fetched again.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufReader, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use threatsieve_feed::misp::{WarninglistEntry, read_warninglist, read_warninglist_index};
use threatsieve_feed::warninglist::MAX_WARNINGLIST_BYTES;

use super::server::{MAX_ANSWER_BYTES, Server, read};
use crate::feeds::fetched::blocking;
use crate::sources::AtomicFile;

/// Maximum number of lists.
const MAX_LISTS: usize = 1000;
/// The start of the names of files, by which files of others are told apart.
const PREFIX: &str = "misp-warninglist-";

/// Brings the files up to date.
pub(super) async fn save(server: &mut Server, folder: &Path) -> anyhow::Result<()> {
    let answer = server
        .ask("warninglists/index/enabled:1", None, "a list of MISP warninglists", MAX_ANSWER_BYTES)
        .await?;
    let lists = read(answer, |input| read_warninglist_index(input))?;
    ensure!(lists.len() <= MAX_LISTS, "expected at most {MAX_LISTS} warninglists, got more");
    blocking(|| fs::create_dir_all(folder)).with_context(|| folder.display().to_string())?;
    let mut names = BTreeSet::new();
    // A server that does not know the condition names all lists.
    for list in lists.iter().filter(|list| list.is_enabled) {
        let name = file_name(list)?;
        let path = folder.join(&name);
        if !path.exists() {
            let view = format!("warninglists/view/{}", list.id);
            let limit = MAX_WARNINGLIST_BYTES;
            let answer = server.ask(&view, None, "a MISP warninglist", limit).await?;
            let bytes = read(answer, |input: &mut BufReader<fs::File>| read_warninglist(input))?;
            blocking(|| write(&path, &bytes)).with_context(|| path.display().to_string())?;
        }
        names.insert(name);
    }
    blocking(|| remove_others(folder, &names)).with_context(|| folder.display().to_string())
}

/// Returns the name of a list's file. Its number and version are numbers.
fn file_name(list: &WarninglistEntry) -> anyhow::Result<String> {
    let is_number = |text: &str| {
        (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    ensure!(
        is_number(&list.id) && is_number(&list.version),
        "the warninglist {:?}: expected a number and a version in digits, got {:?} and {:?}",
        crate::text::clipped(list.name.as_bytes(), 60),
        crate::text::clipped(list.id.as_bytes(), 60),
        crate::text::clipped(list.version.as_bytes(), 60)
    );
    Ok(format!("{PREFIX}{}-v{}.json", list.id, list.version))
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = AtomicFile::create_private(path)?;
    file.write_all(bytes)?;
    file.flush()?;
    Ok(file.finish()?)
}

/// Deletes the files of lists that are changed, or that the server does not use any more.
fn remove_others(folder: &Path, names: &BTreeSet<String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_own = |name: &&str| name.starts_with(PREFIX) && name.ends_with(".json");
        if name.to_str().filter(is_own).is_some_and(|name| !names.contains(name)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
