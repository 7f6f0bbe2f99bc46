//! The REST session of the service that this program supersedes, flare-misp-service: the same
//! paths, methods, parameters and keys. Where its README and its code differ, this is the README's
//! form.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, get, post};
use serde_json::{Value as Json, json};
use threatsieve_blacklist::Timestamp;
use tokio::task::spawn_blocking;

use super::parameters::Parameters;
use super::refusal::{self, Refusal};
use super::times::{as_java, with_offset};
use crate::config::{Config, Feed, Origin};
use crate::feeds;
use crate::misp::ServerReport;
use crate::network::shown_url;
use crate::rounds::{FeedReport, RoundReport};
use crate::service::{Polled, Refused, Service, Unpolled};
use crate::sinks::package_folder::PackageFiles;
use crate::text::clipped;

/// All paths.
pub(super) const PATHS: [&str; 7] = [
    "/misptransclient",
    "/checkTaxiiStatus",
    "/checkMispStatus",
    "/refreshConfig",
    "/listQuartzJobs",
    "/initQuartz",
    "/stopQuartzJobs",
];
/// Those that change something, whatever the method.
pub(super) const CHANGING: [&str; 4] =
    ["/misptransclient", "/refreshConfig", "/initQuartz", "/stopQuartzJobs"];
/// The superseded service's own spelling.
const COMPLETED: &str = "Completed sucessfully";
/// Longest part of a request that an answer repeats, in characters.
const MAX_SHOWN: usize = 100;

type Shared = State<Arc<Service>>;

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/misptransclient", post(transfer))
        .route("/checkTaxiiStatus", get(check_taxii))
        .route("/checkMispStatus", get(check_misp))
        .route("/refreshConfig", any(refresh))
        .route("/listQuartzJobs", any(list_jobs))
        .route("/initQuartz", any(init))
        .route("/stopQuartzJobs", any(stop))
}

/// A value of `processType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process {
    XmlOutput,
    StixToMisp,
}

impl Process {
    const ALL: [Process; 2] = [Process::XmlOutput, Process::StixToMisp];

    fn name(self) -> &'static str {
        match self {
            Process::XmlOutput => "xmlOutput",
            Process::StixToMisp => "stixToMisp",
        }
    }

    fn from_parameter(given: Option<&str>) -> Result<Process, Refusal> {
        let Some(given) = given else { return Ok(Process::XmlOutput) };
        let found = Process::ALL.into_iter().find(|process| process.name() == given);
        found.ok_or_else(|| {
            Refusal::new(StatusCode::BAD_REQUEST, "unknown value", "parameter processType")
                .expected("xmlOutput or stixToMisp", shown(given))
        })
    }

    /// Refuses a feed that has nowhere to go.
    fn check(self, feed: &Feed) -> Result<(), Refusal> {
        match self {
            Process::StixToMisp if feed.misp.is_empty() => {
                let what = "the feed goes to no MISP server";
                Err(Refusal::new(StatusCode::CONFLICT, what, &format!("feeds.{}.misp", feed.name))
                    .expected("a server of [[misp]]", "none"))
            }
            Process::XmlOutput if feed.packages_to.is_none() => {
                let what = "the feed's packages go to no folder";
                let place = format!("feeds.{}.packages_to", feed.name);
                Err(Refusal::new(StatusCode::CONFLICT, what, &place).expected("a folder", "none"))
            }
            Process::StixToMisp | Process::XmlOutput => Ok(()),
        }
    }
}

impl Process {
    /// Returns the reason why not all that a round brought reached its destination, with the status
    /// code for it.
    fn failure(self, report: &RoundReport, feed: &Feed) -> Option<(StatusCode, String)> {
        let local = |why| (StatusCode::INTERNAL_SERVER_ERROR, why);
        match self {
            Process::XmlOutput => {
                let of_feed = |files: &&PackageFiles| files.feed == feed.name;
                match report.packages.iter().flatten().find(of_feed) {
                    Some(files) if files.error.is_some() || files.missed > 0 => {
                        files.text().map(local)
                    }
                    Some(_) => None,
                    None => Some(local(step_error(report, "writing packages"))),
                }
            }
            Process::StixToMisp => {
                let reports: Vec<&ServerReport> = servers(report, feed).collect();
                if reports.is_empty() {
                    return Some(local(step_error(report, "sending to MISP")));
                }
                let troubles: Vec<String> = reports
                    .into_iter()
                    .filter(|server| server.is_trouble())
                    .map(ServerReport::text)
                    .collect();
                (!troubles.is_empty()).then(|| (StatusCode::BAD_GATEWAY, troubles.join("; ")))
            }
        }
    }
}

/// Returns the reports on the MISP servers that a feed goes to.
fn servers<'a>(report: &'a RoundReport, feed: &'a Feed) -> impl Iterator<Item = &'a ServerReport> {
    let is_of_feed =
        |server: &&ServerReport| feed.misp.iter().any(|target| target.server == server.name);
    report.misp.iter().filter(is_of_feed)
}

/// Returns the reason why a step of a round has no report.
fn step_error(report: &RoundReport, step: &str) -> String {
    let found = report.errors.iter().find(|error| error.starts_with(step));
    found.cloned().unwrap_or_else(|| format!("{step}: the round did not come to it"))
}

/// Polls a feed, and passes what it brings on.
async fn transfer(State(service): Shared, parameters: Parameters) -> Result<Response, Refusal> {
    let chosen = parameters.check(&["processType", "collection", "name"]).and_then(|()| {
        let process = Process::from_parameter(parameters.get("processType"))?;
        let in_use = service.in_use();
        let feed = chosen_feed(&in_use.config, &parameters)?;
        process.check(feed)?;
        let max_wait = in_use.config.server.as_ref().map(|server| server.max_wait);
        Ok((process, feed.clone(), max_wait.unwrap_or_default()))
    });
    let (process, feed, max_wait) = chosen.map_err(as_failure)?;
    let polled = service.poll(&feed.name, max_wait).await;
    let Polled { begin, end, report } =
        polled.map_err(|unpolled| as_failure(not_polled(&unpolled, &feed)))?;
    let (status, detail) = judge(&report, &feed, process);
    let collection = parameters.get("collection").or(collection(&feed)).unwrap_or(&feed.name);
    let begin = begin.or(since(&feed)).unwrap_or(Timestamp(0));
    let body = json!({
        "id": report.round,
        "status": if status == StatusCode::OK { "Success" } else { "Failure" },
        "detailedStatus": detail,
        "processType": process.name(),
        "collection": collection,
        "beginTimestamp": with_offset(begin),
        "endTimeStamp": with_offset(end),
    });
    if status == StatusCode::OK {
        return Ok(refusal::json(&body));
    }
    Err(Refusal::new(status, "the poll failed", &format!("feeds.{}", feed.name))
        .expected("a complete poll", detail)
        .with_all(body.as_object().cloned().unwrap_or_default()))
}

/// Adds the keys by which scripts of the superseded service see a failure.
fn as_failure(refusal: Refusal) -> Refusal {
    let sentence = refusal.sentence();
    refusal.with("status", "Failure").with("detailedStatus", sentence)
}

fn not_polled(unpolled: &Unpolled, feed: &Feed) -> Refusal {
    let place = format!("feeds.{}", feed.name);
    let busy = StatusCode::SERVICE_UNAVAILABLE;
    let shown = |wait| humantime::format_duration(wait).to_string();
    match unpolled {
        Unpolled::Busy => Refusal::new(busy, "too many polls wait", &place)
            .expected("a place in the queue", "none")
            .retry_after(30),
        Unpolled::NotBegun(wait) => Refusal::new(busy, "another round is running", &place)
            .expected(format!("its end within {} (`server.max_wait`)", shown(*wait)), "none")
            .retry_after(30),
        Unpolled::NotEnded(wait) => {
            Refusal::new(StatusCode::GATEWAY_TIMEOUT, "the round is still running", &place)
                .expected(format!("its end within {} (`server.max_wait`)", shown(*wait)), "none")
        }
        Unpolled::Stopping => Refusal::new(busy, "the program ends", &place)
            .expected("a running program", "one that stops"),
        Unpolled::Gone => Refusal::new(StatusCode::CONFLICT, "the feed is gone", &place)
            .expected("a configured feed", "a configuration that was reloaded without it"),
        Unpolled::Failed(why) => {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the round failed", &place)
                .expected("a round", why.as_str())
        }
    }
}

/// Judges a round: the status code, and `detailedStatus`.
fn judge(report: &RoundReport, feed: &Feed, process: Process) -> (StatusCode, String) {
    if let Some(jump) = &report.clock {
        return (StatusCode::INTERNAL_SERVER_ERROR, jump.to_string());
    }
    let polled = report.feeds.iter().find(|polled| polled.name == feed.name);
    let Some(FeedReport { outcome, reason, goes_on, .. }) = polled else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the round has no report on it".to_owned());
    };
    let detail = || match reason {
        Some(reason) => format!("{outcome}: {reason}"),
        None => (*outcome).to_owned(),
    };
    let has_delivered = !matches!(*outcome, "failed" | "held" | "skipped") && !report.stopped;
    if has_delivered && let Some(failure) = process.failure(report, feed) {
        return failure;
    }
    let waiting: u64 = match process {
        Process::StixToMisp => servers(report, feed).map(|server| server.waiting).sum(),
        Process::XmlOutput => 0,
    };
    match *outcome {
        _ if report.stopped => (StatusCode::SERVICE_UNAVAILABLE, "the program stops".to_owned()),
        "failed" => (StatusCode::BAD_GATEWAY, detail()),
        "held" => (StatusCode::CONFLICT, detail()),
        "skipped" => (StatusCode::SERVICE_UNAVAILABLE, detail()),
        _ if *goes_on || waiting > 0 => {
            (StatusCode::OK, format!("{COMPLETED}; there is more: the next round continues"))
        }
        _ => (StatusCode::OK, COMPLETED.to_owned()),
    }
}

/// Returns the feed that a request chooses: by `name`, by `collection`, or the first TAXII feed.
fn chosen_feed<'a>(config: &'a Config, parameters: &Parameters) -> Result<&'a Feed, Refusal> {
    let (name, wanted) = (parameters.get("name"), parameters.get("collection"));
    let is_chosen = |feed: &&Feed| match (name, wanted) {
        (None, None) => taxii_url(feed).is_some(),
        _ => {
            name.is_none_or(|name| feed.name == name)
                && wanted.is_none_or(|wanted| collection(feed) == Some(wanted))
        }
    };
    if let Some(feed) = config.feeds.iter().find(is_chosen) {
        return Ok(feed);
    }
    let (place, known, got): (_, Vec<&str>, _) = match (name, wanted) {
        (_, Some(wanted)) => (
            "parameter collection",
            config.feeds.iter().filter_map(collection).collect(),
            shown(wanted),
        ),
        (Some(name), None) => (
            "parameter name",
            config.feeds.iter().map(|feed| feed.name.as_str()).collect(),
            shown(name),
        ),
        (None, None) => ("[[feeds]]", vec!["a feed of type taxii1 or taxii"], "none".to_owned()),
    };
    let expected = match known.as_slice() {
        [] => "a configured one".to_owned(),
        known => format!("one of the configured ones ({})", known.join(", ")),
    };
    Err(Refusal::new(StatusCode::NOT_FOUND, "unknown feed", place).expected(expected, got))
}

/// Returns the collection that a feed's settings name.
fn collection(feed: &Feed) -> Option<&str> {
    match &feed.origin {
        Origin::Taxii(taxii) => taxii.collection.as_deref(),
        Origin::Taxii1(taxii) => taxii.collection.as_deref(),
        _ => None,
    }
}

/// Returns the start of a feed's first poll.
fn since(feed: &Feed) -> Option<Timestamp> {
    match &feed.origin {
        Origin::Taxii(taxii) => taxii.since,
        Origin::Taxii1(taxii) => taxii.since,
        _ => None,
    }
}

/// Returns the URL of a TAXII server for messages; `None` for other feeds.
fn taxii_url(feed: &Feed) -> Option<String> {
    match &feed.origin {
        Origin::Taxii(taxii) => Some(shown_url(&taxii.url)),
        Origin::Taxii1(taxii) => Some(shown_url(&taxii.server.url)),
        _ => None,
    }
}

fn shown(text: &str) -> String {
    format!("{:?}", clipped(text.as_bytes(), MAX_SHOWN))
}

/// Connects to the server of a TAXII feed.
async fn check_taxii(State(service): Shared, parameters: Parameters) -> Result<Response, Refusal> {
    parameters.check(&["name", "collection"])?;
    let in_use = service.in_use();
    let feed = chosen_feed(&in_use.config, &parameters)?;
    let Some(url) = taxii_url(feed) else {
        let kind = feed.origin.type_name();
        return Err(Refusal::new(StatusCode::NOT_FOUND, "no TAXII feed", "parameter name")
            .expected("a feed of type taxii1 or taxii", format!("one of type {kind}")));
    };
    let found = feeds::check(feed, &in_use.config.http).await;
    Ok(health("FLARE/TAXII", &url, found))
}

/// Connects to a MISP server.
async fn check_misp(State(service): Shared, parameters: Parameters) -> Result<Response, Refusal> {
    parameters.check(&["name"])?;
    let in_use = service.in_use();
    let name = parameters.get("name");
    let mut servers = in_use.config.misp.iter();
    let Some(server) = servers.find(|server| name.is_none_or(|name| server.name == name)) else {
        let known: Vec<&str> = in_use.config.misp.iter().map(|one| one.name.as_str()).collect();
        let expected = match known.as_slice() {
            [] => "a server in [[misp]]".to_owned(),
            known => format!("one of {}", known.join(", ")),
        };
        return Err(Refusal::new(StatusCode::NOT_FOUND, "unknown MISP server", "parameter name")
            .expected(expected, name.map_or_else(|| "none".to_owned(), shown)));
    };
    let found = crate::misp::check(server, &in_use.config.http).await;
    Ok(health("Misp", &shown_url(&server.url), found))
}

/// Returns the answer to a check: the status code of the server, 0 without a connection. On a
/// failure, it also has the reason.
fn health(kind: &str, url: &str, (status, why): (u16, Option<String>)) -> Response {
    let mut body = json!({ "resourceType": kind, "resource": url, "statusCode": status });
    if let Some(why) = why {
        body["detailedStatus"] = why.into();
    }
    refusal::json(&body)
}

/// Reads the configuration again.
async fn refresh(State(service): Shared) -> Result<Response, Refusal> {
    let ended = spawn_blocking(move || service.reload()).await;
    let refused = match ended {
        Ok(Ok(())) => return Ok(refusal::json(&refreshed())),
        Ok(Err(refused)) => refused,
        Err(error) => Refused::Unusable(error.into()),
    };
    Err(refused.into())
}

/// The superseded service's answer, word for word. No cursor is reset: its README says the same.
fn refreshed() -> Json {
    json!({
        "Controller": "/refreshConfig:",
        "Step 1 of 5": "Attempt to STOP Quartz Jobs...",
        "Step 2 of 5": "Attempt to STOP Quartz Scheduler...",
        "Step 3 of 5": "Attempt to reload Configuration Properties...",
        "Step 4 of 5":
            "Reset Begin/End TimeStamps. Will be initialized via Configuration Properties...",
        "Step 5 of 5": "Attempt to ReSTART the Quartz Scheduler...",
    })
}

/// Lists the one job, the rounds, with the time of the next.
async fn list_jobs(State(service): Shared) -> String {
    match service.next_round() {
        Some(next) => format!(
            "Quartz Jobs:[jobName] : initializeQuartzJob [groupName] : group1 - {}",
            as_java(next)
        ),
        None => "Quartz Jobs: none, the schedule is stopped; /initQuartz starts it".to_owned(),
    }
}

/// Starts the schedule.
async fn init(State(service): Shared) -> String {
    let state = match service.start_schedule() {
        true => {
            "Quartz Scheduler has not been started automatically. Or has previously stopped. \
             Starting it now."
        }
        false => "Quartz Scheduler has already been started.",
    };
    format!("Controller - Asked to Initialize Quartz Scheduler...\n{state}")
}

/// Stops the schedule. A round that runs comes to its end.
async fn stop(State(service): Shared) -> &'static str {
    service.stop_schedule();
    "Stop Quartz Jobs:.....the scheduler stopped the Jobs for group1."
}
