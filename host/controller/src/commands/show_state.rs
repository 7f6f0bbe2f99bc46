//! `threatsieve status`, `feeds` and `indicators`: print the content of the state.

use std::fmt::Write as _;

use serde_json::json;

use super::configured::{loaded, network_runtime, now};
use super::list_packages::list_packages;
use super::show_presets::show_presets;
use super::talk_to_feed::{push_file, unsubscribe};
use super::taxii_objects::list_manifest;
use super::test_feed::test_feed;
use crate::cli::{FeedsArgs, FeedsVerb, IndicatorState, IndicatorsArgs, StatusArgs};
use crate::exit::{Exit, Failure};
use crate::output::{Sink, note};
use crate::policy::Assessor;
use crate::status::{ClusterStatus, FeedTable, IndicatorStatus, Status, feeds};
use crate::store::{Found, FoundValue, Query, State, Store};
use crate::text::{escape_controls, safe_json};

/// Maximum number of reasons that are printed for one indicator.
const MAX_WHY: usize = 20;

/// Prints feeds, generation, queues, last errors, and what the cluster's nodes serve.
pub(crate) fn show_status(args: &StatusArgs) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(&args.config.path())? else { return Ok(Exit::Usage) };
    let config = &loaded.config;
    let store = Store::open_to_read(&config.state)?;
    let cluster = match &config.opensearch {
        Some(settings) => {
            Some(network_runtime()?.block_on(ClusterStatus::ask(settings, config, &store))?)
        }
        None => None,
    };
    if args.check {
        store.check()?;
    }
    let status = Status::read(config, &store, cluster)?;
    let text = if args.json {
        format!("{}\n", safe_json(&serde_json::to_string(&status)?))
    } else {
        status.to_string()
    };
    Sink::stdout()?.write(text.as_bytes())?;
    if args.check {
        note("the state was read as a whole; no damage was found");
    }
    Ok(Exit::Done)
}

/// Prints the feeds. With `--allow`, first lets one feed's next delivery through.
pub(crate) fn list_feeds(args: &FeedsArgs) -> Result<Exit, Failure> {
    match &args.verb {
        None => {}
        Some(FeedsVerb::Presets { name }) => {
            return show_presets(name.as_deref(), &args.config, args.json);
        }
        Some(FeedsVerb::Test(test)) => return test_feed(test, &args.config, args.json),
        Some(FeedsVerb::Packages(packages)) => {
            return list_packages(packages, &args.config, args.json);
        }
        Some(FeedsVerb::Push(push)) => return push_file(push, &args.config, args.json),
        Some(FeedsVerb::Manifest(manifest)) => {
            return list_manifest(manifest, &args.config, args.json);
        }
        Some(FeedsVerb::Unsubscribe { feed }) => return unsubscribe(feed, &args.config),
    }
    let Some(loaded) = loaded(&args.config.path())? else { return Ok(Exit::Usage) };
    if let Some(name) = &args.allow {
        let mut store = Store::open(&loaded.config.state)?;
        store.allow_held(name)?;
        store.allow_next_build()?;
    }
    let store = Store::open_to_read(&loaded.config.state)?;
    let mut all = feeds(&loaded.config, &store)?;
    all.retain(|feed| !args.held || feed.held.is_some());
    let text = match args.json {
        true => format!("{}\n", safe_json(&json!({ "feeds": all }).to_string())),
        false => FeedTable(&all).to_string(),
    };
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Prints the indicators that a search finds, or the rejections.
pub(crate) fn list_indicators(args: &IndicatorsArgs) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(&args.config.path())? else { return Ok(Exit::Usage) };
    let store = Store::open_to_read(&loaded.config.state)?;
    let limit = args.limit as usize;
    let mut text = String::new();
    if args.rejected {
        for (feed, one) in store.rejections(args.feed.as_deref(), limit)? {
            let (shown, reason) = (escape_controls(&one.value), escape_controls(&one.reason));
            _ = match args.json {
                true => {
                    writeln!(
                        text,
                        "{}",
                        safe_json(
                            &json!({ "feed": feed, "rejected": one, "left_out": one }).to_string()
                        )
                    )
                }
                false => writeln!(
                    text,
                    "{} {}  {shown}: {reason}",
                    escape_controls(&feed),
                    escape_controls(&one.id)
                ),
            };
        }
    } else {
        let query = Query {
            text: args.text.clone(),
            feed: args.feed.clone(),
            state: state(args.state),
            after: None,
            limit,
        };
        let assessor = Assessor::new(&loaded.config)?;
        let (found, has_more) = store.search_with(&query, now(), &|feed, dates, statement| {
            assessor.assess(feed, dates, statement)
        })?;
        for one in found {
            text.push_str(&if args.json {
                let json = serde_json::to_string(&IndicatorStatus::from(one))?;
                format!("{}\n", safe_json(&json))
            } else {
                found_text(&one)
            });
        }
        if has_more && !args.json {
            _ = writeln!(text, "there are more rows; a higher --limit shows them");
        }
    }
    if text.is_empty() && !args.json {
        text.push_str("nothing found\n");
    }
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
}

fn state(asked: IndicatorState) -> Option<State> {
    match asked {
        IndicatorState::Active => Some(State::Active),
        IndicatorState::Revoked => Some(State::Revoked),
        IndicatorState::Expired => Some(State::Expired),
        IndicatorState::Removed => Some(State::Removed),
        IndicatorState::Retracted => Some(State::Retracted),
        IndicatorState::OutsidePolicy => Some(State::OutsidePolicy),
        IndicatorState::Rejected => Some(State::Rejected),
        IndicatorState::All => None,
    }
}

fn found_text(one: &Found) -> String {
    let value = |value: &FoundValue| match value.port {
        Some(port) => format!("{} port {port}", value.value),
        None => value.value.clone(),
    };
    let values: Vec<String> = one.values.iter().map(value).collect();
    let mut text = format!(
        "{} {}  {}  {}",
        one.state.name(),
        escape_controls(&values.join(" ")),
        escape_controls(&one.feed),
        escape_controls(&one.id)
    );
    if let Some(name) = &one.name {
        _ = write!(text, " \"{}\"", escape_controls(name));
    }
    if let Some(confidence) = one.confidence {
        _ = write!(text, " confidence {confidence}");
    }
    if let Some(tlp) = one.tlp {
        _ = write!(text, " TLP:{}", tlp.name());
    }
    text.push('\n');
    for why in one.why.iter().take(MAX_WHY) {
        let value = why.value.as_ref().map(|value| format!("{value}: ")).unwrap_or_default();
        _ = writeln!(text, "    {}{}", escape_controls(&value), escape_controls(&why.reason));
    }
    if one.why.len() > MAX_WHY {
        _ = writeln!(text, "    and {} more", one.why.len() - MAX_WHY);
    }
    text
}
