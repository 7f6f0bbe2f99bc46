//! The lists that policies name: files of values, and MISP warninglists.

use std::collections::HashMap;
use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use threatsieve_blacklist::{Indicator, Value};
use threatsieve_feed::warninglist::{
    MAX_WARNINGLIST_BYTES, RejectedEntry, Warninglist, WarninglistFile,
};
use threatsieve_feed::{FeedOptions, RejectedLine, StixLimits, StixSet, Unreduced, read_feed};

use crate::config::Config;
use crate::limited::read_limited;
use crate::sources::{files, likeness, unpack};

/// A list of values that do not count.
#[derive(Debug)]
pub(super) struct List {
    /// The warninglist's name, or the file's path.
    pub(super) name: Arc<str>,
    /// BLAKE3 of the file, in hexadecimal.
    pub(super) digest: String,
    parts: Vec<Warninglist>,
}

impl List {
    pub(super) fn entry_for(&self, value: &Value) -> Option<String> {
        self.parts.iter().find_map(|part| part.entry_for(value))
    }
}

/// Returns a text that changes when a list of any policy does. It is cheap: no list is read.
pub(crate) fn fingerprint(config: &Config) -> String {
    let mut text = String::new();
    for policy in config.feeds.iter().map(|feed| &feed.policy) {
        for path in policy.allow.iter().chain(&policy.warninglists) {
            let found = files(path).and_then(|files| likeness(&files));
            text.push_str(&match found {
                Ok(found) => format!("{path:?} {}\n", found.digest),
                Err(error) => format!("{path:?} {error:#}\n"),
            });
        }
    }
    text
}

/// Lists that were read, so that several feeds share them.
#[derive(Default)]
pub(super) struct Known {
    warninglists: HashMap<PathBuf, Arc<List>>,
    allow: HashMap<PathBuf, Arc<List>>,
}

impl Known {
    pub(super) fn warninglists(&mut self, paths: &[PathBuf]) -> anyhow::Result<Vec<Arc<List>>> {
        let mut lists = Vec::new();
        for path in paths {
            let found = files(path)?;
            let is_folder = found.first() != Some(path);
            for file in found.into_iter().filter(|file| !is_folder || is_list(file)) {
                if !self.warninglists.contains_key(&file) {
                    let list = warninglist(&file)
                        .with_context(|| format!("the warninglist {}", file.display()))?;
                    self.warninglists.insert(file.clone(), Arc::new(list));
                }
                lists.extend(self.warninglists.get(&file).cloned());
            }
        }
        Ok(lists)
    }

    pub(super) fn allow(&mut self, paths: &[PathBuf]) -> anyhow::Result<Vec<Arc<List>>> {
        let mut lists = Vec::new();
        for path in paths {
            for file in files(path)? {
                if !self.allow.contains_key(&file) {
                    let list = allow_list(&file)
                        .with_context(|| format!("the allow-list {}", file.display()))?;
                    self.allow.insert(file.clone(), Arc::new(list));
                }
                lists.extend(self.allow.get(&file).cloned());
            }
        }
        Ok(lists)
    }
}

/// Returns whether a file in a folder is a list. The repository has its schema in another one.
fn is_list(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name != "schema.json" && [".json", ".json.gz"].iter().any(|end| name.ends_with(end))
}

/// Reads a file as a whole, unpacked.
fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = read_limited(unpack(File::open(file)?)?, MAX_WARNINGLIST_BYTES)?;
    bytes.with_context(|| format!("expected at most {MAX_WARNINGLIST_BYTES} bytes, got more"))
}

fn warninglist(file: &Path) -> anyhow::Result<List> {
    let bytes = read(file)?;
    let (mut first, mut count) = (None, 0u64);
    let mut reject = |one: RejectedEntry| {
        count += 1;
        first.get_or_insert(one);
    };
    let list = Warninglist::new(WarninglistFile::parse(&bytes)?, &mut reject)?;
    if let Some(RejectedEntry { entry, reason }) = first {
        tracing::debug!(
            file = %file.display(),
            entry,
            reason,
            rejected = count,
            "entries of a warninglist are not used"
        );
    }
    let name = format!("{} (version {})", list.name(), list.version());
    Ok(List { name: name.into(), digest: digest(&bytes), parts: vec![list] })
}

fn allow_list(file: &Path) -> anyhow::Result<List> {
    let bytes = read(file)?;
    let mut values = Vec::new();
    let mut first = None;
    let mut set = StixSet::new(StixLimits::default());
    let mut take = |indicator: Indicator, _: &str| values.extend(indicator.values);
    let mut reject = |line: RejectedLine| _ = first.get_or_insert(line);
    let options = FeedOptions::default();
    let mut input = Cursor::new(&bytes);
    if !bytes.trim_ascii().is_empty() {
        read_feed(&mut input, &options, 0, &mut set, &mut take, &mut reject, None)?;
    }
    let mut reduced = |_: u16, indicator: Indicator| values.extend(indicator.values);
    set.finish(&mut reduced, &mut |_: Unreduced| {});
    if let Some(RejectedLine { line, text, reason, .. }) = first {
        bail!("line {line}: {text}: {reason}");
    }
    let name = file.display().to_string();
    let parts = Warninglist::of_values(&name, values).into();
    Ok(List { name: name.into(), digest: digest(&bytes), parts })
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..32].to_owned()
}
