//! What a poll brought, into the state: read, reduced to values, and taken in one transaction.

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

/// Of a list behind a URL at least one line of so many must be a value, once there are as many lines that are none.
const REJECTED_LINES: u64 = 20;

/// Takes a delivery. Says what came of it, and how many objects and lines it had besides those counted before.
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
                check_list(&intake.report, &name)?;
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
            // Whoever writes a file in place may be in the middle of it.
            if path::likeness(&files)? != likeness {
                bail!(
                    "expected files that stay as they are while they are read, got others; they are read again in the next round"
                );
            }
            Delivered::Whole
        }
    };
    intake.finish(delivered, cursor)
}

struct Intake<'a> {
    feed: &'a Feed,
    /// Kept out of what is shown of lines and patterns.
    secrets: Secrets,
    ingest: Ingest<'a>,
    set: StixSet,
    /// Of all inputs together.
    report: FeedReport,
    /// Most bytes of one input, unpacked.
    max_bytes: u64,
}

impl Intake<'_> {
    /// Reads an input of any format. `prefix` tells its lines from those of others.
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

    /// Hands over what the objects say, now that all are known, and closes the delivery.
    fn finish(
        self,
        delivered: Delivered,
        cursor: Option<&Json>,
    ) -> anyhow::Result<(Ingested, u64)> {
        let Intake { mut ingest, mut set, report, feed, secrets, .. } = self;
        // A part of a collection may well hold nothing.
        if delivered == Delivered::Whole
            && let Some(doubt) = report.doubt(feed.may_be_empty || feed.role == FeedRole::Allow)
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

/// Refuses what has hardly a line that is a value: the server sent something else than the list.
fn check_list(report: &FeedReport, name: &str) -> anyhow::Result<()> {
    let FeedReport { taken, rejected, format, .. } = *report;
    let is_list = rejected < REJECTED_LINES || taken >= rejected / REJECTED_LINES;
    if format == "stix" || is_list && (rejected == 0 || taken > 0) {
        return Ok(());
    }
    let what = format!(
        "expected a list, got a text of which {taken} lines are values and {rejected} are not"
    );
    Err(Fault::Content { url: name.to_owned(), what }.into())
}
