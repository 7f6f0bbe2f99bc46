//! Looks up the terms of an index's dictionary for the query: which of them hit, and under which
//! conditions on the event.

use threatsieve_blacklist::observable::{HEADER_BYTES, offsets};
use threatsieve_blacklist::{Blacklist, Condition, Timestamp};
use threatsieve_runner::{Answer, CheckError, FailedCalls, MemoryFile};

use crate::answer::MAX_FAILED_CALLS;
use crate::failure::{Failure, Kind};
use crate::node::Loaded;
use crate::options::TermOptions;

/// The longest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// A condition without a beginning, as Java reads it.
const NO_BEGINNING: i64 = i64::MIN;
/// A condition without an end.
const NO_END: i64 = i64::MAX;

/// Looks up a batch of terms. The answer is in the form that `Native.checkTerms` describes.
///
/// A term that cannot be looked up fails the whole call: a query must not miss it in silence. If
/// the batch fails, its halves are tried, and so on, because a smaller batch may be in time.
pub(crate) fn check_terms(
    loaded: &Loaded,
    options: &TermOptions,
    batch: &[u8],
    terms: u32,
) -> Result<Vec<u8>, Failure> {
    let offsets = offsets(batch).map_err(|error| Failure::from(&CheckError::Batch(error)))?;
    let got = offsets.len() - 1;
    if got != terms as usize {
        let message = format!("the batch has {got} terms, expected {terms}");
        return Err(Failure::new(Kind::Internal, message));
    }
    let mut writer = TermWriter { batch, offsets, options, blacklist: None, bytes: Vec::new() };
    match loaded.runner.check_encoded(batch, terms as usize) {
        Ok(answer) => writer.take(&answer, 0)?,
        Err(error) => {
            let each: Vec<_> = (0..terms).map(|term| term..term + 1).collect();
            let mut failed_calls = FailedCalls::in_total(MAX_FAILED_CALLS);
            for outcome in loaded.runner.isolate(error, batch, &each, &mut failed_calls) {
                let answer = outcome.result.map_err(|error| Failure::from(&*error))?;
                writer.take(&answer, outcome.events.start as u32)?;
            }
        }
    }
    Ok(writer.bytes)
}

/// Returns the identity of the blacklist that answers the next call.
pub(crate) fn served(loaded: &Loaded) -> Result<Vec<u8>, Failure> {
    let blacklist = loaded.runner.blacklist().ok_or_else(|| loaded.missing())?;
    Ok(identity(&blacklist))
}

fn identity(blacklist: &Blacklist<MemoryFile>) -> Vec<u8> {
    [&blacklist.generation().to_le_bytes()[..], &blacklist.digest()].concat()
}

struct TermWriter<'a> {
    batch: &'a [u8],
    offsets: Vec<u32>,
    options: &'a TermOptions,
    /// The identity of the blacklist that answered.
    blacklist: Option<[u8; 32]>,
    bytes: Vec<u8>,
}

impl TermWriter<'_> {
    /// Adds an answer for the terms from number `first` on.
    fn take(&mut self, answer: &Answer, first: u32) -> Result<(), Failure> {
        let digest = answer.blacklist.digest();
        match self.blacklist {
            None => self.bytes.extend(identity(&answer.blacklist)),
            Some(known) if known != digest => {
                let message = "the blacklist was replaced between two calls for one batch";
                return Err(Failure::new(Kind::Switched, message));
            }
            Some(_) => {}
        }
        self.blacklist = Some(digest);
        for hits in answer.hits.chunk_by(|a, b| a.observable == b.observable) {
            let number = first + hits[0].observable;
            let mut conditions = Vec::new();
            for hit in hits {
                let value = self.value(number);
                if self.options.parts && answer.blacklist.is_part(hit.entry) {
                    // Whether the other parts are there, and when, is judged on the whole event.
                    let counts = hit.allowed_by.is_none()
                        && (self.options.policy.partial || !hit.how.is_partial());
                    conditions.extend(counts.then(Condition::default));
                }
                conditions.extend(answer.blacklist.conditions(hit, &self.options.policy, value));
            }
            if !conditions.is_empty() {
                self.write(number, &union(conditions))?;
            }
        }
        Ok(())
    }

    fn value(&self, term: u32) -> &[u8] {
        let number = term as usize;
        let start = self.offsets[number] as usize + HEADER_BYTES;
        &self.batch[start..self.offsets[number + 1] as usize]
    }

    /// Writes a term with the conditions of which one must hold; none if it always counts.
    fn write(&mut self, term: u32, conditions: &[Condition]) -> Result<(), Failure> {
        let always = conditions.contains(&Condition::default());
        let conditions = if always { &[] } else { conditions };
        let more = 8 + conditions.len() * 20;
        if self.bytes.len() + more > MAX_ANSWER_BYTES {
            let message = format!(
                "the validity of the indicators that cover one batch of terms has more than \
                 {MAX_ANSWER_BYTES} bytes"
            );
            return Err(Failure::new(Kind::Limit, message));
        }
        self.bytes.try_reserve(more).map_err(|_| Failure::memory(more, "an answer"))?;
        self.bytes.extend(term.to_le_bytes());
        self.bytes.extend((conditions.len() as u32).to_le_bytes());
        for condition in conditions {
            let from = condition.from.map_or(NO_BEGINNING, |time| time.0);
            let until = condition.until.map_or(NO_END, |time| time.0);
            self.bytes.extend(from.to_le_bytes());
            self.bytes.extend(until.to_le_bytes());
            self.bytes.extend(u32::from(condition.port.unwrap_or(0)).to_le_bytes());
        }
        Ok(())
    }
}

/// Joins the intervals of conditions with the same port that overlap or touch.
fn union(mut conditions: Vec<Condition>) -> Vec<Condition> {
    conditions.sort_by_key(|condition| (condition.port, condition.from));
    let mut joined: Vec<Condition> = Vec::new();
    for condition in conditions {
        match joined.last_mut() {
            Some(last) if last.port == condition.port && reaches(last.until, condition.from) => {
                last.until = match (last.until, condition.until) {
                    (Some(one), Some(other)) => Some(one.max(other)),
                    _ => None,
                };
            }
            _ => joined.push(condition),
        }
    }
    joined
}

/// Returns whether an interval that ends at `until` leaves no gap before one that begins at `from`.
fn reaches(until: Option<Timestamp>, from: Option<Timestamp>) -> bool {
    match (until, from) {
        (Some(until), Some(from)) => from <= until,
        _ => true,
    }
}
