//! Storing deliveries: a delivery is read, reduced to values, and stored in the state in one
//! transaction.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};

use anyhow::{Context, bail, ensure};
use serde_json::Value as Json;
use threatsieve_blacklist::{Indicator, IndicatorId, Timestamp, Value};
use threatsieve_feed::{
    FeedError, FeedOptions, FeedReport, PackageOptions, RejectedLine, StixSet, Unreduced, read_feed,
};

use super::fetched::Body;
use super::http::Fault;
use super::misp::MispEvents;
use super::reading::{BUFFER_BYTES, Bounded, MAX_FILE_BYTES, limits, options};
use crate::config::{Feed, FeedRole, Http};
use crate::network::Secrets;
use crate::rejection::Rejection;
use crate::sources::{self, Decoder, Input};
use crate::stop::Stop;
use crate::store::packages::ReceivedPackages;
use crate::store::threats::Threats;
use crate::store::{Delivered, Ingest, Ingested, Store};

/// Maximum number of rejected lines for each value in a list behind a URL. A list with any rejected
/// line must also have at least one value.
const REJECTED_LINES: u64 = 20;
/// The kind of rejection of a content block that cannot be read.
pub(super) const UNREADABLE: &str = "unreadable content block";

/// The kind of rejection of a MISP event that cannot be read.
pub(super) const UNREADABLE_EVENT: &str = "unreadable MISP event";

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
    let set = StixSet::new(limits(feed, now));
    let (secrets, report) = (super::secrets(feed), FeedReport::default());
    let max_bytes = http.max_body_bytes;
    let packages = ReceivedPackages::new();
    let threats = Threats::default();
    let mut intake = Intake { feed, secrets, ingest, set, packages, threats, report, max_bytes };
    let delivered = match body {
        Body::Objects(set) => {
            intake.set = *set;
            Delivered::Part
        }
        Body::Blocks(blocks, is_whole) => {
            blocks.read(|name, content| intake.read_block(name, content))?;
            if is_whole { Delivered::Whole } else { Delivered::Part }
        }
        Body::Misp(misp) => {
            intake.read_misp(*misp)?;
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
            if sources::likeness(&files)? != likeness {
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
    packages: ReceivedPackages,
    /// Threats that indicators name themselves.
    threats: Threats,
    /// The report of all inputs together.
    report: FeedReport,
    /// Maximum size of one input, unpacked.
    max_bytes: u64,
}

impl Intake<'_> {
    /// Reads an input of any format. `prefix` distinguishes its lines from those of other inputs.
    fn read(&mut self, decoder: Decoder, name: &str, prefix: &str) -> anyhow::Result<()> {
        let input = Bounded::new(decoder, self.max_bytes);
        let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
        self.read_input(&mut input, &options(self.feed), prefix)?.with_context(|| name.to_owned())
    }

    /// Reads an input that is already unpacked. The outer error is one of the state.
    fn read_input(
        &mut self,
        input: &mut dyn BufRead,
        options: &FeedOptions,
        prefix: &str,
    ) -> anyhow::Result<Result<(), FeedError>> {
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
        let packages = Some(&mut self.packages as _);
        let report = read_feed(input, options, 0, &mut self.set, &mut take, &mut reject, packages);
        failed?;
        self.packages.end_input()?;
        Ok(report.map(|report| self.report.add(&report)))
    }

    /// Stores events of MISP. Each replaces what it listed before.
    fn read_misp(&mut self, misp: MispEvents) -> anyhow::Result<()> {
        // The attributes were counted when they were fetched.
        let report = FeedReport { read: 0, ..misp.report() };
        self.report.add(&report);
        for event in misp.events {
            for one in event.rejected {
                let rejection = Rejection {
                    id: one.uuid,
                    value: one.value,
                    kind: one.reason.kind().to_owned(),
                    reason: one.reason.to_string(),
                    is_pattern: false,
                };
                self.ingest.reject(rejection.redacted(&self.secrets));
            }
            let mut listed = BTreeSet::new();
            for indicator in event.indicators {
                let IndicatorId::Stix(id) = &indicator.id else { continue };
                let labels = indicator.types.iter().map(String::as_str);
                if let Some(dropped) = self.feed.policy.objects.dropped_by_labels(labels) {
                    let rejection = Rejection {
                        id: id.clone(),
                        value: indicator.values.first().map(Value::to_string).unwrap_or_default(),
                        kind: dropped.kind().to_owned(),
                        reason: dropped.to_string(),
                        is_pattern: false,
                    };
                    self.ingest.reject(rejection.redacted(&self.secrets));
                    continue;
                }
                self.threats.add(id, indicator.threats.iter());
                listed.insert(id.clone());
                self.ingest.put(indicator)?;
            }
            self.ingest.replace_event(event.uuid, listed, event.withdrawn)?;
        }
        for (uuid, reason) in misp.unreadable {
            let rejection = Rejection {
                id: uuid,
                value: String::new(),
                kind: UNREADABLE_EVENT.to_owned(),
                reason,
                is_pattern: false,
            };
            self.ingest.reject(rejection.redacted(&self.secrets));
        }
        if let Some(all) = misp.all {
            self.ingest.keep_events(all)?;
        }
        Ok(())
    }

    /// Reads a content block. One that cannot be read is rejected, and does not affect the others;
    /// what comes before the damage counts.
    fn read_block(&mut self, name: &str, content: Result<Vec<u8>, String>) -> anyhow::Result<()> {
        // The message was decoded as a whole, whatever the declaration of the block says.
        let options = FeedOptions { is_utf8: true, ..options(self.feed) };
        let prefix = format!("{name}, line ");
        let fault = match content {
            Ok(bytes) => match self.read_input(&mut bytes.as_slice(), &options, &prefix)? {
                Ok(()) => return Ok(()),
                Err(error) => format!("{:#}", anyhow::Error::from(error)),
            },
            Err(fault) => fault,
        };
        let rejection = Rejection {
            id: name.to_owned(),
            value: String::new(),
            kind: UNREADABLE.to_owned(),
            reason: fault,
            is_pattern: false,
        };
        self.ingest.reject(rejection.redacted(&self.secrets));
        self.report.rejected += 1;
        Ok(())
    }

    /// Stores the indicators of the STIX objects, now that all objects are known, and ends the
    /// delivery.
    fn finish(
        self,
        delivered: Delivered,
        cursor: Option<&Json>,
    ) -> anyhow::Result<(Ingested, u64)> {
        let Intake { mut ingest, mut set, packages, mut threats, report, feed, secrets, .. } = self;
        // A part of a collection may be empty.
        if delivered == Delivered::Whole
            && let Some(doubt) =
                report.doubt(feed.may_be_empty || feed.role == FeedRole::Allow, feed.max_bad)
        {
            ingest.doubt(doubt);
        }
        ingest.skip(report.skipped.values().sum());
        ingest.count_ahead(set.ahead());
        let related = ingest.keep_packages(packages, delivered)?;
        for one in &related.packages {
            let options = PackageOptions { role: one.role, is_utf8: one.is_utf8, sink: None };
            set.read_packages(0, &*one.content, options)
                .with_context(|| format!("the package {} in the state", one.id))?;
        }
        if related.is_cut {
            tracing::warn!(
                feed = feed.name,
                "some earlier packages that this delivery refers to are not kept or too many; \
                 references to them lead nowhere"
            );
        }
        for definition in ingest.known_markings()? {
            set.read(0, definition.as_bytes()).context("a marking definition in the state")?;
        }
        for (id, definition) in set.definitions() {
            ingest.define_marking(id, &definition);
        }
        for (id, markings) in set.custom_markings() {
            ingest.mark(id, markings)?;
        }
        ingest.mark_again(|markings| set.level(markings.iter().map(String::as_str)))?;
        threats.threats.extend(set.threats());
        threats.relations.extend(set.relations());
        threats.reports.extend(set.reports());
        ingest.relate(threats);
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
