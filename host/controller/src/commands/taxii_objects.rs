//! The collection of a TAXII 2 feed: adds objects to it (`threatsieve feeds push`), and lists those
//! that it has (`threatsieve feeds manifest`).

use std::fmt::Write as _;

use anyhow::{Context, anyhow};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::configured::{loaded, network_runtime};
use super::talk_to_feed::named;
use crate::cli::{ConfigArgs, FeedManifestArgs};
use crate::config::{Feed, Http, Origin, TaxiiFeed};
use crate::exit::{Exit, Failure};
use crate::feeds::{Added, Fault, ManifestEntry, Object, add_objects, read_manifest, secrets};
use crate::network::Secrets;
use crate::output::Sink;
use crate::text::{counted, escape_controls, grouped, safe_json};

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

/// Adds the objects of a document to a feed's collection, and prints what the server says about
/// them.
pub(super) fn push_objects(
    feed: &Feed,
    taxii: &TaxiiFeed,
    http: &Http,
    document: &str,
    is_json: bool,
) -> Result<Exit, Failure> {
    let objects = objects(document).map_err(Failure::damaged)?;
    let added = network_runtime()?.block_on(add_objects(taxii, http, |_| Ok(objects)));
    let secrets = secrets(feed);
    let added = added.map_err(|error| failure(&secrets, &error))?;
    let text = match is_json {
        true => format!("{}\n", safe_json(&json!({ "pushed": added }).to_string())),
        false => shown(&added),
    };
    Sink::stdout()?.write(secrets.redact(&text).as_bytes())?;
    let is_done = added.failures.is_empty() && added.pending == 0;
    Ok(if is_done { Exit::Done } else { Exit::Remote })
}

/// Prints the manifest of the collection, or the versions of one object.
pub(super) fn list_manifest(
    args: &FeedManifestArgs,
    config: &ConfigArgs,
    is_json: bool,
) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(&config.path())? else { return Ok(Exit::Usage) };
    let feed = named(&loaded, &args.name)?;
    let Origin::Taxii(taxii) = &feed.origin else {
        let error = anyhow!("{}: expected a feed of type taxii, got another", args.name);
        return Err(error.into());
    };
    let secrets = secrets(feed);
    let mut sink = Sink::stdout()?;
    let mut written = Ok(());
    let mut each = |entry: ManifestEntry| {
        if written.is_ok() {
            written = row(&entry, is_json).and_then(|row| sink.write(row.as_bytes()));
        }
    };
    let read = read_manifest(taxii, &loaded.config.http, args.id.as_deref(), &mut each);
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

/// Returns the failure of a request, without secrets.
fn failure(secrets: &Secrets, error: &anyhow::Error) -> Failure {
    let is_remote = error.downcast_ref::<Fault>().is_some();
    let error = anyhow!(secrets.redact(&format!("{error:#}")));
    if is_remote { Failure::remote(error) } else { Failure::from(error) }
}

/// Reads the objects of a bundle, an envelope, an array, or one object.
fn objects(text: &str) -> anyhow::Result<Vec<Object>> {
    let expected = "expected a STIX bundle, an array of STIX objects or one object";
    let text = text.trim_start_matches('\u{feff}');
    let whole: Box<RawValue> = serde_json::from_str(text).context(expected)?;
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

fn shown(report: &Added) -> String {
    let Added { collection, objects, added, known, pending, failures } = report;
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
            let found = objects(&text).unwrap();
            assert_eq!(
                (found.len(), found[0].id.as_str(), found[0].json.get()),
                (1, "x-a--1", one)
            );
            assert_eq!(found[0].version.as_deref(), Some("2026-01-01T00:00:00Z"));
        }
        assert!(objects(r#"{"objects":[]}"#).unwrap().is_empty());
        for text in ["", "x", "[1]", r#"{"objects":[{"type":"x"}]}"#, r#"{"a":1}"#, "[] []"] {
            assert!(objects(text).is_err(), "{text}");
        }
    }
}
