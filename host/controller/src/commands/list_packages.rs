//! `threatsieve feeds packages`: lists or saves the STIX 1.x packages of a feed as they were
//! received.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::configured::loaded;
use crate::cli::{ConfigArgs, PackagesArgs};
use crate::exit::{Exit, Failure};
use crate::output::Sink;
use crate::sinks::package_file_name;
use crate::sources::AtomicFile;
use crate::store::Store;
use crate::store::packages::KeptPackage;
use crate::text::{escape_controls, rfc3339, safe_json, sized};

/// Maximum number of packages read at once.
const AT_ONCE: usize = 1000;

/// Prints a feed's packages, in the order in which they were received, and saves their contents if
/// a folder is named.
pub(super) fn list_packages(
    args: &PackagesArgs,
    config: &ConfigArgs,
    as_json: bool,
) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(&config.path())? else { return Ok(Exit::Usage) };
    let store = Store::open_to_read(&loaded.config.state)?;
    let (mut sink, mut names, mut after) = (Sink::stdout()?, HashSet::new(), args.after);
    loop {
        let packages = store.packages(&args.feed, after, AT_ONCE)?;
        let Some(last) = packages.last() else { return Ok(Exit::Done) };
        after = last.number;
        let mut text = String::new();
        for package in &packages {
            text.push_str(&shown(package, as_json));
            if let Some(folder) = &args.save {
                save(&store, package, folder, &mut names)?;
            }
        }
        sink.write(text.as_bytes())?;
    }
}

fn shown(package: &KeptPackage, as_json: bool) -> String {
    let KeptPackage { number, id, digest, received, bytes, has_content, dropped, .. } = package;
    let digest = blake3::Hash::from_bytes(*digest).to_hex();
    let received = rfc3339(*received);
    if as_json {
        let object = json!({
            "number": number,
            "id": id,
            "received": received,
            "bytes": bytes,
            "blake3": digest.as_str(),
            "has_content": has_content,
            "dropped": dropped,
        });
        return format!("{}\n", safe_json(&object.to_string()));
    }
    let kept = if *has_content { "" } else { ", no longer kept" };
    let dropped = if dropped.is_some() { ", dropped by the feed's filter" } else { "" };
    format!("{number} {received} {} ({}{kept}{dropped})\n", escape_controls(id), sized(*bytes))
}

/// Writes a package's content to a file that is named like the package.
fn save(
    store: &Store,
    package: &KeptPackage,
    folder: &Path,
    names: &mut HashSet<String>,
) -> anyhow::Result<()> {
    let Some(content) = store.package_content(package.number)? else { return Ok(()) };
    let mut attempt = 0;
    let name = loop {
        let name = package_file_name(&package.id, attempt);
        if names.insert(name.to_ascii_lowercase()) {
            break name;
        }
        attempt += 1;
    };
    let path = folder.join(name);
    let mut file = AtomicFile::create_private(&path)?;
    file.write_all(&content)
        .and_then(|()| file.finish())
        .with_context(|| format!("{}: cannot be written", path.display()))
}
