//! `threatsieve feeds packages`: lists or saves the STIX 1.x packages of a feed as they were
//! received.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::configured::loaded;
use crate::cli::{ConfigArgs, PackagesArgs};
use crate::exit::{Exit, Failure};
use crate::output::Sink;
use crate::sources::AtomicFile;
use crate::store::Store;
use crate::store::packages::KeptPackage;
use crate::text::{escape_controls, rfc3339, safe_json, sized};

/// Maximum number of packages read at once.
const AT_ONCE: usize = 1000;

/// Maximum length of a file's name without its ending.
const NAME_BYTES: usize = 180;

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
    let mut name = file_name(&package.id);
    if !names.insert(name.clone()) {
        _ = write!(name, "-{}", package.number);
        names.insert(name.clone());
    }
    let path = folder.join(format!("{name}.xml"));
    let mut file = AtomicFile::create_private(&path)?;
    file.write_all(&content)
        .and_then(|()| file.finish())
        .with_context(|| format!("{}: cannot be written", path.display()))
}

/// Returns a name without characters that have a meaning in paths.
fn file_name(id: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let name =
        id.bytes().take(NAME_BYTES).map(|byte| if safe(byte) { char::from(byte) } else { '-' });
    name.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_has_no_meaning_in_paths() {
        assert_eq!(file_name("example:Package-1.2_a"), "example-Package-1-2_a");
        assert_eq!(file_name("../../etc/passwd\0\u{e9}"), "------etc-passwd---");
        assert_eq!(file_name(&"x".repeat(1000)).len(), NAME_BYTES);
    }
}
