//! Matches one piece of a log: collects the observables of its lines in batches, and makes events
//! of the batches' hits.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use memchr::memchr;
use threatsieve_blacklist::{Batch, Hit, Kind, Timestamp};
use threatsieve_flag::{EventHits, FileNames, Found, MAX_INDICATORS};
use threatsieve_log::{Format, MAX_LINE_BYTES, Parser};
use threatsieve_runner::{Answer, CheckError, FailedCalls};

use super::event::Event;
use super::ports::Ports;
use super::tally::{Example, Tally};
use crate::matching::{Matcher, Ruling, Times};
use crate::sources::{Chunk, Parts};
use crate::store::files::Tail;
use crate::text::clipped;

/// Maximum number of observables in one call. A call costs about as much as 20 look-ups. A larger
/// batch would no longer fit into a core's first-level caches together with the look-up's own data.
const BATCH_OBSERVABLES: usize = 2048;
/// The same limit in bytes, for logs with long values.
const BATCH_BYTES: usize = 256 * 1024;
/// Results of a piece are passed on when they have this size. This bounds the memory if every line
/// matches.
const PART_BYTES: usize = 1024 * 1024;
/// Maximum number of calls that may fail in a row while failing lines are isolated. One bad line
/// fails about a dozen calls. If more than this fail, the lines are not the reason.
const MAX_FAILED_CALLS: u32 = 64;
/// Number of lines at a piece's end that are searched for a time.
const TIMED_LINES: usize = 8;
/// Maximum number of characters of a line that is shown as an example.
const EXAMPLE_CHARS: usize = 120;

/// A log that is being read.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: Arc<str>,
    /// The log's number among all logs that are read.
    pub(crate) number: u64,
}

/// Some lines of a log.
pub(crate) struct Piece {
    pub(crate) source: Arc<Source>,
    /// The parser for the first line.
    pub(crate) parser: Parser,
    pub(crate) chunk: Chunk,
    /// The header lines in force after the piece, for callers that store them.
    pub(crate) header: Arc<[u8]>,
}

/// A collection of results that events are added to, one after the other.
pub(crate) trait Collected: Default + Send {
    /// The approximate memory in use.
    fn bytes(&self) -> usize;
}

/// Text that will be printed.
impl Collected for Vec<u8> {
    fn bytes(&self) -> usize {
        self.len()
    }
}

/// Adds an event.
pub(crate) type Collect<Out> = fn(&Event<'_>, &mut Out);

/// The results of a piece, or of a part of it.
pub(crate) struct Report<Out> {
    pub(crate) source: Arc<Source>,
    pub(crate) collected: Out,
    pub(crate) tally: Tally,
    /// The end of the piece. Only the last part has it.
    pub(crate) end: Option<End>,
    /// The piece's memory. Only the last part has it.
    buffer: Vec<u8>,
}

/// A position between two pieces of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    /// Offset in the unpacked log, before a last line without a line end.
    pub(crate) offset: u64,
    /// Number of lines before the offset.
    pub(crate) lines: u64,
    /// Length in bytes of a last line without a line end, which was matched as it is.
    pub(crate) partial: u64,
    /// The header lines in force at this position.
    pub(crate) header: Arc<[u8]>,
    pub(crate) format: Format,
    /// The time of the last event before it that has one.
    pub(crate) time: Option<Timestamp>,
    pub(crate) tail: Tail,
}

impl<Out: Collected> Report<Out> {
    fn new(source: &Arc<Source>) -> Report<Out> {
        Report {
            source: Arc::clone(source),
            collected: Out::default(),
            tally: Tally::default(),
            end: None,
            buffer: Vec::new(),
        }
    }

    /// Takes the piece's memory out of the report.
    pub(crate) fn take_buffer(&mut self) -> Vec<u8> {
        mem::take(&mut self.buffer)
    }
}

/// Matches pieces. Each thread has one worker.
pub(crate) struct Worker<'a, Out> {
    matcher: &'a Matcher,
    times: Times,
    /// `None` if events are only counted.
    collect: Option<Collect<Out>>,
    batch: Batch,
    /// Calls that failed since the last one that succeeded.
    failed_calls: FailedCalls,
}

/// A line whose observables are in the batch.
#[derive(Clone)]
struct Pending<'c> {
    number: u64,
    /// Offset in the unpacked log.
    offset: u64,
    line: &'c [u8],
    /// Positions of the line's observables in the batch.
    places: Range<u32>,
    /// Number of the line's observables in earlier batches. A line may have more than fit into one.
    before: u32,
    /// The line continues in the next batch.
    goes_on: bool,
}

impl<'a, Out: Collected> Worker<'a, Out> {
    pub(crate) fn new(
        matcher: &'a Matcher,
        times: Times,
        collect: Option<Collect<Out>>,
    ) -> Worker<'a, Out> {
        Worker {
            matcher,
            times,
            collect,
            batch: Batch::new(),
            failed_calls: FailedCalls::in_a_row(MAX_FAILED_CALLS),
        }
    }

    /// Matches all lines of a piece.
    pub(crate) fn work(&mut self, piece: Piece, parts: &Parts<'_, Report<Out>>) -> Report<Out> {
        let Piece { source, parser, chunk, header } = piece;
        let format = parser.format();
        let mut lines = Lines {
            worker: self,
            parts,
            report: Report::new(&source),
            parser,
            pending: Vec::new(),
            held: Vec::new(),
            hits: EventHits::default(),
            omitted: 0,
            over: false,
        };
        lines.read(&chunk);
        let Lines { mut report, parser, .. } = lines;
        report.tally.lines += chunk.lines;
        report.tally.formats.insert(format.name(), chunk.lines);
        let partial = chunk.partial_bytes() as u64;
        let whole = &chunk.bytes()[..chunk.bytes().len() - chunk.partial_bytes()];
        report.end = Some(End {
            tail: Tail::of(whole),
            offset: chunk.end() - partial,
            lines: chunk.first_line - 1 + chunk.lines - u64::from(partial > 0),
            partial,
            header,
            format,
            time: last_time(&parser, chunk.bytes()),
        });
        report.buffer = chunk.into_buffer();
        report
    }
}

/// The lines of one piece while they are being matched.
struct Lines<'w, 'a, 'c, Out> {
    worker: &'w mut Worker<'a, Out>,
    parts: &'w Parts<'w, Report<Out>>,
    report: Report<Out>,
    parser: Parser,
    pending: Vec<Pending<'c>>,
    /// Matches so far of a line that continues in the next batch.
    held: Vec<Found>,
    /// Hits so far of the line, if the blacklist has conjunctions.
    hits: EventHits,
    /// Number of matches of that line beyond [`MAX_INDICATORS`].
    omitted: u64,
    /// The receiver wants no more results.
    over: bool,
}

impl<'c, Out: Collected> Lines<'_, '_, 'c, Out> {
    fn read(&mut self, chunk: &'c Chunk) {
        let (mut number, mut rest) = (chunk.first_line, chunk.bytes());
        while !rest.is_empty() && !self.over {
            let (line, after) = match memchr(b'\n', rest) {
                Some(end) => (&rest[..end], &rest[end + 1..]),
                None => (rest, &rest[rest.len()..]),
            };
            let offset = chunk.end() - rest.len() as u64;
            rest = after;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.line(number, offset, without_zeros(line));
            number += 1;
        }
        self.check();
    }

    fn line(&mut self, number: u64, offset: u64, mut line: &'c [u8]) {
        if line.len() > MAX_LINE_BYTES {
            line = &line[..MAX_LINE_BYTES];
            let file = &self.report.source.name;
            self.report
                .tally
                .cut
                .add(|| example(file, number, line, format!("longer than {MAX_LINE_BYTES} bytes")));
        }
        if let Some(&first) = line.first()
            && self.parser.has_headers_from(first)
            && let Some(parser) = self.parser.header_change(line)
        {
            // The pending lines were read by the previous parser.
            self.check();
            self.parser = parser;
            return;
        }
        self.gather((number, offset), line, 0);
    }

    /// Adds a line's observables, from number `before` on, to the batch. Full batches are looked
    /// up.
    fn gather(&mut self, (number, offset): (u64, u64), line: &'c [u8], before: u32) {
        let batch = &mut self.worker.batch;
        let first = batch.len() as u32;
        let (mut seen, mut full, mut pathless) = (0, false, false);
        let malformed = self.parser.observables(line, &mut |kind, value| {
            if seen >= before && !full {
                full = !batch.push(kind, value);
            }
            seen += u32::from(!full);
            // The `host:port` of a CONNECT request. Any other URL has its first slash near its
            // start.
            pathless |= kind == Kind::Url && memchr(b'/', value).is_none();
        });
        self.report.tally.connects += u64::from(pathless && before == 0);
        let last = batch.len() as u32;
        if let Some(malformed) = malformed.filter(|_| before == 0) {
            let file = &self.report.source.name;
            self.report.tally.malformed.add(|| example(file, number, line, malformed.to_string()));
        }
        if last > first {
            self.pending.push(Pending {
                number,
                offset,
                line,
                places: first..last,
                before,
                goes_on: full,
            });
        }
        if full
            || last as usize >= BATCH_OBSERVABLES
            || self.worker.batch.as_bytes().len() >= BATCH_BYTES
        {
            self.check();
            if full {
                // Any observable fits into an empty batch, so the recursion ends.
                self.gather((number, offset), line, seen);
            }
        }
    }

    /// Looks up the pending lines.
    fn check(&mut self) {
        let pending = mem::take(&mut self.pending);
        if !pending.is_empty() {
            match self.worker.matcher.check(&self.worker.batch) {
                Ok(answer) => {
                    self.worker.failed_calls.succeeded();
                    self.take(&pending, 0, &answer);
                }
                Err(error) => self.isolate(&pending, error),
            }
        }
        self.worker.batch.clear();
        // Reuses the memory.
        self.pending = pending;
        self.pending.clear();
    }

    /// Looks up the lines of a failed batch again. Only the lines that make it fail stay unchecked.
    fn isolate(&mut self, pending: &[Pending<'c>], error: CheckError) {
        let Worker { matcher, batch, failed_calls, .. } = &mut *self.worker;
        let events: Vec<Range<u32>> = pending.iter().map(|one| one.places.clone()).collect();
        for outcome in matcher.isolate(error, batch, &events, failed_calls) {
            let these = &pending[outcome.events];
            match outcome.result {
                Ok(answer) => self.take(these, these[0].places.start, &answer),
                Err(error) => self.leave_unchecked(these, &error),
            }
        }
    }

    fn leave_unchecked(&mut self, pending: &[Pending<'c>], error: &CheckError) {
        for one in pending {
            let file = &self.report.source.name;
            self.report
                .tally
                .unchecked
                .add(|| example(file, one.number, one.line, error_chain(error)));
            self.finish(one, Vec::new());
        }
    }

    /// Makes events of hits. `offset` is the number of the answer's first observable in the batch.
    fn take(&mut self, pending: &[Pending<'c>], offset: u32, answer: &Answer) {
        let mut hits = answer.hits.as_slice();
        for one in pending {
            let of_this = hits.partition_point(|hit| hit.observable + offset < one.places.end);
            if of_this == 0 && self.held.is_empty() && self.hits.is_empty() {
                if hits.is_empty() {
                    break;
                }
                continue;
            }
            let (these, rest) = hits.split_at(of_this);
            hits = rest;
            let found = self.resolve(one, offset, these, answer);
            self.finish(one, found);
        }
    }

    /// Returns the candidates among a line's hits.
    fn resolve(
        &mut self,
        one: &Pending<'c>,
        offset: u32,
        hits: &[Hit],
        answer: &Answer,
    ) -> Vec<Found> {
        let (matcher, tally) = (self.worker.matcher, &mut self.report.tally);
        let mut found = Vec::new();
        let Some(at) = self.worker.times.moment(self.parser.time(one.line)) else {
            tally.too_old += 1;
            return found;
        };
        let named = |found: &[Found]| -> usize {
            found.iter().map(|found| found.matched.entry.indicators.len()).sum()
        };
        let mut room = MAX_INDICATORS.saturating_sub(named(&self.held));
        let ports = matcher.compares_ports().then(|| Ports::of(&self.parser, one.line));
        for hit in hits {
            let number = hit.observable + offset - one.places.start + one.before;
            let seen = ports.as_ref().map_or(at.into(), |ports| ports.seen(number, at));
            // If events are only counted, one match is enough.
            let is_enough = self.worker.collect.is_none() && !found.is_empty();
            if matcher.has_conjunctions() {
                self.hits.add(hit, matcher.policy(), number, Default::default);
            }
            match matcher.ruling(answer, hit, seen, if is_enough { 0 } else { room }) {
                Ruling::Allowed => tally.suppressed += 1,
                Ruling::Partial => tally.partial += 1,
                Ruling::OutsidePolicy => tally.outside_policy += 1,
                Ruling::LonePart => {}
                Ruling::BeyondLimit => self.omitted += 1,
                Ruling::Counts(matched) => {
                    room -= matched.entry.indicators.len();
                    self.omitted += matched.omitted;
                    found.push(Found {
                        number,
                        observable: String::new(),
                        field: String::new(),
                        matched,
                    });
                }
            }
        }
        if self.worker.collect.is_some() {
            self.name(one.line, &mut found);
        }
        found
    }

    /// Adds the conjunctions that hold for a line, once all its observables have been looked up.
    fn conjunctions(&mut self, line: &[u8]) {
        if self.hits.is_empty() {
            return;
        }
        let hits = mem::take(&mut self.hits);
        let matcher = self.worker.matcher;
        let Some(at) = self.worker.times.moment(self.parser.time(line)) else { return };
        let named: usize = self.held.iter().map(|found| found.matched.entry.indicators.len()).sum();
        let names = || {
            let mut names = FileNames::default();
            // A malformed line was counted already.
            let _ = self.parser.named_observables(line, &mut |field, kind, value| {
                names.add(field, kind, value);
            });
            names
        };
        let limit = MAX_INDICATORS.saturating_sub(named);
        let mut whole = hits.judge(matcher.blacklist(), matcher.policy(), at, limit, names);
        if self.worker.collect.is_some() {
            self.name(line, &mut whole.found);
        }
        self.omitted += whole.omitted;
        whole.join(&mut self.held);
    }

    /// Fills in the names of the observables found. They are known by number only, so the line is
    /// read again.
    fn name(&self, line: &[u8], found: &mut [Found]) {
        let (mut at, mut number) = (0, 0);
        // A malformed line was counted already.
        let _ = self.parser.named_observables(line, &mut |field, _, value| {
            while let Some(one) = found.get_mut(at).filter(|one| one.number == number) {
                field.clone_into(&mut one.field);
                one.observable = String::from_utf8_lossy(value).into_owned();
                at += 1;
            }
            number += 1;
        });
    }

    /// Reports a line's matches, once all its observables have been looked up.
    fn finish(&mut self, one: &Pending<'c>, found: Vec<Found>) {
        self.held.extend(found);
        if one.goes_on {
            return;
        }
        self.conjunctions(one.line);
        if self.held.is_empty() {
            return;
        }
        let (found, omitted) = (mem::take(&mut self.held), mem::take(&mut self.omitted));
        self.report.tally.events += 1;
        let Some(collect) = self.worker.collect else { return };
        let file = Arc::clone(&self.report.source.name);
        let event = Event {
            file: &file,
            number: one.number,
            offset: one.offset,
            line: one.line,
            parser: &self.parser,
            found,
            omitted,
        };
        collect(&event, &mut self.report.collected);
        if self.report.collected.bytes() >= PART_BYTES {
            let next = Report::new(&self.report.source);
            let part = mem::replace(&mut self.report, next);
            self.over = self.parts.send(part).is_break();
        }
    }
}

/// The time of the last event that has one, among the last [`TIMED_LINES`] lines.
fn last_time(parser: &Parser, bytes: &[u8]) -> Option<Timestamp> {
    let lines = bytes.rsplit(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.take(TIMED_LINES).find_map(|line| parser.time(line))
}

/// Removes the zero bytes before a line. `copytruncate` leaves such a hole if a program goes on
/// writing at its old offset.
fn without_zeros(line: &[u8]) -> &[u8] {
    &line[line.iter().take_while(|&&byte| byte == 0).count()..]
}

fn example(file: &Arc<str>, line: u64, text: &[u8], reason: String) -> Example {
    Example { file: Arc::clone(file), line, reason, text: clipped(text, EXAMPLE_CHARS) }
}

/// Formats an error with its causes in one line.
fn error_chain(error: &CheckError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
