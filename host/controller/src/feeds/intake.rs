//! What a poll brought, into the state: read, reduced to values, and taken in one transaction.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use anyhow::{Context, bail, ensure};
use serde_json::Value as Json;
use threatsieve_blacklist::{Indicator, IndicatorId, Timestamp};
use threatsieve_feed::{
    FeedFormat, ListOptions, ListReport, RefusedLine, StixLimits, StixSet, Unreduced, latest_modified,
    read_list, sniff,
};

use super::fetched::Body;
use super::http::Fault;
use super::path;
use crate::config::{Feed, Http};
use crate::network::Secrets;
use crate::sources::{self, Decoder, Input};
use crate::stop::Stop;
use crate::store::{Delivered, Ingest, Ingested, LeftOut, Store};

/// Most bytes of one file on this machine, unpacked: 64 GiB.
const MAX_FILE_BYTES: u64 = 64 << 30;
/// Of a list behind a URL at least one line of so many must be a value, once there are as many lines that are none.
const REFUSED_LINES: u64 = 20;

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
    let secrets = super::secrets(feed);
    let mut intake = Intake { feed, secrets, ingest, set, read: 0, max_bytes: http.max_body_bytes };
    let delivered = match body {
        Body::Objects(set) => {
            intake.set = *set;
            Delivered::Part
        }
        Body::Whole(spooled, name) => {
            let decoder = sources::unpack(spooled.into_file()).with_context(|| name.clone())?;
            let report = intake.read(decoder, &name, "")?;
            check_list(report, &name)?;
            Delivered::Whole
        }
        Body::Files(files, likeness) => {
            intake.max_bytes = MAX_FILE_BYTES;
            let has_many = files.len() > 1;
            for file in &files {
                ensure!(!stop.is_requested(), "stopped before it was read");
                let input = Input::File(file.clone());
                let prefix = if has_many { format!("{}:", input.name()) } else { String::new() };
                let opened =
                    File::open(file).map_err(anyhow::Error::from).and_then(|file| Ok(sources::unpack(file)?));
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
    /// Objects and lines.
    read: u64,
    /// Most bytes of one input, unpacked.
    max_bytes: u64,
}

impl Intake<'_> {
    /// Reads an input of any format. `prefix` tells its lines from those of others.
    fn read(&mut self, decoder: Decoder, name: &str, prefix: &str) -> anyhow::Result<Option<ListReport>> {
        let mut input = BufReader::with_capacity(64 * 1024, Bounded { decoder, left: self.max_bytes });
        let first = input.fill_buf().with_context(|| name.to_owned())?;
        let list = match sniff(first) {
            FeedFormat::Stix => {
                let report = self.set.read(0, &mut input).with_context(|| name.to_owned())?;
                self.read += report.objects;
                None
            }
            FeedFormat::List => {
                let report = self.list(&mut input, prefix).with_context(|| name.to_owned())?;
                self.read += report.lines;
                Some(report)
            }
        };
        Ok(list)
    }

    fn list(&mut self, input: &mut dyn BufRead, prefix: &str) -> anyhow::Result<ListReport> {
        let ingest = RefCell::new(&mut self.ingest);
        let mut failed = Ok(());
        let mut take = |indicator: Indicator, _listed: &str| {
            if failed.is_ok() {
                failed = ingest.borrow_mut().put(indicator);
            }
        };
        let secrets = &self.secrets;
        let mut refuse = |line: RefusedLine| {
            ingest.borrow_mut().leave_out(LeftOut {
                id: format!("{prefix}{}", line.line),
                value: secrets.redact(&line.text),
                kind: "not a value".to_owned(),
                reason: secrets.redact(&line.reason.to_string()),
                is_pattern: false,
            });
        };
        let options = ListOptions { url_mode: self.feed.url_mode, ..ListOptions::default() };
        let report = read_list(input, &options, &mut take, &mut refuse)?;
        failed?;
        Ok(report)
    }

    /// Hands over what the objects say, now that all are known, and closes the delivery.
    fn finish(self, delivered: Delivered, cursor: Option<&Json>) -> anyhow::Result<(Ingested, u64)> {
        let Intake { mut ingest, mut set, read, secrets, .. } = self;
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
            let mut leave_out = |one: Unreduced| {
                ingest.borrow_mut().leave_out(LeftOut {
                    kind: one.reason.kind().into_owned(),
                    reason: secrets.redact(&one.reason.to_string()),
                    is_pattern: one.reason.is_pattern(),
                    id: one.id,
                    value: secrets.redact(&one.pattern),
                });
            };
            set.finish(&mut put, &mut leave_out);
            failed?;
        }
        Ok((ingest.finish(delivered, cursor, false)?, read))
    }
}

/// Refuses what has hardly a line that is a value: the server sent something else than the list.
fn check_list(report: Option<ListReport>, name: &str) -> anyhow::Result<()> {
    let Some(ListReport { indicators, refused, .. }) = report else { return Ok(()) };
    let is_list = refused < REFUSED_LINES || indicators >= refused / REFUSED_LINES;
    if is_list && (refused == 0 || indicators > 0) {
        return Ok(());
    }
    let what =
        format!("expected a list, got a text of which {indicators} lines are values and {refused} are not");
    Err(Fault::Content { url: name.to_owned(), what }.into())
}

/// An unpacked input that may not grow beyond a limit: a small file can hold a very long one.
struct Bounded {
    decoder: Decoder,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.decoder.read(buffer).map_err(|error| io::Error::other(self.decoder.damage(error)))?;
        self.left = self.left.checked_sub(n as u64).ok_or_else(|| {
            io::Error::other("expected no more bytes, unpacked, than `max_body` in [http] allows, got more")
        })?;
        Ok(n)
    }
}
