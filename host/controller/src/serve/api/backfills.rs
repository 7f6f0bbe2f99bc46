//! Backfills: stored events that are matched again.
//!
//! The resource has a list of backfills, each with an id of its own. `logs` is the queue of log
//! files, which is always there: rounds fill it and empty it. `indices` are those of a cluster.
//! Those that somebody asked for have a number.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use serde::{Deserialize, Serialize};
use threatsieve_blacklist::Timestamp;
use utoipa::ToSchema;

use super::{Answered, Shared, Who, now};
use crate::cli::BackfillWay;
use crate::config::Config;
use crate::serve::body::Body;
use crate::serve::paging::{Page, after, limit};
use crate::serve::parameters::{Parameters, Segments};
use crate::serve::refusal::{Answer, Problem, Refusal};
use crate::service::{Cancelled, Service};
use crate::store::Store;
use crate::store::cluster::backfills::{AskedBackfill, Wish};
use crate::store::cluster::shards::ClusterState;
use crate::store::history::Missed;
use crate::text::{Rfc3339, clipped, parse_time};

/// Maximum number of patterns of indices, of bytes in one, and in all together. A cluster takes a
/// request line of 4,096 bytes.
const MAX_PATTERNS: usize = 20;
const MAX_PATTERN_BYTES: usize = 255;
const MAX_PATTERNS_BYTES: usize = 2000;
/// Characters that no name of an index has.
const NOT_IN_NAMES: &str = "\\/?\"<>| ,#%";

/// A backfill, with its progress.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct Backfill {
    pub(in crate::serve) id: String,
    /// `files`: the stored lines of log files. `indices`: the stored events of a cluster that are
    /// due. `asked`: stored events of a cluster that somebody asked for.
    pub(in crate::serve) kind: &'static str,
    /// `idle`, or `queued`: there is more to do, in this round or the next. One that somebody asked
    /// for is `queued`, `running`, `done`, `failed` or `cancelled`.
    pub(in crate::serve) state: &'static str,
    /// Unit of `done` and `total`. `sequence_numbers` are writes to a shard: at least as many as
    /// its events.
    pub(in crate::serve) unit: &'static str,
    pub(in crate::serve) done: u64,
    /// All; 0 while that is not known.
    pub(in crate::serve) total: u64,
    /// Files or shards that are left.
    pub(in crate::serve) left: u64,
    /// Files that cannot be read. Each round tries them again.
    pub(in crate::serve) missed_files: u64,
    /// The first of them.
    pub(in crate::serve) missed: Vec<Missed>,
    /// The request and its results; `null` if nobody asked for it.
    pub(in crate::serve) asked: Option<Asked>,
}

/// A request for a backfill, and its results.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct Asked {
    /// Name of the client.
    pub(in crate::serve) by: String,
    at: Rfc3339,
    /// Names and patterns; empty for the indices of the configuration.
    pub(in crate::serve) indices: Vec<String>,
    pub(in crate::serve) since: Option<Rfc3339>,
    pub(in crate::serve) until: Option<Rfc3339>,
    /// Way to find events; `null` for that of the configuration.
    way: Option<&'static str>,
    started: Option<Rfc3339>,
    ended: Option<Rfc3339>,
    /// Events that were read.
    pub(in crate::serve) read: u64,
    /// Events whose flags were written.
    pub(in crate::serve) flagged: u64,
    /// Events that their index refused.
    refused: u64,
    /// Events that the matcher gave no answer for.
    unchecked: u64,
    /// Result or reason, for people; `null` until it ended.
    pub(in crate::serve) outcome: Option<String>,
}

impl From<AskedBackfill> for Backfill {
    fn from(one: AskedBackfill) -> Backfill {
        let AskedBackfill { wish, counts, .. } = one;
        Backfill {
            id: one.id.to_string(),
            kind: "asked",
            state: one.stage.name(),
            unit: "sequence_numbers",
            done: one.done,
            total: one.total,
            left: one.shards_left,
            missed_files: 0,
            missed: Vec::new(),
            asked: Some(Asked {
                by: wish.by,
                at: Rfc3339(wish.at),
                indices: wish.indices,
                since: wish.since.map(Rfc3339),
                until: wish.until.map(Rfc3339),
                way: wish.way.map(|way| way.name()),
                started: one.started.map(Rfc3339),
                ended: one.ended.map(Rfc3339),
                read: counts.read,
                flagged: counts.flagged,
                refused: counts.refused,
                unchecked: counts.unchecked,
                outcome: one.outcome,
            }),
        }
    }
}

/// Reads the backfills that rounds do.
pub(in crate::serve) fn backfills(store: &Store, config: &Config) -> anyhow::Result<Vec<Backfill>> {
    let logs = store.history_state()?;
    let mut all = vec![Backfill {
        id: "logs".to_owned(),
        kind: "files",
        state: state(logs.files > logs.missed_files),
        unit: "bytes",
        done: logs.bytes_done,
        total: logs.bytes,
        left: logs.files,
        missed_files: logs.missed_files,
        missed: logs.missed,
        asked: None,
    }];
    if config.backfill().is_some() {
        let ClusterState { shards, shards_left, .. } = store.cluster_state()?;
        all.push(Backfill {
            id: "indices".to_owned(),
            kind: "indices",
            state: state(shards_left > 0),
            unit: "shards",
            done: shards.saturating_sub(shards_left),
            total: shards,
            left: shards_left,
            missed_files: 0,
            missed: Vec::new(),
            asked: None,
        });
    }
    Ok(all)
}

fn state(is_queued: bool) -> &'static str {
    if is_queued { "queued" } else { "idle" }
}

/// Backfills, with their progress
///
/// First those that rounds do, then those that somebody asked for, the newest first.
#[utoipa::path(
    get, path = "/api/v1/backfills", tag = "backfills",
    params(
        ("limit" = Option<u32>, Query, description = "Rows on a page", minimum = 1, maximum = 500),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page", body = Page<Backfill>), Problem)
)]
pub(super) async fn list_backfills(
    State(service): Shared,
    parameters: Parameters,
) -> Answered<Page<Backfill>> {
    parameters.check(&["limit", "cursor"])?;
    let (limit, before): (_, Option<i64>) = (limit(&parameters)?, after(&parameters)?);
    let read = service.read(move |store, config| {
        let fixed = backfills(store, config)?;
        // The highest numbers are places of those without a number.
        let mut rows: Vec<(i64, Backfill)> = (0..).map(|at| i64::MAX - at).zip(fixed).collect();
        rows.retain(|(place, _)| before.is_none_or(|before| *place < before));
        let asked = store.asked_backfills(before, limit + 1)?;
        rows.extend(asked.into_iter().map(|one| (one.id, one.into())));
        Ok(rows)
    });
    Ok(Answer(Page::of(read.await?, limit, |row| row.0, |row| row.1)))
}

/// One backfill
#[utoipa::path(
    get, path = "/api/v1/backfills/{id}", tag = "backfills",
    params(("id" = String, Path, description = "A number, `logs`, or `indices`")),
    responses((status = 200, description = "The backfill", body = Backfill), Problem)
)]
pub(super) async fn get_backfill(
    State(service): Shared,
    Segments(id): Segments<String>,
    parameters: Parameters,
) -> Answered<Backfill> {
    parameters.check(&[])?;
    let refusal = unknown(&id);
    let read = service.read(move |store, config| match id.parse() {
        Ok(number) => Ok(store.asked_backfill(number)?.map(Backfill::from)),
        Err(_) => Ok(backfills(store, config)?.into_iter().find(|one| one.id == id)),
    });
    read.await?.map(Answer).ok_or(refusal)
}

fn unknown(id: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "unknown backfill", "path")
        .expected("one of the list", clipped(id.as_bytes(), 100))
}

/// A backfill to start. At least one of `indices`, `since` and `until`, or `all`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBackfill {
    /// Indices, data streams and aliases, by name or pattern. Without it, those of the
    /// configuration.
    #[schema(max_items = 20, min_length = 1, max_length = 255)]
    #[serde(default)]
    indices: Vec<String>,
    /// Match events from this time on.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// Match events before this time.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Way to find events. Without it, that of the configuration.
    way: Option<BackfillWay>,
    /// Match all stored events of the configuration's indices. Without any other condition, this
    /// must be said.
    #[serde(default)]
    all: bool,
}

impl NewBackfill {
    fn wish(self, by: String, at: Timestamp) -> Result<Wish, Refusal> {
        let NewBackfill { indices, since, until, way, all } = self;
        let time = |key, text: Option<String>| match text {
            None => Ok(None),
            Some(text) => match parse_time(&text) {
                Some(at) => Ok(Some(at)),
                None => Err(wrong(key, "a time (RFC 3339)", &text)),
            },
        };
        let (since, until) = (time("since", since)?, time("until", until)?);
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            return Err(wrong("until", "a time after `since`", &Rfc3339(until).to_string()));
        }
        check_patterns(&indices)?;
        match (all, indices.is_empty() && since.is_none() && until.is_none()) {
            (false, true) => Err(wrong("body", "`indices`, `since`, `until` or `all`", "neither")),
            (true, false) => Err(wrong("all", "`all` alone, or conditions alone", "both")),
            _ => Ok(Wish { by, at, indices, since, until, way: way.and_then(BackfillWay::way) }),
        }
    }
}

fn check_patterns(patterns: &[String]) -> Result<(), Refusal> {
    let bytes: usize = patterns.iter().map(String::len).sum();
    if patterns.len() > MAX_PATTERNS || bytes > MAX_PATTERNS_BYTES {
        let most = format!("at most {MAX_PATTERNS} of at most {MAX_PATTERNS_BYTES} bytes in all");
        return Err(wrong("indices", &most, &format!("{} of {bytes} bytes", patterns.len())));
    }
    match patterns.iter().find(|pattern| !is_pattern(pattern)) {
        Some(pattern) => Err(wrong("indices", "names of indices, with `*` for any text", pattern)),
        None => Ok(()),
    }
}

/// Returns whether a text can be the name of an index, or a pattern of names. Without this, a
/// cluster would take some texts for all indices.
fn is_pattern(text: &str) -> bool {
    (1..=MAX_PATTERN_BYTES).contains(&text.len())
        && !text.starts_with(['_', '+'])
        && !matches!(text, "." | "..")
        && !text.chars().any(|one| one.is_control() || NOT_IN_NAMES.contains(one))
}

fn wrong(key: &str, expected: &str, got: &str) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong value", key)
        .expected(expected, format!("{:?}", clipped(got.as_bytes(), 200)))
}

/// Matches stored events of a cluster with the whole blacklist
///
/// As `threatsieve backfill`. It is done in slices between rounds, after those that were asked for
/// before.
#[utoipa::path(
    post, path = "/api/v1/backfills", tag = "backfills", request_body = NewBackfill,
    responses(
        (status = 202, description = "The backfill is queued", body = Backfill,
         headers(("Location" = String, description = "Path of the backfill"))),
        Problem
    )
)]
pub(super) async fn start_backfill(
    State(service): Shared,
    who: Who,
    Body(new): Body<NewBackfill>,
) -> Result<(StatusCode, [(axum::http::HeaderName, String); 1], Answer<Backfill>), Refusal> {
    let wish = new.wish(who.name.clone(), now())?;
    if service.in_use().config.backfill().is_none() {
        let place = "the configuration";
        return Err(Refusal::new(StatusCode::CONFLICT, "no stored events", place)
            .expected("[opensearch.backfill], which names the cluster's indices", "none"));
    }
    let time =
        |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| Rfc3339(at).to_string());
    let indices = match &wish.indices[..] {
        [] => "the configuration's indices".to_owned(),
        indices => indices.join(", "),
    };
    let detail = format!("{indices} since {} until {}", time(wish.since), time(wish.until));
    who.log("start a backfill", &detail);
    let queue = "the queue of backfills";
    let full = || {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many backfills wait", queue)
            .expected("a place", "none")
            .retry_after(30)
    };
    let added = service.ask_for_backfill(wish).await?.ok_or_else(full)?;
    let to = format!("/api/v1/backfills/{}", added.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, to)], Answer(added.into())))
}

/// Cancels a backfill that somebody asked for
///
/// One that runs ends after its present page of events. Flags that are written stay.
#[utoipa::path(
    delete, path = "/api/v1/backfills/{id}", tag = "backfills",
    params(("id" = String, Path, description = "Number of the backfill")),
    responses((status = 200, description = "It is cancelled", body = Backfill), Problem)
)]
pub(super) async fn cancel_backfill(
    State(service): Shared,
    who: Who,
    Segments(id): Segments<String>,
    parameters: Parameters,
) -> Answered<Backfill> {
    parameters.check(&[])?;
    Ok(Answer(cancel(&service, &who, &id).await?))
}

/// Cancels a backfill, for the API and the page.
pub(in crate::serve) async fn cancel(
    service: &std::sync::Arc<Service>,
    who: &crate::serve::guard::Identity,
    id: &str,
) -> Result<Backfill, Refusal> {
    let conflict = |state: &str| {
        Refusal::new(StatusCode::CONFLICT, "cannot be cancelled", "path")
            .expected("a backfill that is queued or runs", state)
    };
    let Ok(number) = id.parse() else {
        let is_of_rounds = |store: &Store, config: &Config| {
            Ok(backfills(store, config)?.into_iter().map(|one| one.id).collect::<Vec<_>>())
        };
        return Err(match service.read(is_of_rounds).await?.iter().any(|known| known == id) {
            true => conflict("one that rounds do"),
            false => unknown(id),
        });
    };
    who.log("cancel a backfill", id);
    match service.cancel_backfill(number, who.name.clone()).await? {
        Cancelled::Done(one) => Ok(one.into()),
        Cancelled::Ended(one) => Err(conflict(one.stage.name())),
        Cancelled::Unknown => Err(unknown(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_names() {
        for good in ["proxy-*", "*", "-proxy-old", "dns", ".ds-logs-2026.11.29-000001", "Päckchen"]
        {
            assert!(is_pattern(good), "{good}");
        }
        let long = "x".repeat(256);
        for bad in
            ["", ".", "..", "_all", "+a", "a,b", "a b", "a/b", "<a-{now/d}>", "a?b", "a\nb", &long]
        {
            assert!(!is_pattern(bad), "{bad}");
        }
    }

    #[test]
    fn wishes_have_conditions_or_say_that_they_mean_all() {
        let wish = |body: &str| {
            let new: NewBackfill = serde_json::from_str(body).unwrap();
            new.wish("ops".to_owned(), Timestamp(1)).map_err(|refusal| refusal.sentence())
        };
        let made = wish(r#"{"since": "2026-11-01", "indices": ["dns"], "way": "auto"}"#).unwrap();
        assert_eq!((made.way, made.indices), (None, vec!["dns".to_owned()]));
        assert!(made.since < Some(now()) && made.until.is_none());
        assert!(wish(r#"{"all": true, "way": "scan"}"#).unwrap().way.is_some());
        let many = format!(r#"{{"indices": [{}"b"]}}"#, r#""a","#.repeat(MAX_PATTERNS));
        for (body, place) in [
            ("{}", "body"),
            (r#"{"way": "scan"}"#, "body"),
            (r#"{"all": true, "since": "2026-11-01"}"#, "all"),
            (r#"{"since": "yesterday"}"#, "since"),
            (r#"{"since": "2026-11-01", "until": "2026-11-01"}"#, "until"),
            (r#"{"indices": ["a", "b/c"]}"#, "indices"),
            (&many, "indices"),
        ] {
            let refusal = wish(body).unwrap_err();
            assert!(refusal.contains(&format!("wrong value: {place}: ")), "{body}: {refusal}");
        }
    }
}
