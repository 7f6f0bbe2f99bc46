//! Storing deliveries: a delivery is read, reduced to values, and stored in the state in one
//! transaction.

use std::cell::RefCell;
use std::fs::File;

use anyhow::{Context, bail, ensure};
use serde_json::Value as Json;
use threatsieve_blacklist::{Indicator, IndicatorId, Timestamp};
use threatsieve_feed::{FeedReport, RejectedLine, StixLimits, StixSet, Unreduced, latest_modified};

use super::fetched::Body;
use super::http::Fault;
use super::path;
use super::reading::{Bounded, MAX_FILE_BYTES, options, read};
use crate::config::{Feed, FeedRole, Http};
use crate::network::Secrets;
use crate::rejection::Rejection;
use crate::sources::{self, Decoder, Input};
use crate::stop::Stop;
use crate::store::{Delivered, Ingest, Ingested, Store};

/// Maximum number of rejected lines for each value in a list behind a URL. A list with any rejected
/// line must also have at least one value.
const REJECTED_LINES: u64 = 20;

/// Stores a delivery. Returns what changed, and the number of objects and lines that were not
/// already counted when they were fetched.
pub(super) fn take(
    store: &mut Store,
    feed: &Feed,
    http: &Http,
    (body, cursor): (Body, Option<&Json>),
    now: Timestamp,
    stop: &Stop,
) -> anyhow::Result<(Ingested, u64)> {
    let ingest = store.ingest(feed, now)?;
    let set = StixSet::new(StixLimits {
        url_mode: feed.url_mode,
        latest_modified: latest_modified(now),
        ..StixLimits::default()
    });
    let (secrets, report) = (super::secrets(feed), FeedReport::default());
    let max_bytes = http.max_body_bytes;
    let mut intake = Intake { feed, secrets, ingest, set, report, max_bytes };
    let delivered = match body {
        Body::Objects(set) => {
            intake.set = *set;
            Delivered::Part
        }
        Body::Whole(spooled, name) => {
            let decoder = sources::unpack(spooled.into_file()).with_context(|| name.clone())?;
            intake.read(decoder, &name, "")?;
            if !intake.ingest.is_first() {
                check_list(&intake.report, &name, feed.max_bad)?;
            }
            Delivered::Whole
        }
        Body::Files(files, likeness) => {
            intake.max_bytes = MAX_FILE_BYTES;
            let has_many = files.len() > 1;
            for file in &files {
                ensure!(!stop.is_requested(), "stopped before it was read");
                let input = Input::File(file.clone());
                let prefix = if has_many { format!("{}:", input.name()) } else { String::new() };
                let opened = File::open(file)
                    .map_err(anyhow::Error::from)
                    .and_then(|file| Ok(sources::unpack(file)?));
                intake.read(opened.with_context(|| input.name())?, &input.name(), &prefix)?;
            }
            // Another program may be writing a file in place.
            if path::likeness(&files)? != likeness {
                bail!(
                    "expected files that do not change while they are read, but they did; \
                     they are read again in the next round"
                );
            }
            Delivered::Whole
        }
    };
    intake.finish(delivered, cursor)
}

/// A delivery that is being stored.
struct Intake<'a> {
    feed: &'a Feed,
    /// Redacted in the lines and patterns that are shown.
    secrets: Secrets,
    ingest: Ingest<'a>,
    set: StixSet,
    /// The report of all inputs together.
    report: FeedReport,
    /// Maximum size of one input, unpacked.
    max_bytes: u64,
}

impl Intake<'_> {
    /// Reads an input of any format. `prefix` distinguishes its lines from those of other inputs.
    fn read(&mut self, decoder: Decoder, name: &str, prefix: &str) -> anyhow::Result<()> {
        let ingest = RefCell::new(&mut self.ingest);
        let mut failed = Ok(());
        let mut take = |indicator: Indicator, _listed: &str| {
            if failed.is_ok() {
                failed = ingest.borrow_mut().put(indicator);
            }
        };
        let secrets = &self.secrets;
        let mut reject = |line: RejectedLine| {
            let rejection = Rejection::from(line).redacted(secrets);
            let id = format!("{prefix}{}", rejection.id);
            ingest.borrow_mut().reject(Rejection { id, ..rejection });
        };
        let input = Bounded::new(decoder, self.max_bytes);
        let report = read(input, &options(self.feed), &mut self.set, &mut take, &mut reject)
            .with_context(|| name.to_owned())?;
        failed?;
        self.report.add(&report);
        Ok(())
    }

    /// Stores the indicators of the STIX objects, now that all objects are known, and ends the
    /// delivery.
    fn finish(
        self,
        delivered: Delivered,
        cursor: Option<&Json>,
    ) -> anyhow::Result<(Ingested, u64)> {
        let Intake { mut ingest, mut set, report, feed, secrets, .. } = self;
        // A part of a collection may be empty.
        if delivered == Delivered::Whole
            && let Some(doubt) =
                report.doubt(feed.may_be_empty || feed.role == FeedRole::Allow, feed.max_bad)
        {
            ingest.doubt(doubt);
        }
        ingest.skip(report.skipped.values().sum());
        ingest.count_ahead(set.ahead());
        for (id, definition) in set.definitions() {
            ingest.define_marking(id, &definition);
        }
        for definition in ingest.known_markings()? {
            set.read(0, definition.as_bytes()).context("a marking definition in the state")?;
        }
        for one in set.valueless() {
            if one.is_revoked {
                ingest.revoke(&one.id, one.modified)?;
            } else {
                let mut indicator = Indicator::new(IndicatorId::Stix(one.id), Vec::new());
                indicator.modified = one.modified;
                ingest.put(indicator)?;
            }
        }
        {
            let ingest = RefCell::new(&mut ingest);
            let mut failed = Ok(());
            let mut put = |_feed: u16, indicator: Indicator| {
                if failed.is_ok() {
                    failed = ingest.borrow_mut().put(indicator);
                }
            };
            let mut reject = |one: Unreduced| {
                ingest.borrow_mut().reject(Rejection::from(one).redacted(&secrets))
            };
            set.finish(&mut put, &mut reject);
            failed?;
        }
        Ok((ingest.finish(delivered, cursor, false)?, report.read))
    }
}

/// Returns an error if hardly any line is a value, or more than `max_bad` of the lines are none:
/// the server sent something other than the list.
fn check_list(report: &FeedReport, name: &str, max_bad: Option<f64>) -> anyhow::Result<()> {
    let FeedReport { taken, rejected, format, .. } = *report;
    let is_list = match max_bad {
        Some(max_bad) => report.rejected_share() <= max_bad,
        None => rejected < REJECTED_LINES || taken >= rejected / REJECTED_LINES,
    };
    if format.starts_with("stix") || is_list && (rejected == 0 || taken > 0) {
        return Ok(());
    }
    let what = format!(
        "expected a list, got a text in which {taken} lines are values and {rejected} are not"
    );
    Err(Fault::Content { url: name.to_owned(), what }.into())
}
