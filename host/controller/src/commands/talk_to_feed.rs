//! `threatsieve feeds push` and `threatsieve feeds unsubscribe`: requests to a feed's server that
//! change something there.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, anyhow};

use super::configured::{loaded, network_runtime};
use super::taxii_objects::push_objects;
use crate::cli::{ConfigArgs, FeedPushArgs};
use crate::config::{Feed, Loaded, Origin, Taxii1Feed};
use crate::exit::{Exit, Failure};
use crate::feeds::{Fault, Pushed, end_subscription, push};
use crate::limited::read_limited;
use crate::output::Sink;
use crate::store::Store;
use crate::text::escape_controls;

/// Longest document to send, in bytes.
const MAX_DOCUMENT_BYTES: u64 = 64 * 1024 * 1024;

/// Sends a file to the server of a feed.
pub(super) fn push_file(
    args: &FeedPushArgs,
    config: &ConfigArgs,
    is_json: bool,
) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(&config.path())? else { return Ok(Exit::Usage) };
    let (feed, http) = (named(&loaded, &args.feed)?, &loaded.config.http);
    let taxii = match &feed.origin {
        Origin::Taxii(taxii) => {
            let document = document(&args.file)?;
            return push_objects(feed, taxii, http, &document, is_json);
        }
        Origin::Taxii1(taxii) => taxii,
        _ => {
            let error =
                anyhow!("{}: expected a feed of type taxii or taxii1, got another", feed.name);
            return Err(error.into());
        }
    };
    let document = document(&args.file)?;
    let sending = push(taxii, http, document, args.binding.as_deref());
    let (pushed, inbox) = network_runtime()?.block_on(sending).map_err(of_server)?;
    let outcome = match pushed {
        Pushed::Accepted => "accepted",
        Pushed::Pending => "received; the server decides later whether it accepts it",
    };
    let text = format!("{} at {inbox}: {outcome}\n", args.file.display());
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Ends the subscription of a feed.
pub(super) fn unsubscribe(name: &str, config: &ConfigArgs) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(&config.path())? else { return Ok(Exit::Usage) };
    let (feed, taxii) = taxii1(&loaded, name)?;
    let mut store = Store::open(&loaded.config.state)?;
    let cursor = store.feed_state(&feed.name)?.and_then(|state| state.cursor);
    let ending = end_subscription(feed, taxii, &loaded.config.http, cursor.as_ref());
    let id = network_runtime()?.block_on(ending).map_err(of_server)?;
    store.forget_cursor(&feed.name)?;
    let text = format!(
        "the subscription {} of {} has ended; the next poll reads the collection as a new one\n",
        escape_controls(&id),
        escape_controls(name)
    );
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Returns a configured feed of type `taxii1`.
fn taxii1<'l>(loaded: &'l Loaded, name: &str) -> anyhow::Result<(&'l Feed, &'l Taxii1Feed)> {
    let feed = named(loaded, name)?;
    match &feed.origin {
        Origin::Taxii1(taxii) => Ok((feed, taxii)),
        _ => Err(anyhow!("{name}: expected a feed of type taxii1, got another")),
    }
}

/// Returns a configured feed.
pub(super) fn named<'l>(loaded: &'l Loaded, name: &str) -> anyhow::Result<&'l Feed> {
    let feeds = &loaded.config.feeds;
    feeds.iter().find(|feed| feed.name == name).with_context(|| {
        let names: Vec<&str> = feeds.iter().map(|feed| feed.name.as_str()).collect();
        format!("{name}: expected a configured feed ({}), got none of them", names.join(", "))
    })
}

fn document(path: &Path) -> anyhow::Result<String> {
    let read = File::open(path).and_then(|file| read_limited(file, MAX_DOCUMENT_BYTES));
    let bytes = read.with_context(|| path.display().to_string())?.with_context(|| {
        format!("{}: expected at most {MAX_DOCUMENT_BYTES} bytes, got more", path.display())
    })?;
    String::from_utf8(bytes)
        .with_context(|| format!("{}: expected UTF-8, got other bytes", path.display()))
}

fn of_server(error: anyhow::Error) -> Failure {
    match error.downcast_ref::<Fault>() {
        Some(_) => Failure::remote(error),
        None => error.into(),
    }
}
