//! What came of a batch, document by document, when a call for it fails: it is asked for in halves, so that only those documents go unchecked
//! that make it fail.

use std::ops::Range;

use threatsieve_runner::{Answer, CheckError, Runner};

use crate::failure::Failure;
use crate::layout::Layout;

/// Calls that may fail for the documents of one crossing. One bad document among a thousand fails eleven; each may last until the deadline.
pub(crate) const MAX_FAILED_CALLS: u32 = 16;

/// What came of consecutive parts of a layout.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) parts: Range<usize>,
    /// Hits that count from the first of these parts' observables, or why there are none.
    pub(crate) result: Result<Answer, Failure>,
}

/// Asks on where a first call for the whole batch has come to `first`.
///
/// # Errors
///
/// A malformed batch is the caller's fault, not a document's.
pub(crate) fn outcomes(
    runner: &Runner,
    layout: &Layout<'_>,
    first: Result<Answer, CheckError>,
    failed_calls: &mut u32,
) -> Result<Vec<Outcome>, Failure> {
    let mut halves = Halves { runner, layout, failed_calls, outcomes: Vec::new() };
    halves.take(0..layout.parts.len(), first)?;
    Ok(halves.outcomes)
}

struct Halves<'a> {
    runner: &'a Runner,
    layout: &'a Layout<'a>,
    failed_calls: &'a mut u32,
    outcomes: Vec<Outcome>,
}

impl Halves<'_> {
    fn take(&mut self, parts: Range<usize>, result: Result<Answer, CheckError>) -> Result<(), Failure> {
        let error = match result {
            Ok(answer) => {
                self.outcomes.push(Outcome { parts, result: Ok(answer) });
                return Ok(());
            }
            Err(error @ (CheckError::Batch(_) | CheckError::NoBlacklist)) => return Err(error.into()),
            Err(error) => error,
        };
        *self.failed_calls += 1;
        let divisible = parts.len() > 1 && is_of_the_batch(&error);
        let failure = Failure::from(error);
        if !divisible {
            self.outcomes.push(Outcome { parts, result: Err(failure) });
            return Ok(());
        }
        let middle = parts.start + parts.len() / 2;
        for half in [parts.start..middle, middle..parts.end] {
            if *self.failed_calls < MAX_FAILED_CALLS {
                let result = self.ask(&half);
                self.take(half, result)?;
            } else {
                self.outcomes.push(Outcome { parts: half, result: Err(failure.clone()) });
            }
        }
        Ok(())
    }

    fn ask(&self, parts: &Range<usize>) -> Result<Answer, CheckError> {
        let (first, last) = (&self.layout.parts[parts.start], &self.layout.parts[parts.end - 1]);
        let observables = first.observables.start..last.observables.end;
        self.runner.check_encoded(self.layout.stretch(observables.clone()), observables.len())
    }
}

/// Whether a smaller batch may come to something else.
fn is_of_the_batch(error: &CheckError) -> bool {
    !matches!(error, CheckError::Instance(_) | CheckError::Blacklist { .. })
}
