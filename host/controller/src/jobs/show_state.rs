//! `threatsieve status`, `feeds` and `indicators`: what the state holds.

use std::fmt::Write as _;

use rusqlite::OptionalExtension;
use serde_json::{Value as Json, json};
use threatsieve_blacklist::{Timestamp, Tlp};

use super::configured::{loaded, now};
use super::show_cluster::{cluster_status, cluster_text};
use crate::cli::{FeedsArgs, IndicatorState, IndicatorsArgs, StatusArgs};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::indicators::generation;
use crate::output::{Sink, grouped, harmless, moment, safe_json};
use crate::sinks::records;
use crate::store::{FeedState, Found, Query, State, Store};

/// Mails that are shown one by one.
const SHOWN_MAILS: usize = 20;

/// Feeds, generation, queues, last errors, and what the cluster's nodes serve.
pub(crate) fn show_status(args: &StatusArgs) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(&args.config.path())? else { return Ok(Exit::Usage) };
    let store = Store::open(&loaded.config.state)?;
    let status = status(&loaded.config, &store)?;
    let text = if args.json { format!("{}\n", safe_json(&status.to_string())) } else { status_text(&status) };
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
}

fn status(config: &Config, store: &Store) -> anyhow::Result<Json> {
    let (time, mails) = (|at: Option<i64>| at.map(|at| moment(Timestamp(at))), store.mail_counts()?);
    let blacklist = store
        .connection
        .query_row("SELECT generation, built, entries FROM generations WHERE active = 1", [], |row| {
            let (generation, entries): (i64, i64) = (row.get(0)?, row.get(2)?);
            Ok(json!({ "name": config.blacklist.name, "generation": generation, "built": time(row.get(1)?), "entries": entries }))
        })
        .optional()?;
    let round = store
        .connection
        .query_row("SELECT id, started, ended, report FROM rounds ORDER BY id DESC LIMIT 1", [], |row| {
            let report = row.get::<_, Option<String>>(3)?.and_then(|text| serde_json::from_str(&text).ok());
            let report: Option<Json> = report;
            Ok(json!({ "number": row.get::<_, i64>(0)?, "started": time(row.get(1)?), "ended": time(row.get(2)?), "report": report }))
        })
        .optional()?;
    let undelivered: Vec<Json> = (store.undelivered_mails(SHOWN_MAILS)?.into_iter())
        .map(|mail| {
            json!({
                "message_id": mail.message_id, "recipient": mail.recipient, "composed": moment(mail.composed), "attempts": mail.attempts,
                "next_attempt": mail.next_attempt.map(moment), "given_up": mail.given_up, "error": mail.error,
            })
        })
        .collect();
    Ok(json!({
        "feeds": feeds(config, store)?,
        "blacklist": blacklist,
        "held": generation::held(store)?,
        "retracted": store.false_positives()?.len(),
        "history": history(store)?,
        "records": { "waiting": records::waiting(&store.connection)? },
        "mails": { "waiting": mails.waiting, "sent": mails.sent, "given_up": mails.given_up, "undelivered": undelivered },
        "opensearch": cluster_status(config, store)?,
        "round": round,
    }))
}

/// Bytes of stored lines that are to be matched again, and those that are.
fn history(store: &Store) -> anyhow::Result<Json> {
    let sql = "SELECT count(DISTINCT job), coalesce(sum(until), 0), coalesce(sum(done), 0) FROM history_files
               JOIN history_jobs ON history_jobs.id = job WHERE ended IS NULL AND missed IS NULL";
    Ok(store.connection.query_row(sql, [], |row| {
        let (jobs, bytes, done): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(json!({ "jobs": jobs, "bytes": bytes, "bytes_done": done }))
    })?)
}

fn feeds(config: &Config, store: &Store) -> anyhow::Result<Vec<Json>> {
    let states = store.feed_states()?;
    let known = |name: &str| states.iter().find(|state| state.name == name);
    Ok(config.feeds.iter().map(|feed| feed_json(&feed.name, known(&feed.name))).collect())
}

fn feed_json(name: &str, state: Option<&FeedState>) -> Json {
    let time = |at: Option<Timestamp>| at.map(moment);
    json!({
        "name": name,
        "active": state.map_or(0, |state| state.active),
        "cursor": state.and_then(|state| state.cursor.as_ref()),
        "attempted": time(state.and_then(|state| state.attempted)),
        "succeeded": time(state.and_then(|state| state.succeeded)),
        "changed": time(state.and_then(|state| state.changed)),
        "failures": state.map_or(0, |state| state.failures),
        "next_attempt": time(state.and_then(|state| state.next_attempt)),
        "error": state.and_then(|state| state.error.as_ref()),
        "held": state.and_then(|state| state.held.as_ref()),
        "allowed": state.is_some_and(|state| state.is_allowed),
        "report": state.and_then(|state| state.report.as_ref()),
    })
}

fn status_text(status: &Json) -> String {
    let mut text = feeds_text(status["feeds"].as_array().map_or(&[], |feeds| &feeds[..]));
    let blacklist = &status["blacklist"];
    _ = match blacklist["generation"].as_i64() {
        Some(generation) => writeln!(
            text,
            "blacklist {} generation {generation}, {} entries, built {}",
            blacklist["name"].as_str().unwrap_or_default(),
            grouped(blacklist["entries"].as_u64().unwrap_or(0)),
            blacklist["built"].as_str().unwrap_or_default()
        ),
        None => writeln!(text, "blacklist none yet"),
    };
    if let Some(why) = status["held"].as_str() {
        _ = writeln!(
            text,
            "          a newer one is held back: {}; `threatsieve feeds --allow` lets it through",
            harmless(why)
        );
    }
    let number = |value: &Json| grouped(value.as_u64().unwrap_or(0));
    if status["retracted"].as_u64() > Some(0) {
        _ = writeln!(text, "retracted {} values and indicators are kept out", number(&status["retracted"]));
    }
    let history = &status["history"];
    if history["jobs"].as_u64() > Some(0) {
        _ = writeln!(
            text,
            "history   {} of {} bytes matched again",
            number(&history["bytes_done"]),
            number(&history["bytes"])
        );
    }
    _ = writeln!(text, "records   {} waiting", number(&status["records"]["waiting"]));
    let mails = &status["mails"];
    _ = writeln!(
        text,
        "mails     {} waiting, {} sent, {} given up",
        number(&mails["waiting"]),
        number(&mails["sent"]),
        number(&mails["given_up"])
    );
    for mail in mails["undelivered"].as_array().map_or(&[][..], |mails| &mails[..]) {
        let shown = |key: &str| harmless(mail[key].as_str().unwrap_or("-")).into_owned();
        _ = writeln!(
            text,
            "          to {}, composed {}: {}",
            shown("recipient"),
            shown("composed"),
            shown("error")
        );
    }
    text.push_str(&cluster_text(&status["opensearch"]));
    if let Some(started) = status["round"]["started"].as_str() {
        let ended = status["round"]["ended"].as_str().unwrap_or("not ended");
        _ = writeln!(text, "round     {} started {started}, ended {ended}", status["round"]["number"]);
    }
    text
}

fn feeds_text(feeds: &[Json]) -> String {
    let mut text = String::new();
    for feed in feeds {
        let shown = |key: &str| harmless(feed[key].as_str().unwrap_or("never")).into_owned();
        let active = grouped(feed["active"].as_u64().unwrap_or(0));
        _ = writeln!(
            text,
            "feed      {}: {active} active, last good poll {}",
            harmless(feed["name"].as_str().unwrap_or_default()),
            shown("succeeded")
        );
        if let Some(error) = feed["error"].as_str() {
            _ = writeln!(
                text,
                "          failed {} times in a row, next attempt {}: {}",
                feed["failures"],
                shown("next_attempt"),
                harmless(error)
            );
        }
        if feed["cursor"]["resume"].is_object() {
            text.push_str("          there is more: the next round goes on\n");
        }
        if let Some(why) = feed["held"]["why"].as_str() {
            let name = harmless(feed["name"].as_str().unwrap_or_default());
            _ = writeln!(
                text,
                "          held back: {}; `threatsieve feeds --allow {name}` lets it through",
                harmless(why)
            );
        }
    }
    text
}

/// Feeds, or letting one's next delivery through.
pub(crate) fn list_feeds(args: &FeedsArgs) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(&args.config.path())? else { return Ok(Exit::Usage) };
    let mut store = Store::open(&loaded.config.state)?;
    if let Some(name) = &args.allow {
        store.allow_held(name)?;
        generation::allow(&mut store)?;
    }
    let mut all = feeds(&loaded.config, &store)?;
    all.retain(|feed| !args.held || !feed["held"].is_null());
    let text = if args.json {
        format!("{}\n", safe_json(&json!({ "feeds": all }).to_string()))
    } else {
        feeds_text(&all)
    };
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
}

/// A search in what is held, or what was not taken.
pub(crate) fn list_indicators(args: &IndicatorsArgs) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(&args.config.path())? else { return Ok(Exit::Usage) };
    let store = Store::open(&loaded.config.state)?;
    let limit = args.limit as usize;
    let mut text = String::new();
    if args.rejected {
        for (feed, one) in store.left_out(args.feed.as_deref(), limit)? {
            let (shown, reason) = (harmless(&one.value), harmless(&one.reason));
            _ = match args.json {
                true => {
                    writeln!(text, "{}", safe_json(&json!({ "feed": feed, "left_out": one }).to_string()))
                }
                false => writeln!(text, "{} {}  {shown}: {reason}", harmless(&feed), harmless(&one.id)),
            };
        }
    } else {
        let query =
            Query { text: args.text.clone(), feed: args.feed.clone(), state: state(args.state), limit };
        let (found, has_more) = store.search(&query, now())?;
        for one in &found {
            text.push_str(&if args.json {
                format!("{}\n", safe_json(&found_json(one).to_string()))
            } else {
                found_text(one)
            });
        }
        if has_more && !args.json {
            _ = writeln!(text, "there are more; --limit shows them");
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
        IndicatorState::All => None,
    }
}

fn found_json(one: &Found) -> Json {
    let values: Vec<Json> = (one.values.iter())
        .map(|v| json!({ "value": v.value, "valid_from": v.valid_from.map(moment), "valid_until": v.valid_until.map(moment) }))
        .collect();
    json!({
        "feed": one.feed, "id": one.id, "state": one.state.name(), "values": values, "confidence": one.confidence,
        "tlp": one.tlp.map(Tlp::name), "name": one.name, "types": one.types, "modified": one.modified.map(moment),
        "changed": moment(one.changed), "retracted": one.retracted,
    })
}

fn found_text(one: &Found) -> String {
    let values: Vec<&str> = one.values.iter().map(|value| value.value.as_str()).collect();
    let mut text = format!(
        "{} {}  {}  {}",
        one.state.name(),
        harmless(&values.join(" ")),
        harmless(&one.feed),
        harmless(&one.id)
    );
    if let Some(name) = &one.name {
        _ = write!(text, " \"{}\"", harmless(name));
    }
    if let Some(confidence) = one.confidence {
        _ = write!(text, " confidence {confidence}");
    }
    if let Some(tlp) = one.tlp {
        _ = write!(text, " TLP:{}", tlp.name());
    }
    if let Some(reason) = &one.retracted {
        _ = write!(text, " retracted: {}", harmless(reason));
    }
    text.push('\n');
    text
}
