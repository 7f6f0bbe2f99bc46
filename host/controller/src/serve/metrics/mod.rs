//! Metrics, in the text format of Prometheus.

mod families;
mod process;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value as Json;
use threatsieve_blacklist::Timestamp;

use self::families::Families;
use super::api::{Backfill, backfills};
use super::parameters::Parameters;
use super::refusal::Refusal;
use crate::conditions::Kind;
use crate::service::{Counted, Service};
use crate::status::Status;
use crate::store::matches::MatchCounts;
use crate::store::rounds::RoundRow;
use crate::text::Rfc3339;

/// The media type of the text format.
const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/metrics", get(metrics))
}

/// The values that the metrics are made of.
struct Measured {
    status: Status,
    matches: MatchCounts,
    backfills: Vec<Backfill>,
    /// The last round that ended.
    round: Option<RoundRow>,
    counted: Counted,
    next_round: Option<Timestamp>,
    is_refused: bool,
}

async fn metrics(
    State(service): State<Arc<Service>>,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    parameters.check(&[])?;
    let read = service.read(|store, config| {
        let rounds = store.rounds(None, 2)?;
        Ok((
            Status::read(config, store, None)?,
            store.match_counts()?,
            backfills(store, config)?,
            rounds.into_iter().find(|round| round.ended.is_some()),
        ))
    });
    let (status, matches, backfills, round) = read.await?;
    let measured = Measured {
        status,
        matches,
        backfills,
        round,
        counted: service.counted(),
        next_round: service.next_round(),
        is_refused: service.refused().is_some(),
    };
    let text = measured.families().text().map_err(|error| {
        tracing::error!(error = format!("{error:#}"), "metrics cannot be written");
        Refusal::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "no metrics", "the program")
            .expected("metrics", "an error, which is in the log")
    })?;
    Ok(([(CONTENT_TYPE, TYPE)], text).into_response())
}

impl Measured {
    fn families(&self) -> Families {
        let mut all = Families::default();
        let version = [(["version"], [env!("CARGO_PKG_VERSION")])];
        let [(names, values)] = version;
        all.gauge("threatsieve_build_info", "The program's version.", &names, [(values, 1.0)]);
        self.feeds(&mut all);
        self.blacklist(&mut all);
        self.matching(&mut all);
        self.queues(&mut all);
        self.cluster(&mut all);
        self.rounds(&mut all);
        self.conditions(&mut all);
        process::add(&mut all);
        all
    }

    fn feeds(&self, all: &mut Families) {
        let feeds = &self.status.feeds;
        let of = |value: fn(&crate::status::FeedStatus) -> Option<f64>| {
            let rows =
                feeds.iter().filter_map(move |feed| Some(([feed.name.as_str()], value(feed)?)));
            rows.collect::<Vec<_>>()
        };
        all.gauge(
            "threatsieve_feed_last_success_timestamp_seconds",
            "Time of the feed's last poll without an error.",
            &["feed"],
            of(|feed| feed.succeeded.map(seconds)),
        );
        all.gauge(
            "threatsieve_feed_last_change_timestamp_seconds",
            "Time of the feed's last poll that changed anything.",
            &["feed"],
            of(|feed| feed.changed.map(seconds)),
        );
        all.gauge(
            "threatsieve_feed_failures",
            "Failed polls of the feed in a row.",
            &["feed"],
            of(|feed| Some(f64::from(feed.failures))),
        );
        all.gauge(
            "threatsieve_feed_held",
            "1 if a delivery of the feed is held back.",
            &["feed"],
            of(|feed| Some(flag(feed.held.is_some()))),
        );
        all.gauge(
            "threatsieve_feed_indicators",
            "Active indicators of the feed.",
            &["feed"],
            of(|feed| Some(feed.active as f64)),
        );
    }

    fn blacklist(&self, all: &mut Families) {
        let blacklist = self.status.blacklist.as_ref();
        let one = |value: Option<f64>| value.map(|value| ([], value));
        all.gauge(
            "threatsieve_blacklist_generation",
            "Generation of the blacklist in use.",
            &[],
            one(blacklist.map(|it| it.generation as f64)),
        );
        all.gauge(
            "threatsieve_blacklist_built_timestamp_seconds",
            "Time at which the blacklist in use was built.",
            &[],
            one(blacklist.map(|it| seconds(it.built))),
        );
        let types = blacklist.iter().flat_map(|it| &it.types);
        all.gauge(
            "threatsieve_blacklist_entries",
            "Entries of the blacklist in use, by the type of STIX.",
            &["type"],
            types.map(|(name, count)| ([name.as_str()], *count as f64)),
        );
        all.gauge(
            "threatsieve_blacklist_held",
            "1 if a newer blacklist is held back.",
            &[],
            [([], flag(self.status.held.is_some()))],
        );
        all.gauge(
            "threatsieve_retractions",
            "Values and indicators that operators retracted.",
            &[],
            [([], self.status.retracted as f64)],
        );
    }

    fn matching(&self, all: &mut Families) {
        let Counted { lines, events, historic_lines, historic_events, .. } = self.counted;
        let kinds = |new: u64, stored: u64| [(["new"], new as f64), (["stored"], stored as f64)];
        all.counter(
            "threatsieve_lines_total",
            "Lines of logs that were matched since the program started: new ones, and stored ones \
             that were matched again.",
            &["kind"],
            kinds(lines, historic_lines),
        );
        all.counter(
            "threatsieve_events_flagged_total",
            "Events that were flagged since the program started, in new and in stored lines.",
            &["kind"],
            kinds(events, historic_events),
        );
        all.counter(
            "threatsieve_lines_unchecked_total",
            "Lines for which the matcher gave no answer since the program started.",
            &[],
            [([], self.counted.unchecked as f64)],
        );
        all.counter(
            "threatsieve_lines_malformed_total",
            "Lines that did not have their log's format since the program started.",
            &[],
            [([], self.counted.malformed as f64)],
        );
        let MatchCounts { matches, retracted, newest } = self.matches;
        all.gauge(
            "threatsieve_matches",
            "Matches in the state: in force, and retracted.",
            &["state"],
            [
                (["active"], matches.saturating_sub(retracted) as f64),
                (["retracted"], retracted as f64),
            ],
        );
        all.gauge(
            "threatsieve_last_match_timestamp_seconds",
            "Time at which the newest match was found.",
            &[],
            newest.map(|at| ([], seconds(Rfc3339(at)))),
        );
        let backfills = &self.backfills;
        let of = |value: fn(&Backfill) -> u64| {
            let rows = backfills.iter().filter(|one| one.unit == "bytes");
            rows.map(move |one| ([one.id.as_str()], value(one) as f64))
        };
        all.gauge(
            "threatsieve_backfill_done_bytes",
            "Stored bytes of the backfill that are matched again.",
            &["backfill"],
            of(|one| one.done),
        );
        all.gauge(
            "threatsieve_backfill_size_bytes",
            "Stored bytes of the backfill that are to be matched again.",
            &["backfill"],
            of(|one| one.total),
        );
        all.gauge(
            "threatsieve_backfill_left",
            "Files or shards of the backfill that are left.",
            &["backfill"],
            backfills.iter().map(|one| ([one.id.as_str()], one.left as f64)),
        );
        all.gauge(
            "threatsieve_backfill_missed_files",
            "Files of the backfill that cannot be read.",
            &["backfill"],
            of(|one| one.missed_files),
        );
    }

    fn queues(&self, all: &mut Families) {
        let Status { mails, records, misp, webhooks, sightings, .. } = &self.status;
        let mut lengths =
            vec![(["mails", ""], mails.waiting as f64), (["records", ""], records.waiting as f64)];
        lengths.extend(webhooks.iter().map(|one| (["webhook", &*one.name], one.waiting as f64)));
        lengths.extend(sightings.iter().map(|one| (["sightings", &*one.feed], one.waiting as f64)));
        lengths.extend(misp.iter().map(|one| (["misp", &*one.name], one.waiting as f64)));
        all.gauge(
            "threatsieve_queue_length",
            "What waits to be delivered: mails, records of the output file, deliveries to each \
             webhook, sightings for each feed, and events for each MISP server.",
            &["queue", "target"],
            lengths,
        );
        let mut oldest = vec![(["mails", ""], mails.oldest), (["records", ""], records.oldest)];
        oldest.extend(webhooks.iter().map(|one| (["webhook", &*one.name], one.oldest)));
        oldest.extend(sightings.iter().map(|one| (["sightings", &*one.feed], one.oldest)));
        oldest.extend(misp.iter().map(|one| (["misp", &*one.name], one.oldest)));
        all.gauge(
            "threatsieve_queue_oldest_timestamp_seconds",
            "Time at which the oldest in the queue was queued. An empty queue has none.",
            &["queue", "target"],
            oldest.into_iter().filter_map(|(labels, at)| Some((labels, seconds(at?)))),
        );
        all.gauge(
            "threatsieve_mails_given_up",
            "Mails that were given up and are still in the state.",
            &[],
            [([], mails.given_up as f64)],
        );
        all.gauge(
            "threatsieve_webhook_given_up",
            "Deliveries to the webhook that were given up and are still in the state.",
            &["webhook"],
            webhooks.iter().map(|one| ([&*one.name], one.given_up as f64)),
        );
        all.gauge(
            "threatsieve_webhook_refused",
            "1 if the webhook's receiver accepts nothing until somebody changes something.",
            &["webhook"],
            webhooks.iter().map(|one| ([&*one.name], flag(one.refused.is_some()))),
        );
        let states = misp.iter().flat_map(|one| {
            [("failed", one.failed), ("uncertain", one.uncertain), ("refused", one.refused)]
                .map(|(state, count)| ([&*one.name, state], count as f64))
        });
        all.gauge(
            "threatsieve_misp_undelivered",
            "MISP events that failed, or that the server may have or not, and refused values.",
            &["server", "state"],
            states,
        );
        all.gauge(
            "threatsieve_misp_paused",
            "1 if nothing is sent to the MISP server.",
            &["server"],
            misp.iter().map(|one| ([&*one.name], flag(one.paused.is_some()))),
        );
    }

    /// The nodes as the last round saw them.
    fn cluster(&self, all: &mut Families) {
        let report = self.round.as_ref().and_then(|round| round.report.as_ref());
        let push = report.and_then(|report| report.get("push"));
        let nodes = push.and_then(|push| push.get("nodes")).and_then(Json::as_array);
        let named: Vec<(&str, &Json)> = nodes
            .into_iter()
            .flatten()
            .filter_map(|node| Some((node.get("name")?.as_str()?, node)))
            .collect();
        let serves = |node: &Json| node.get("state").and_then(Json::as_str) == Some("serving");
        all.gauge(
            "threatsieve_node_serving",
            "1 if the ingest node served the blacklist in use in the last round.",
            &["node"],
            named.iter().map(|(name, node)| ([*name], flag(serves(node)))),
        );
        let number = |node: &Json, key: &str| node.get(key).and_then(Json::as_f64);
        for (metric, help, key) in [
            (
                "threatsieve_node_generation",
                "Generation that the ingest node served in the last round.",
                "generation",
            ),
            (
                "threatsieve_node_events_unchecked",
                "Events that the ingest node did not check since it started.",
                "unchecked",
            ),
        ] {
            let rows = named.iter().filter_map(|(name, node)| Some(([*name], number(node, key)?)));
            all.gauge(metric, help, &["node"], rows);
        }
    }

    fn rounds(&self, all: &mut Families) {
        let Counted { complete, incomplete, failed, seconds: busy, .. } = self.counted;
        all.counter(
            "threatsieve_rounds_total",
            "Rounds since the program started: complete, with a step that failed, or failed as a \
             whole.",
            &["result"],
            [
                (["complete"], complete as f64),
                (["incomplete"], incomplete as f64),
                (["failed"], failed as f64),
            ],
        );
        all.counter(
            "threatsieve_rounds_seconds_total",
            "Time that rounds took since the program started.",
            &[],
            [([], busy)],
        );
        all.gauge(
            "threatsieve_last_round_duration_seconds",
            "Duration of the last round since the program started.",
            &[],
            self.counted.last_seconds.map(|seconds| ([], seconds)),
        );
        let ended = self.round.as_ref().and_then(|round| round.ended);
        all.gauge(
            "threatsieve_last_round_timestamp_seconds",
            "Time at which the last round ended.",
            &[],
            ended.map(|at| ([], seconds(Rfc3339(at)))),
        );
        let has_failed = |report: &Json| {
            let errors = report.get("errors").and_then(Json::as_array);
            errors.is_some_and(|errors| !errors.is_empty())
        };
        let report = self.round.as_ref().and_then(|round| round.report.as_ref());
        all.gauge(
            "threatsieve_last_round_complete",
            "1 if no step of the last round failed.",
            &[],
            report.map(|report| ([], flag(!has_failed(report)))),
        );
        all.gauge(
            "threatsieve_running_round_start_timestamp_seconds",
            "Start of the round that runs. Between rounds there is none.",
            &[],
            self.counted.running_since.map(|at| ([], seconds(Rfc3339(at)))),
        );
        all.gauge(
            "threatsieve_next_round_timestamp_seconds",
            "Time of the schedule's next round. A stopped schedule has none.",
            &[],
            self.next_round.map(|at| ([], seconds(Rfc3339(at)))),
        );
    }

    fn conditions(&self, all: &mut Families) {
        let conditions = &self.status.conditions;
        let count = |kind: Kind| conditions.iter().filter(|one| one.kind == kind).count() as f64;
        all.gauge(
            "threatsieve_conditions",
            "What is wrong with the service, by kind; 0 if nothing of that kind is.",
            &["kind"],
            Kind::ALL.map(|kind| ([kind.name()], count(kind))),
        );
        all.gauge(
            "threatsieve_condition_since_timestamp_seconds",
            "Time at which a fault of the service began.",
            &["kind", "subject"],
            conditions.iter().map(|one| ([one.kind.name(), &one.subject], seconds(one.since))),
        );
        all.gauge(
            "threatsieve_configuration_refused",
            "1 if the configuration file's present content is not in use.",
            &[],
            [([], flag(self.is_refused))],
        );
        let state = &self.status.state;
        all.gauge(
            "threatsieve_state_size_bytes",
            "Size of the state's database.",
            &[],
            [([], state.bytes as f64)],
        );
    }
}

fn seconds(at: Rfc3339) -> f64 {
    at.0.0 as f64 / 1e6
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}
