//! The answer to a batch: judges hits, and writes the JSON for the documents.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use threatsieve_blacklist::{Blacklist, EventContext, Hit, Timestamp};
use threatsieve_flag::{EventHits, FileNames, Flag, Found, MAX_INDICATORS, coverings};
use threatsieve_runner::{Answer, CheckError, FailedCalls, MemoryFile};

use crate::contexts::Context;
use crate::failure::{Failure, Kind};
use crate::layout::{Layout, Part};
use crate::node::Loaded;
use crate::options::CheckOptions;

/// The most hits of one document that are judged. Further ones count as omitted. Only a document
/// with many thousands of observables has this many.
const MAX_JUDGED: usize = 10_000;
/// The longest answer, in bytes: JSON with some 70,000 enrichments. Further documents go unchecked.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// The most calls that may fail for one call from Java. Each may last until the deadline.
pub(crate) const MAX_FAILED_CALLS: u32 = 16;

/// The value of `unchecked` for a document whose line does not have its format.
const MALFORMED: &str = "malformed";

/// Writes an answer. Documents come in ascending order. A document may come in several pieces, one
/// after the other.
pub(crate) struct AnswerWriter<'a> {
    options: &'a CheckOptions,
    blacklist: &'a str,
    /// The time left for judging hits.
    left: Duration,
    /// The time for documents without one of their own.
    now: Timestamp,
    /// The lowest generation that answered. A switch may come between two calls. With the lower
    /// number the next backfill checks some documents once more, instead of missing some.
    generation: Option<u64>,
    document: Option<Document>,
    /// Documents whose line does not have its format, with the reason.
    malformed: BTreeMap<u32, String>,
    /// The documents' JSON, with a comma after each.
    json: Vec<u8>,
}

/// A document that may be part of the answer.
struct Document {
    number: u32,
    context: Context,
    found: Vec<Found>,
    /// Its hits on a blacklist with conjunctions.
    conjoined: Option<Conjoined>,
    /// The number of hits judged.
    judged: usize,
    /// The number of indicators in `found`.
    kept: usize,
    omitted: u64,
    unchecked: Option<Failure>,
}

/// The hits of a document that may complete conjunctions.
struct Conjoined {
    /// The blacklist that the entries' numbers are of. A switch may come between two calls.
    blacklist: Arc<Blacklist<MemoryFile>>,
    hits: EventHits,
    names: FileNames,
}

impl<'a> AnswerWriter<'a> {
    /// Creates a writer for a call that asks the blacklist with this name. `deadline` bounds the
    /// time for judging its hits, in addition to the time for finding them.
    pub(crate) fn new(
        options: &'a CheckOptions,
        blacklist: &'a str,
        deadline: Duration,
        now: Timestamp,
    ) -> AnswerWriter<'a> {
        AnswerWriter {
            options,
            blacklist,
            left: deadline,
            now,
            generation: None,
            document: None,
            malformed: BTreeMap::new(),
            json: Vec::new(),
        }
    }

    /// Records the generation of an answer.
    pub(crate) fn answered(&mut self, answer: &Answer) {
        let generation = answer.blacklist.generation();
        self.generation = Some(self.generation.map_or(generation, |known| known.min(generation)));
    }

    /// Adds the result of the call for a whole batch. If the call failed, the documents that make
    /// it fail are isolated, and only they go unchecked. `context` returns a document's own time
    /// and port.
    ///
    /// # Errors
    ///
    /// A malformed batch is the caller's fault, not a document's.
    pub(crate) fn take(
        &mut self,
        loaded: &Loaded,
        layout: &Layout<'_>,
        result: Result<Answer, CheckError>,
        failed_calls: &mut FailedCalls,
        context: &dyn Fn(u32) -> Context,
    ) -> Result<(), Failure> {
        let error = match result {
            Ok(answer) => return self.hits(layout, 0..layout.parts.len(), &answer, context),
            Err(error @ (CheckError::Batch(_) | CheckError::NoBlacklist)) => {
                return Err(Failure::from(&error));
            }
            Err(error) => error,
        };
        let observables = layout.observables();
        for outcome in loaded.runner.isolate(error, layout.batch(), &observables, failed_calls) {
            match outcome.result {
                Ok(answer) => self.hits(layout, outcome.events, &answer, context)?,
                Err(error) => {
                    self.leave_unchecked(layout, outcome.events, &Failure::from(&*error), context)?;
                }
            }
        }
        Ok(())
    }

    /// Marks the documents of some parts as unchecked.
    pub(crate) fn leave_unchecked(
        &mut self,
        layout: &Layout<'_>,
        parts: Range<usize>,
        failure: &Failure,
        context: &dyn Fn(u32) -> Context,
    ) -> Result<(), Failure> {
        for part in &layout.parts[parts] {
            self.document(part.document, context)?.unchecked = Some(failure.clone());
        }
        Ok(())
    }

    /// Records a document whose line does not have its format. Observables found in its text may
    /// follow.
    pub(crate) fn malformed(&mut self, document: u32, detail: String) {
        self.malformed.insert(document, detail);
    }

    /// Returns the JSON, or `None` if nothing is to be written into any document. If no call had an
    /// answer, the generation is the one in use.
    pub(crate) fn finish(mut self, loaded: &Loaded) -> Result<Option<Vec<u8>>, Failure> {
        self.end_document()?;
        for (document, detail) in std::mem::take(&mut self.malformed) {
            self.append(
                &json!({ "document": document, "unchecked": MALFORMED, "detail": detail }),
            )?;
        }
        if self.json.is_empty() && !self.options.stamps_all {
            return Ok(None);
        }
        // Removes the last comma.
        self.json.pop();
        let generation = self.generation.unwrap_or_else(|| loaded.generation());
        let head = format!("{{\"generation\":{generation},\"documents\":[");
        let mut whole = Vec::new();
        let bytes = head.len() + self.json.len() + 2;
        whole.try_reserve_exact(bytes).map_err(|_| Failure::memory(bytes, "an answer"))?;
        whole.extend_from_slice(head.as_bytes());
        whole.append(&mut self.json);
        whole.extend_from_slice(b"]}");
        Ok(Some(whole))
    }

    /// Adds an answer for some parts.
    fn hits(
        &mut self,
        layout: &Layout<'_>,
        parts: Range<usize>,
        answer: &Answer,
        context: &dyn Fn(u32) -> Context,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        self.answered(answer);
        let Some(first) = layout.parts.get(parts.start).map(|part| part.observables.start) else {
            return Ok(());
        };
        let mut hits = answer.hits.as_slice();
        for part in &layout.parts[parts] {
            if hits.is_empty() {
                break;
            }
            let of_this = hits.partition_point(|hit| hit.observable + first < part.observables.end);
            let (these, rest) = hits.split_at(of_this);
            hits = rest;
            if these.iter().any(|hit| hit.allowed_by.is_none()) {
                let first_hits = (first, these);
                self.judge(layout, part, first_hits, answer, started, context)?;
            }
        }
        self.left = self.left.saturating_sub(started.elapsed());
        Ok(())
    }

    /// Judges the hits of a document and keeps the matches, within the limits. The first observable
    /// of their batch has the number `first` in the layout.
    fn judge(
        &mut self,
        layout: &Layout<'_>,
        part: &Part,
        (first, hits): (u32, &[Hit]),
        answer: &Answer,
        started: Instant,
        context: &dyn Fn(u32) -> Context,
    ) -> Result<(), Failure> {
        let (options, now, left) = (self.options, self.now, self.left);
        let document = self.document(part.document, context)?;
        let at = document.context.time.unwrap_or(now);
        let has_conjunctions = answer.blacklist.has_conjunctions();
        if has_conjunctions {
            document.collect(layout, part, (first, hits), answer, options);
        }
        for hit in hits.iter().filter(|hit| hit.allowed_by.is_none()) {
            if has_conjunctions && answer.blacklist.is_lone_part(hit.entry) {
                continue;
            }
            if document.judged == MAX_JUDGED {
                document.omitted += 1;
                continue;
            }
            if started.elapsed() > left {
                document.unchecked = Some(Failure::late());
                break;
            }
            document.judged += 1;
            let limit = MAX_INDICATORS - document.kept;
            let number = hit.observable + first;
            let seen = EventContext::with_ports(at, layout.value(number), document.context.port);
            let Some(matched) = answer.blacklist.resolve_up_to(hit, &options.policy, seen, limit)
            else {
                continue;
            };
            document.kept += matched.entry.indicators.len();
            document.omitted += matched.omitted;
            if matched.entry.indicators.is_empty() {
                continue;
            }
            document.found.push(Found {
                number,
                observable: String::from_utf8_lossy(layout.value(number)).into_owned(),
                field: options.fields[layout.field(number)].clone(),
                matched,
            });
        }
        Ok(())
    }

    /// Returns the document with this number. If it is a new one, the previous document is written.
    fn document(
        &mut self,
        number: u32,
        context: &dyn Fn(u32) -> Context,
    ) -> Result<&mut Document, Failure> {
        if self.document.as_ref().is_some_and(|document| document.number != number) {
            self.end_document()?;
        }
        Ok(self.document.get_or_insert_with(|| Document {
            number,
            context: context(number),
            found: Vec::new(),
            conjoined: None,
            judged: 0,
            kept: 0,
            omitted: 0,
            unchecked: None,
        }))
    }

    fn end_document(&mut self) -> Result<(), Failure> {
        let Some(mut document) = self.document.take() else { return Ok(()) };
        document.add_conjunctions(self.options, self.now);
        let malformed = self.malformed.remove(&document.number);
        if malformed.is_none()
            && document.found.is_empty()
            && document.omitted == 0
            && document.unchecked.is_none()
        {
            return Ok(());
        }
        let mut object = json!({ "document": document.number });
        if self.json.len() >= MAX_ANSWER_BYTES {
            let detail = format!("the answer of its batch has {MAX_ANSWER_BYTES} bytes already");
            unchecked(&mut object, &Failure::new(Kind::Limit, detail));
            return self.append(&object);
        }
        if !document.found.is_empty() || document.omitted > 0 {
            let occurred = document.context.time.unwrap_or(self.now);
            let coverings = coverings(&document.found);
            let flag = Flag::new(&coverings, &self.options.ceiling, self.blacklist, occurred);
            object["enrichments"] = Value::Array(flag.enrichments);
            object["confidence"] = Value::Array(flag.confidence);
            object["withheld"] = json!(flag.withheld);
            object["omitted"] = json!(flag.omitted as u64 + document.omitted);
        }
        if let Some(failure) = &document.unchecked {
            unchecked(&mut object, failure);
        } else if let Some(detail) = malformed {
            object["unchecked"] = json!(MALFORMED);
            object["detail"] = json!(detail);
        }
        self.append(&object)
    }

    fn append(&mut self, object: &Value) -> Result<(), Failure> {
        let text = object.to_string();
        self.json
            .try_reserve(text.len() + 1)
            .map_err(|_| Failure::memory(text.len(), "an answer"))?;
        self.json.extend_from_slice(text.as_bytes());
        self.json.push(b',');
        Ok(())
    }
}

impl Document {
    /// Keeps the hits of some of its observables, and the names of files among these.
    fn collect(
        &mut self,
        layout: &Layout<'_>,
        part: &Part,
        (first, hits): (u32, &[Hit]),
        answer: &Answer,
        options: &CheckOptions,
    ) {
        let field = |number: u32| options.fields[layout.field(number)].clone();
        let is_other = |known: &Conjoined| !Arc::ptr_eq(&known.blacklist, &answer.blacklist);
        // Entries of two generations cannot be compared. The lower generation is written into the
        // document, so the next backfill checks it again.
        if self.conjoined.as_ref().is_none_or(is_other) {
            self.conjoined = Some(Conjoined {
                blacklist: Arc::clone(&answer.blacklist),
                hits: EventHits::default(),
                names: FileNames::default(),
            });
        }
        let Some(Conjoined { hits: kept, names, .. }) = &mut self.conjoined else { return };
        for number in part.observables.clone() {
            names.add(
                &options.fields[layout.field(number)],
                layout.kind(number),
                layout.value(number),
            );
        }
        for hit in hits {
            let number = hit.observable + first;
            kept.add(hit, &options.policy, number, || {
                (String::from_utf8_lossy(layout.value(number)).into_owned(), field(number))
            });
        }
    }

    /// Adds the conjunctions that hold, once all its observables have been looked up.
    fn add_conjunctions(&mut self, options: &CheckOptions, now: Timestamp) {
        let Some(Conjoined { blacklist, hits, names }) = self.conjoined.take() else { return };
        let at = self.context.time.unwrap_or(now);
        let limit = MAX_INDICATORS.saturating_sub(self.kept);
        let whole = hits.judge(&blacklist, &options.policy, at, limit, || names);
        self.omitted += whole.omitted;
        whole.join(&mut self.found);
    }
}

fn unchecked(object: &mut Value, failure: &Failure) {
    object["unchecked"] = json!(failure.kind.name());
    object["detail"] = json!(failure.message);
}
