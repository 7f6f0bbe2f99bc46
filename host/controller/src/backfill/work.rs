//! Matches the events of one index that are due, and writes their flags.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value as Json, json};
use threatsieve_flag::value_at;

use super::events::{Change, Changed, Document, Events, Wanted};
use super::find::Search;
use super::settle::Settling;
use crate::pipeline::FoundEvent;
use crate::stop::Stop;
use crate::store::Store;
use crate::store::cluster::backfills::Counts;

/// Events in one page: the most that a search returns.
const PAGE: usize = 10_000;
/// Fewest events in a page, and most bytes, estimated by the page before.
const FEWEST: usize = 100;
const PAGE_BYTES: usize = 24 << 20;
/// Sequence numbers of the first window of a dense search.
const FIRST_WINDOW: i64 = 5_000;
/// Changes in one request.
const CHANGES: usize = 500;
const CHANGES_BYTES: usize = 5 << 20;
/// Attempts on a document that others change at the same time.
const ATTEMPTS: usize = 5;
/// Waits while the cluster is overloaded.
const BUSY: [u64; 6] = [1, 2, 4, 8, 15, 30];

/// The reason why work on an index ends before all is done.
#[derive(Debug)]
pub(crate) enum Interrupted {
    /// The program stops, or the round's time is over.
    Over,
    /// The index takes no changes at the moment.
    Blocked(String),
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Interrupted {
    fn from(error: E) -> Interrupted {
        Interrupted::Failed(error.into())
    }
}

/// A range of the sequence numbers of a shard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range<'a> {
    pub(crate) index: &'a str,
    pub(crate) shard: u32,
    pub(crate) after: i64,
    pub(crate) until: i64,
    /// The events were matched before, so that what is new is historic.
    pub(crate) was_matched: bool,
}

/// Work on events, with everything that it needs.
pub(crate) struct Work<'a, E> {
    pub(crate) events: &'a E,
    pub(crate) settling: Settling<'a>,
    pub(crate) store: &'a mut Store,
    /// Patterns of the fields that are read.
    pub(crate) fields: &'a [String],
    /// Most events in a second; 0 for no limit.
    pub(crate) rate: u32,
    pub(crate) deadline: Option<Instant>,
    /// A page was read.
    pub(crate) has_read: bool,
    pub(crate) stop: &'a Stop,
    pub(crate) counts: Counts,
    /// Shows the progress, after each page.
    pub(crate) progress: Box<dyn Fn(&Counts)>,
}

impl<E: Events> Work<'_, E> {
    /// Checks for a stop and for the end of the time. One page is read in any case: preparing alone
    /// may take that long, and then nothing would ever be done.
    pub(super) fn go_on(&self) -> Result<(), Interrupted> {
        let is_late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let is_over = is_late && self.has_read;
        if self.stop.is_requested() || is_over { Err(Interrupted::Over) } else { Ok(()) }
    }

    /// Returns the number of events in a page whose pause is at most a second.
    fn largest_page(&self) -> usize {
        match self.rate {
            0 => PAGE,
            rate => PAGE.min(rate as usize),
        }
    }

    /// Matches the events of a range that a search finds. `passed` is called for each part of the
    /// range in which all is done.
    pub(crate) async fn range(
        &mut self,
        range: Range<'_>,
        search: &Search,
        mut passed: impl FnMut(&mut Store, i64, &Counts) -> anyhow::Result<()>,
    ) -> Result<(), Interrupted> {
        let is_only = search.queries.len() == 1 && search.reads.is_none();
        for query in &search.queries {
            let passed = is_only.then_some(&mut passed);
            self.few(range, query, passed).await?;
        }
        if let Some(query) = &search.reads {
            self.many(range, query, &mut passed).await?;
        }
        passed(self.store, range.until, &self.counts)?;
        Ok(())
    }

    /// Matches few events, in the order of their sequence numbers. `passed` is there if no other
    /// query is.
    async fn few(
        &mut self,
        range: Range<'_>,
        query: &Json,
        mut passed: Option<&mut impl FnMut(&mut Store, i64, &Counts) -> anyhow::Result<()>>,
    ) -> Result<(), Interrupted> {
        let (mut after, mut most) = (range.after, self.largest_page());
        loop {
            self.go_on()?;
            let page = self.page(&range, query, after, range.until, most, true).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.seq_no;
            let is_last = page.len() < most;
            most = next_size(&page, most).min(self.largest_page());
            self.documents(page, range.was_matched).await?;
            if is_last {
                return Ok(());
            }
            if let Some(passed) = &mut passed {
                passed(self.store, after, &self.counts)?;
            }
        }
    }

    /// Reads all events of a query, window by window of sequence numbers. A window has no more
    /// events than one search returns.
    async fn many(
        &mut self,
        range: Range<'_>,
        query: &Json,
        passed: &mut impl FnMut(&mut Store, i64, &Counts) -> anyhow::Result<()>,
    ) -> Result<(), Interrupted> {
        let (mut after, mut window) = (range.after, FIRST_WINDOW);
        let mut most = self.largest_page();
        while after < range.until {
            self.go_on()?;
            let until = range.until.min(after.saturating_add(window));
            let page = self.page(&range, query, after, until, most, false).await?;
            if page.len() == most && until - after > most as i64 {
                // There may be more than one search returns.
                window = (window / 2).max(most as i64);
                continue;
            }
            if page.len() < most / 4 {
                window = window.saturating_mul(2).min(i64::MAX / 4);
            }
            most = next_size(&page, most).min(self.largest_page());
            if window > most as i64 && page.len() >= most / 2 {
                window = most as i64;
            }
            self.documents(page, range.was_matched).await?;
            after = until;
            passed(self.store, after, &self.counts)?;
        }
        Ok(())
    }

    async fn page(
        &self,
        range: &Range<'_>,
        query: &Json,
        after: i64,
        until: i64,
        most: usize,
        sorted: bool,
    ) -> Result<Vec<Document>, Interrupted> {
        let wanted = Wanted {
            index: range.index,
            shard: range.shard,
            query,
            after,
            until,
            most,
            sorted,
            fields: self.fields,
        };
        Ok(self.events.search(&wanted).await?)
    }

    /// Matches documents, and writes the flags of those that changed.
    async fn documents(
        &mut self,
        documents: Vec<Document>,
        was_matched: bool,
    ) -> Result<(), Interrupted> {
        let started = Instant::now();
        let count = documents.len();
        self.has_read = true;
        let mut found = self.settling.found(&documents);
        self.counts.read += documents.len() as u64;
        self.counts.unchecked += found.unchecked;
        let mut changing = Vec::new();
        for (at, document) in documents.into_iter().enumerate() {
            let event = found.events.remove(&at);
            let is_unchecked = value_at(&document.source, "threatsieve.unchecked").is_some();
            if event.is_some() || is_unchecked {
                changing.push((document, event));
            }
        }
        self.write(changing, was_matched).await?;
        (self.progress)(&self.counts);
        self.pause(started, count).await;
        Ok(())
    }

    /// Waits until the rate allows the next page.
    async fn pause(&self, started: Instant, count: usize) {
        if self.rate == 0 {
            return;
        }
        let due = Duration::from_secs_f64(count as f64 / f64::from(self.rate));
        self.stop.pause(due.saturating_sub(started.elapsed())).await;
    }

    /// Writes the flags of documents. Each is judged by the state as it is at that moment.
    pub(crate) async fn write(
        &mut self,
        documents: Vec<(Document, Option<FoundEvent>)>,
        was_matched: bool,
    ) -> Result<(), Interrupted> {
        let mut rest = documents;
        while !rest.is_empty() {
            let some = rest.split_off(rest.len().saturating_sub(CHANGES));
            let mut changes = Vec::new();
            let mut bytes = 0;
            let mut later = Vec::new();
            for (document, event) in some {
                if bytes > CHANGES_BYTES {
                    later.push((document, event));
                    continue;
                }
                let rewrite = self.settling.rewrite(
                    self.store.connection(),
                    &document,
                    event,
                    was_matched,
                )?;
                if rewrite.is_empty() {
                    continue;
                }
                bytes += json!(rewrite.set).to_string().len();
                changes.push(Change { document, rewrite });
            }
            rest.append(&mut later);
            self.send(changes, was_matched).await?;
        }
        Ok(())
    }

    /// Sends changes until each is made, or is known to be impossible.
    async fn send(&mut self, changes: Vec<Change>, was_matched: bool) -> Result<(), Interrupted> {
        let (mut waiting, mut attempts, mut busy) = (changes, 0, BUSY.into_iter());
        let mut size = CHANGES;
        while !waiting.is_empty() {
            let now = waiting.split_off(waiting.len().saturating_sub(size));
            let outcomes = self.events.change(&now).await?;
            let mut conflicts = Vec::new();
            let mut is_busy = None;
            for (change, outcome) in now.into_iter().zip(outcomes) {
                match outcome {
                    Changed::Done => self.counts.flagged += 1,
                    Changed::Gone => {}
                    Changed::Conflict => conflicts.push(change.document),
                    Changed::Busy(why) => {
                        is_busy = Some(why);
                        waiting.push(change);
                    }
                    Changed::Blocked(why) => return Err(Interrupted::Blocked(why)),
                    Changed::Refused(why) => {
                        self.counts.refused += 1;
                        self.counts.refusal.get_or_insert(why);
                    }
                }
            }
            if let Some(why) = is_busy {
                size = (size / 2).max(1);
                let Some(seconds) = busy.next() else { return Err(Interrupted::Blocked(why)) };
                self.stop.pause(Duration::from_secs(seconds)).await;
                if self.stop.is_requested() {
                    return Err(Interrupted::Over);
                }
            }
            if !conflicts.is_empty() {
                attempts += 1;
                if attempts > ATTEMPTS {
                    let why = format!("others changed the same events in {ATTEMPTS} attempts");
                    return Err(Interrupted::Blocked(why));
                }
                waiting.extend(self.again(conflicts, was_matched).await?);
            }
        }
        Ok(())
    }

    /// Reads documents that others changed meanwhile, and decides again.
    async fn again(
        &mut self,
        documents: Vec<Document>,
        was_matched: bool,
    ) -> Result<Vec<Change>, Interrupted> {
        let mut fresh = Vec::new();
        for document in documents {
            let Document { index, id, routing, .. } = &document;
            fresh.extend(self.events.get(index, id, routing.as_deref()).await?);
        }
        let mut found = self.settling.found(&fresh);
        let mut changes = Vec::new();
        for (at, document) in fresh.into_iter().enumerate() {
            let event = found.events.remove(&at);
            let rewrite = self
                .settling
                .rewrite(self.store.connection(), &document, event, was_matched)
                .context("a document that changed meanwhile")?;
            if !rewrite.is_empty() {
                changes.push(Change { document, rewrite });
            }
        }
        Ok(changes)
    }
}

/// Returns the size of the next page, by the size of the events in this one.
fn next_size(page: &[Document], most: usize) -> usize {
    let Some(first) = page.first() else { return most };
    let middle = &page[page.len() / 2];
    let bytes = |document: &Document| {
        serde_json::to_string(&document.source).map_or(0, |text| text.len()).max(1)
    };
    (PAGE_BYTES / bytes(first).max(bytes(middle))).clamp(FEWEST, PAGE)
}
