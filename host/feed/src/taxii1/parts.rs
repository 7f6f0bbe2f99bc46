//! The parts of a large result. A server divides it, and the client asks for one part after the
//! other with Poll_Fulfillment.

use super::answer::PollResponse;

/// The parts of a result that were read.
///
/// A server that never ends, or that sends the same part again and again, is stopped.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The number of the part that was asked for, from 1.
    number: u32,
    result_id: Option<String>,
    max: u32,
}

/// The step after a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The result is complete.
    Complete,
    /// Another part follows.
    Fetch {
        /// The id of the result.
        result_id: String,
        /// The number of the part, from 1.
        part: u32,
    },
    /// The server says that more follows, but asking would not help. The result is incomplete, so a
    /// cursor must not move.
    Stop(Stopped),
}

/// The reason why a result cannot be read to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stopped {
    /// More follows, but the result has no id.
    #[error("part {part}: expected the id of the result, because more parts follow; got nothing")]
    NoResultId {
        /// The part.
        part: u32,
    },
    /// The part is empty although more follows.
    #[error("part {part}: expected content blocks, because more parts follow; got none")]
    Empty {
        /// The part.
        part: u32,
    },
    /// The part is not the one that was asked for.
    #[error("expected part {expected} of the result, got part {got}")]
    OtherPart {
        /// The part that was asked for.
        expected: u32,
        /// The part in the answer.
        got: u64,
    },
    /// The part belongs to another result.
    #[error("part {part}: expected the result {expected:?}, got {got:?}")]
    OtherResult {
        /// The part.
        part: u32,
        /// The id of the first part.
        expected: String,
        /// The id in the answer.
        got: String,
    },
    /// The result has more parts than allowed.
    #[error("expected a result of at most {max} parts, got more")]
    TooMany {
        /// The limit.
        max: u32,
    },
}

impl Parts {
    /// Starts with the answer to a poll request.
    pub fn new(max: u32) -> Parts {
        Parts { number: 1, result_id: None, max }
    }

    /// Continues with a part of a known result: one that a PENDING status announced, or one whose
    /// earlier parts were read before.
    pub fn of_result(result_id: String, part: u32, max: u32) -> Parts {
        Parts { number: part, result_id: Some(result_id), max }
    }

    /// Decides after a part what to do next.
    pub fn next(&mut self, response: &PollResponse) -> Next {
        let (part, expected) = (self.number, u64::from(self.number));
        // Servers may leave out the number. It then counts as the one that was asked for, and not
        // as 1, the schema's default.
        if let Some(got) = response.part.filter(|&got| got != expected) {
            return Next::Stop(Stopped::OtherPart { expected: part, got });
        }
        if !response.more {
            return Next::Complete;
        }
        let result_id = match (self.result_id.take(), &response.result_id) {
            (None, None) => return Next::Stop(Stopped::NoResultId { part }),
            (Some(expected), Some(got)) if expected != *got => {
                let got = got.clone();
                return Next::Stop(Stopped::OtherResult { part, expected, got });
            }
            (Some(known), _) => known,
            (None, Some(first)) => first.clone(),
        };
        if response.blocks == 0 {
            return Next::Stop(Stopped::Empty { part });
        }
        if part >= self.max {
            return Next::Stop(Stopped::TooMany { max: self.max });
        }
        self.result_id = Some(result_id.clone());
        self.number = part + 1;
        Next::Fetch { result_id, part: self.number }
    }
}
