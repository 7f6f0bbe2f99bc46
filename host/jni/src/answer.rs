//! What is to be written into which document: hits judged, and the answer's JSON.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use threatsieve_blacklist::{EventContext, Hit, Timestamp};
use threatsieve_flag::{Flag, Found, MAX_INDICATORS, coverings};
use threatsieve_runner::Answer;

use crate::contexts::Context;
use crate::failure::{Failure, Kind};
use crate::halves::Outcome;
use crate::layout::{Layout, Part};
use crate::node::Loaded;
use crate::options::CheckOptions;

/// Hits of one document that are judged; more are counted as omitted. Only a document of many thousand observables has so many.
const MAX_JUDGED: usize = 10_000;
/// Bytes of an answer after which documents that would add to it go unchecked: JSON of some 70,000 enrichments.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// What a document is told whose line is not of its format.
const MALFORMED: &str = "malformed";

/// An answer on its way. Documents come in ascending order; one may come in several pieces, next to each other.
pub(crate) struct AnswerWriter<'a> {
    options: &'a CheckOptions,
    blacklist: &'a str,
    /// Time that judging hits may still take.
    left: Duration,
    /// For documents without a time.
    now: Timestamp,
    /// The lowest of those that answered: a switch may come between two calls, and what was checked against the later one is then looked at once
    /// more by the next backfill, not once too little.
    generation: Option<u64>,
    document: Option<Document>,
    /// Documents whose line is not of its format, with the reason.
    malformed: BTreeMap<u32, String>,
    /// The documents' JSON, a comma after each.
    json: Vec<u8>,
}

/// A document of which something is known.
struct Document {
    number: u32,
    context: Context,
    found: Vec<Found>,
    /// Hits that were judged.
    judged: usize,
    /// Indicators of what was found.
    kept: usize,
    omitted: u64,
    unchecked: Option<Failure>,
}

impl<'a> AnswerWriter<'a> {
    /// For a crossing that asks the blacklist of that name. `deadline` bounds the time for judging its
    /// hits, apart from the calls that find them.
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

    /// Takes note of who answered.
    pub(crate) fn answered(&mut self, answer: &Answer) {
        let generation = answer.blacklist.generation();
        self.generation = Some(self.generation.map_or(generation, |known| known.min(generation)));
    }

    /// Takes what came of some parts in. `context` gives a document's own time and port.
    pub(crate) fn take(
        &mut self,
        layout: &Layout<'_>,
        outcome: Outcome,
        context: &dyn Fn(u32) -> Context,
    ) -> Result<(), Failure> {
        let Outcome { parts, result } = outcome;
        match result {
            Ok(answer) => {
                let started = Instant::now();
                self.hits(layout, parts, &answer, started, context)?;
                self.left = self.left.saturating_sub(started.elapsed());
                Ok(())
            }
            Err(failure) => {
                for part in &layout.parts[parts] {
                    self.document(part.document, context)?.unchecked = Some(failure.clone());
                }
                Ok(())
            }
        }
    }

    /// Takes note of a document whose line is not of its format. What a search of its text finds
    /// may come afterwards.
    pub(crate) fn malformed(&mut self, document: u32, detail: String) {
        self.malformed.insert(document, detail);
    }

    /// The JSON; `None` when nothing is to be written into any document. Where nobody answered, the generation is the one that should have.
    pub(crate) fn finish(mut self, loaded: &Loaded) -> Result<Option<Vec<u8>>, Failure> {
        self.end_document()?;
        for (document, detail) in std::mem::take(&mut self.malformed) {
            self.append(&json!({ "document": document, "unchecked": MALFORMED, "detail": detail }))?;
        }
        if self.json.is_empty() && !self.options.stamps_all {
            return Ok(None);
        }
        // The last comma.
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

    fn hits(
        &mut self,
        layout: &Layout<'_>,
        parts: Range<usize>,
        answer: &Answer,
        started: Instant,
        context: &dyn Fn(u32) -> Context,
    ) -> Result<(), Failure> {
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
        Ok(())
    }

    /// Keeps what counts of a document's hits, within the limits. The first observable of their batch is
    /// number `first` of the layout's.
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
        for hit in hits.iter().filter(|hit| hit.allowed_by.is_none()) {
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
            let Some(matched) = answer.blacklist.resolve_up_to(hit, &options.policy, seen, limit) else {
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

    /// The document of that number; the one before is written when it is another.
    fn document(&mut self, number: u32, context: &dyn Fn(u32) -> Context) -> Result<&mut Document, Failure> {
        if self.document.as_ref().is_some_and(|document| document.number != number) {
            self.end_document()?;
        }
        Ok(self.document.get_or_insert_with(|| Document {
            number,
            context: context(number),
            found: Vec::new(),
            judged: 0,
            kept: 0,
            omitted: 0,
            unchecked: None,
        }))
    }

    fn end_document(&mut self) -> Result<(), Failure> {
        let Some(document) = self.document.take() else { return Ok(()) };
        let malformed = self.malformed.remove(&document.number);
        if malformed.is_none()
            && document.found.is_empty()
            && document.omitted == 0
            && document.unchecked.is_none()
        {
            return Ok(());
        }
        let mut said = json!({ "document": document.number });
        if self.json.len() >= MAX_ANSWER_BYTES {
            let detail = format!("the answer of its batch has {MAX_ANSWER_BYTES} bytes already");
            unchecked(&mut said, &Failure::new(Kind::Limit, detail));
            return self.append(&said);
        }
        if !document.found.is_empty() || document.omitted > 0 {
            let occurred = document.context.time.unwrap_or(self.now);
            let coverings = coverings(&document.found);
            let flag = Flag::new(&coverings, &self.options.ceiling, self.blacklist, occurred);
            said["enrichments"] = Value::Array(flag.enrichments);
            said["confidence"] = Value::Array(flag.confidence);
            said["withheld"] = json!(flag.withheld);
            said["omitted"] = json!(flag.omitted as u64 + document.omitted);
        }
        if let Some(failure) = &document.unchecked {
            unchecked(&mut said, failure);
        } else if let Some(detail) = malformed {
            said["unchecked"] = json!(MALFORMED);
            said["detail"] = json!(detail);
        }
        self.append(&said)
    }

    fn append(&mut self, said: &Value) -> Result<(), Failure> {
        let text = said.to_string();
        self.json.try_reserve(text.len() + 1).map_err(|_| Failure::memory(text.len(), "an answer"))?;
        self.json.extend_from_slice(text.as_bytes());
        self.json.push(b',');
        Ok(())
    }
}

fn unchecked(said: &mut Value, failure: &Failure) {
    said["unchecked"] = json!(failure.kind.name());
    said["detail"] = json!(failure.message);
}
