//! `threatsieve feeds push` and `feeds manifest`: adds STIX objects to a feed's collection, and
//! lists the objects that it has.

use std::fmt::Write as _;
use std::fs::File;

use anyhow::{Context, anyhow, bail};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::configured::{loaded, network_runtime};
use crate::cli::{ConfigArgs, FeedManifestArgs, FeedPushArgs};
use crate::config::{Feed, Http, Loaded, Origin, TaxiiFeed};
use crate::exit::{Exit, Failure};
use crate::feeds::{Fault, ManifestEntry, Object, Pushed, push, read_manifest, secrets};
use crate::limited::read_limited;
use crate::network::Secrets;
use crate::output::Sink;
use crate::text::{counted, escape_controls, grouped, safe_json};

/// Largest file, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// A bundle, an envelope or an object.
#[derive(Deserialize)]
struct Document {
    objects: Option<Vec<Box<RawValue>>>,
}

/// The properties of an object that identify it.
#[derive(Deserialize)]
struct Identity {
    #[serde(rename = "type")]
    _kind: String,
    id: String,
    modified: Option<String>,
    created: Option<String>,
}

/// Adds the objects of a file to the collection, and prints what the server says about them.
pub(super) fn push_objects(
    args: &FeedPushArgs,
    config: &ConfigArgs,
    is_json: bool,
) -> Result<Exit, Failure> {
    let Some(Target { feed, taxii, http }) = Target::find(&args.name, config)? else {
        return Ok(Exit::Usage);
    };
    let name = args.file.display();
    let file = File::open(&args.file).with_context(|| format!("{name}: cannot be opened"))?;
    let bytes = read_limited(file, MAX_FILE_BYTES)
        .with_context(|| format!("{name}: cannot be read"))?
        .ok_or_else(|| anyhow!("{name}: expected at most {MAX_FILE_BYTES} bytes, got more"))?;
    let objects = objects(&bytes).with_context(|| name.to_string()).map_err(Failure::damaged)?;
    let pushed = network_runtime()?.block_on(push(&taxii, &http, &objects));
    let secrets = secrets(&feed);
    let pushed = pushed.map_err(|error| failure(&secrets, &error))?;
    let text = match is_json {
        true => format!("{}\n", safe_json(&json!({ "pushed": pushed }).to_string())),
        false => shown(&pushed),
    };
    Sink::stdout()?.write(secrets.redact(&text).as_bytes())?;
    let is_done = pushed.failures.is_empty() && pushed.pending == 0;
    Ok(if is_done { Exit::Done } else { Exit::Remote })
}

/// Prints the manifest of the collection, or the versions of one object.
pub(super) fn list_manifest(
    args: &FeedManifestArgs,
    config: &ConfigArgs,
    is_json: bool,
) -> Result<Exit, Failure> {
    let Some(Target { feed, taxii, http }) = Target::find(&args.name, config)? else {
        return Ok(Exit::Usage);
    };
    let secrets = secrets(&feed);
    let mut sink = Sink::stdout()?;
    let mut written = Ok(());
    let mut each = |entry: ManifestEntry| {
        if written.is_ok() {
            written = row(&entry, is_json).and_then(|row| Ok(sink.write(row.as_bytes())?));
        }
    };
    let read = read_manifest(&taxii, &http, args.id.as_deref(), &mut each);
    let read = network_runtime()?.block_on(read);
    written?;
    read.map_err(|error| failure(&secrets, &error))?;
    Ok(Exit::Done)
}

fn row(entry: &ManifestEntry, is_json: bool) -> anyhow::Result<String> {
    if is_json {
        return Ok(format!("{}\n", safe_json(&serde_json::to_string(entry)?)));
    }
    let versions = entry.version.iter().chain(&entry.versions).map(String::as_str);
    let versions = versions.collect::<Vec<_>>().join(" ");
    let added = entry.date_added.as_deref().unwrap_or("-");
    let columns = [entry.id.as_str(), added, &versions].map(escape_controls);
    Ok(format!("{}  {}  {}\n", columns[0], columns[1], columns[2]))
}

/// A configured feed of type taxii.
struct Target {
    feed: Feed,
    taxii: TaxiiFeed,
    http: Http,
}

impl Target {
    /// Finds a feed by its name. Returns `None` if the configuration has problems, which it prints.
    fn find(name: &str, config: &ConfigArgs) -> anyhow::Result<Option<Target>> {
        let Some(Loaded { config, .. }) =
            loaded(&config.path()).map_err(|failure| failure.error)?
        else {
            return Ok(None);
        };
        let feed = config.feeds.iter().find(|feed| feed.name == name).cloned();
        let feed = feed.with_context(|| format!("{name}: there is no feed with this name"))?;
        let Origin::Taxii(taxii) = feed.origin.clone() else {
            bail!("{name}: expected a feed of type taxii, got another type");
        };
        Ok(Some(Target { feed, taxii, http: config.http }))
    }
}

/// Returns the failure of a request, without secrets.
fn failure(secrets: &Secrets, error: &anyhow::Error) -> Failure {
    let is_remote = error.downcast_ref::<Fault>().is_some();
    let error = anyhow!(secrets.redact(&format!("{error:#}")));
    if is_remote { Failure::remote(error) } else { Failure::from(error) }
}

/// Reads the objects of a bundle, an envelope, an array, or one object.
fn objects(bytes: &[u8]) -> anyhow::Result<Vec<Object>> {
    let expected = "expected a STIX bundle, an array of STIX objects or one object";
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let whole: Box<RawValue> = serde_json::from_slice(bytes).context(expected)?;
    let list: Vec<Box<RawValue>> = if whole.get().starts_with('[') {
        serde_json::from_str(whole.get()).context(expected)?
    } else {
        let document: Document = serde_json::from_str(whole.get()).context(expected)?;
        document.objects.unwrap_or_else(|| vec![whole])
    };
    let read = |(place, json): (usize, Box<RawValue>)| {
        let identity: Identity = serde_json::from_str(json.get())
            .with_context(|| format!("object {}: expected a STIX object", place + 1))?;
        let version = identity.modified.or(identity.created);
        Ok(Object { id: identity.id, version, json })
    };
    list.into_iter().enumerate().map(read).collect()
}

fn shown(pushed: &Pushed) -> String {
    let Pushed { collection, objects, added, known, pending, failures } = pushed;
    let mut text = format!(
        "{} to {}: {} added, {} known before, {} pending, {} failed\n",
        counted(*objects, "object", "objects"),
        escape_controls(collection),
        grouped(*added),
        grouped(*known),
        grouped(*pending),
        grouped(failures.len() as u64)
    );
    for failure in failures {
        let id = if failure.id.is_empty() { "an object" } else { &failure.id };
        _ = writeln!(text, "  {}: {}", escape_controls(id), escape_controls(&failure.message));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_come_from_all_containers() {
        let one = r#"{"type":"x-a","id":"x-a--1","created":"2026-01-01T00:00:00Z"}"#;
        for text in [
            one.to_owned(),
            format!("[{one}]"),
            format!("\u{feff}{{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[{one}]}}"),
            format!("{{\"objects\":[{one}]}}"),
        ] {
            let found = objects(text.as_bytes()).unwrap();
            assert_eq!(
                (found.len(), found[0].id.as_str(), found[0].json.get()),
                (1, "x-a--1", one)
            );
            assert_eq!(found[0].version.as_deref(), Some("2026-01-01T00:00:00Z"));
        }
        assert!(objects(br#"{"objects":[]}"#).unwrap().is_empty());
        for text in ["", "x", "[1]", r#"{"objects":[{"type":"x"}]}"#, r#"{"a":1}"#, "[] []"] {
            assert!(objects(text.as_bytes()).is_err(), "{text}");
        }
    }
}
