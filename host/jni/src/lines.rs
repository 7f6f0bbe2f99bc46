//! Looks up a batch of raw log lines.

use std::cell::RefCell;
use std::sync::LazyLock;

use threatsieve_blacklist::observable::MAX_BATCH_BYTES;
use threatsieve_blacklist::{Batch, Timestamp};
use threatsieve_log::{Fields, Format, Parser};
use threatsieve_runner::{Answer, CheckError, FailedCalls};

use crate::answer::{AnswerWriter, MAX_FAILED_CALLS};
use crate::check::is_quiet;
use crate::contexts::Context;
use crate::failure::{Failure, Kind};
use crate::layout::{Layout, place};
use crate::node::Loaded;
use crate::options::CheckOptions;

/// The largest batch, in bytes, that is kept for the thread's next call.
const KEPT_BYTES: usize = 1 << 20;

/// Looks up lines, each a little-endian `u32` with its length and then its bytes. There is one line
/// for each document. Returns `None` if nothing is to be written into any of them.
pub(crate) fn check_lines(
    loaded: &Loaded,
    options: &CheckOptions,
    lines: &[u8],
    documents: u32,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, Failure> {
    thread_local! {
        static KEPT: RefCell<(Batch, Vec<i32>)> = RefCell::default();
    }
    let lines = split(lines, documents)?;
    KEPT.with_borrow_mut(|(batch, places)| {
        batch.clear();
        places.clear();
        let mut checker = Checker {
            loaded,
            options,
            lines: &lines,
            batch,
            places,
            failed_calls: FailedCalls::in_total(MAX_FAILED_CALLS),
            writer: AnswerWriter::new(options, loaded.name(), loaded.deadline(), now),
        };
        for (document, line) in (0..documents).zip(&lines) {
            checker.gather(document, line, 0)?;
        }
        checker.look_up()?;
        let answer = checker.finish();
        loaded.count_documents(documents);
        if batch.as_bytes().len() > KEPT_BYTES {
            (*batch, *places) = Default::default();
        }
        answer
    })
}

fn split(bytes: &[u8], documents: u32) -> Result<Vec<&[u8]>, Failure> {
    if bytes.len() > MAX_BATCH_BYTES {
        let message = format!(
            "lines of {} bytes, expected at most {MAX_BATCH_BYTES} in one call",
            bytes.len()
        );
        return Err(Failure::new(Kind::Limit, message));
    }
    let mut lines = Vec::new();
    let room = (documents as usize).min(bytes.len() / 4);
    lines
        .try_reserve_exact(room)
        .map_err(|_| Failure::memory(room * size_of::<&[u8]>(), "a list of lines"))?;
    let mut rest = bytes;
    while !rest.is_empty() && lines.len() < documents as usize {
        let line = rest.split_first_chunk().and_then(|(length, after)| {
            // A 64-bit machine can address any u32.
            after.split_at_checked(u32::from_le_bytes(*length) as usize)
        });
        let Some((line, after)) = line else {
            let message = format!("lines: that of document {} runs past the end", lines.len());
            return Err(Failure::new(Kind::Internal, message));
        };
        lines.push(line);
        rest = after;
    }
    if rest.is_empty() && lines.len() == documents as usize {
        return Ok(lines);
    }
    let message = format!(
        "lines: expected those of {documents} documents, got {} and {} bytes more",
        lines.len(),
        rest.len()
    );
    Err(Failure::new(Kind::Internal, message))
}

fn parser(line: &[u8], format: Option<Format>) -> &'static Parser {
    static PARSERS: LazyLock<[Parser; Format::ALL.len()]> =
        LazyLock::new(|| Format::ALL.map(|format| Parser::new(format, &Fields::default())));
    // `ALL` is in the order of the variants.
    &PARSERS[format.unwrap_or_else(|| Format::detect(line)) as usize]
}

/// The lines of one call.
struct Checker<'a> {
    loaded: &'a Loaded,
    options: &'a CheckOptions,
    lines: &'a [&'a [u8]],
    batch: &'a mut Batch,
    places: &'a mut Vec<i32>,
    failed_calls: FailedCalls,
    writer: AnswerWriter<'a>,
}

impl Checker<'_> {
    /// Adds a line's observables, from number `before` on, to the batch. Looks up a full batch.
    fn gather(&mut self, document: u32, line: &[u8], before: u32) -> Result<(), Failure> {
        let (batch, places) = (&mut *self.batch, &mut *self.places);
        let (mut seen, mut full) = (0, false);
        let parser = parser(line, self.options.message_format);
        let malformed = parser.observables(line, &mut |kind, value| {
            if seen >= before && !full {
                full = !batch.push(kind, value);
                if !full {
                    places.push(place(document, 0));
                }
            }
            seen += u32::from(!full);
        });
        if let Some(malformed) = malformed.filter(|_| before == 0) {
            self.writer.malformed(document, malformed.to_string());
        }
        if full {
            self.look_up()?;
            // Any observable fits in an empty batch, so this ends.
            self.gather(document, line, seen)?;
        }
        Ok(())
    }

    /// Looks up the batch and empties it.
    fn look_up(&mut self) -> Result<(), Failure> {
        if self.batch.is_empty() {
            return Ok(());
        }
        // After too many failures no call is made any more.
        let first =
            (!self.failed_calls.is_exhausted()).then(|| self.loaded.runner.check(self.batch));
        match &first {
            Some(Ok(answer)) if is_quiet(answer) => self.writer.answered(answer),
            _ => self.write(first)?,
        }
        self.batch.clear();
        self.places.clear();
        Ok(())
    }

    /// Writes the result for the batch. `first` is the result of the call for the whole batch, if
    /// there was one.
    fn write(&mut self, first: Option<Result<Answer, CheckError>>) -> Result<(), Failure> {
        let documents = self.lines.len() as u32;
        let layout =
            Layout::new(self.batch.as_bytes(), self.places, documents, self.options.fields.len())?;
        let (lines, format) = (self.lines, self.options.message_format);
        // The port takes a second reading of the line, so it is only read if it may count.
        let compares_ports = match &first {
            Some(Ok(answer)) => answer.blacklist.compares_ports(),
            _ => true,
        };
        let context = |document: u32| {
            let line = lines[document as usize];
            let parser = parser(line, format);
            let port = compares_ports.then(|| parser.destination_port(line)).flatten();
            Context { time: parser.time(line), port }
        };
        match first {
            Some(first) => {
                self.writer.take(self.loaded, &layout, first, &mut self.failed_calls, &context)
            }
            None => {
                let message =
                    format!("{MAX_FAILED_CALLS} calls for the documents before it failed");
                let failure = Failure::new(Kind::Limit, message);
                self.writer.leave_unchecked(&layout, 0..layout.parts.len(), &failure, &context)
            }
        }
    }

    fn finish(self) -> Result<Option<Vec<u8>>, Failure> {
        self.writer.finish(self.loaded)
    }
}
