//! Reading a feed to its end without changing the state, for `feeds test`.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

use anyhow::Context;
use threatsieve_blacklist::{Indicator, Timestamp};
use threatsieve_feed::{FeedError, FeedReport, RejectedLine, StixSet, Unreduced, read_feed};

use super::fetched::Body;
use super::http::Deadline;
use super::intake::{UNREADABLE, UNREADABLE_EVENT};
use super::reading::{BUFFER_BYTES, Bounded, MAX_FILE_BYTES, limits, options};
use crate::config::{Feed, Http, Origin};
use crate::sources;

/// A receiver of a feed's content.
pub(crate) trait Examiner {
    /// Receives an indicator.
    fn take(&mut self, indicator: Indicator);
    /// Receives the kind of reason for which an indicator or a line was rejected.
    fn reject(&mut self, kind: &str);
}

/// Fetches and reads a whole feed, regardless of what was fetched before.
pub(crate) async fn examine(
    feed: &Feed,
    http: &Http,
    now: Timestamp,
    examiner: &mut dyn Examiner,
) -> anyhow::Result<FeedReport> {
    let (http, deadline) = (Arc::new(http.clone()), Deadline::of_poll(http));
    // Nothing is changed, so nothing is saved.
    let mut feed = Feed { saving: None, ..feed.clone() };
    if let Origin::Misp(misp) = &mut feed.origin {
        misp.warninglists_to = None;
    }
    let feed = &feed;
    let (mut report, mut cursor) = (FeedReport::default(), None);
    loop {
        let fetched =
            super::fetch(feed.clone(), Arc::clone(&http), cursor.take(), now, deadline).await?;
        report.add(&read_body(fetched.body, fetched.objects, feed, &http, now, examiner)?);
        // A large collection is fetched in parts.
        if !fetched.goes_on || deadline.is_over() {
            return Ok(report);
        }
        cursor = fetched.cursor;
    }
}

fn read_body(
    body: Option<Body>,
    objects: u64,
    feed: &Feed,
    http: &Http,
    now: Timestamp,
    examiner: &mut dyn Examiner,
) -> anyhow::Result<FeedReport> {
    let mut set = StixSet::new(limits(feed, now));
    let mut report = FeedReport::default();
    match body {
        None => report.format = "stix",
        Some(Body::Objects(fetched)) => {
            set = *fetched;
            report.format = "stix";
            (report.read, report.taken) = (objects, objects);
        }
        Some(Body::Blocks(blocks, _)) => {
            blocks.read(|_, content| {
                let read = content
                    .map(|bytes| read_input(&mut bytes.as_slice(), feed, &mut set, &mut *examiner));
                match read {
                    Ok(Ok(one)) => report.add(&one),
                    Ok(Err(_)) | Err(_) => {
                        report.rejected += 1;
                        examiner.reject(UNREADABLE);
                    }
                }
                Ok(())
            })?;
        }
        Some(Body::Misp(misp)) => {
            report = misp.report();
            for event in misp.events {
                for one in event.rejected {
                    examiner.reject(one.reason.kind());
                }
                for indicator in event.indicators {
                    examiner.take(indicator);
                }
            }
            misp.unreadable.iter().for_each(|_| examiner.reject(UNREADABLE_EVENT));
        }
        Some(Body::Whole(spooled, name)) => {
            let decoder = sources::unpack(spooled.into_file()).with_context(|| name.clone())?;
            let input = Bounded::new(decoder, http.max_body_bytes);
            report = read_into(input, feed, &mut set, examiner).with_context(|| name.clone())?;
        }
        Some(Body::Files(files, _)) => {
            for file in files {
                let name = || file.display().to_string();
                let opened = File::open(&file).with_context(name)?;
                let input =
                    Bounded::new(sources::unpack(opened).with_context(name)?, MAX_FILE_BYTES);
                report.add(&read_into(input, feed, &mut set, examiner).with_context(name)?);
            }
        }
    }
    finish(set, examiner);
    Ok(report)
}

/// Reads one input that is already open.
pub(crate) fn examine_input(
    decoder: sources::Decoder,
    feed: &Feed,
    now: Timestamp,
    examiner: &mut dyn Examiner,
) -> anyhow::Result<FeedReport> {
    let mut set = StixSet::new(limits(feed, now));
    let report = read_into(Bounded::new(decoder, MAX_FILE_BYTES), feed, &mut set, examiner)?;
    finish(set, examiner);
    Ok(report)
}

fn read_into(
    input: Bounded,
    feed: &Feed,
    set: &mut StixSet,
    examiner: &mut dyn Examiner,
) -> anyhow::Result<FeedReport> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
    Ok(read_input(&mut input, feed, set, examiner)?)
}

fn read_input(
    input: &mut dyn BufRead,
    feed: &Feed,
    set: &mut StixSet,
    examiner: &mut dyn Examiner,
) -> Result<FeedReport, FeedError> {
    let examiner = RefCell::new(examiner);
    let mut take = |indicator: Indicator, _listed: &str| examiner.borrow_mut().take(indicator);
    let mut reject = |line: RejectedLine| examiner.borrow_mut().reject(line.reason.kind());
    read_feed(input, &options(feed), 0, set, &mut take, &mut reject, None)
}

fn finish(set: StixSet, examiner: &mut dyn Examiner) {
    let examiner = RefCell::new(examiner);
    let mut take = |_feed: u16, indicator: Indicator| examiner.borrow_mut().take(indicator);
    let mut reject = |one: Unreduced| examiner.borrow_mut().reject(&one.reason.kind());
    set.finish(&mut take, &mut reject);
}
