//! Looks up one batch of observables.

use threatsieve_blacklist::Timestamp;
use threatsieve_runner::{Answer, FailedCalls};

use crate::answer::{AnswerWriter, MAX_FAILED_CALLS};
use crate::contexts::Contexts;
use crate::failure::Failure;
use crate::layout::Layout;
use crate::node::Loaded;
use crate::options::CheckOptions;

/// The origin of a batch's observables. Java is only asked for it when something is to be written.
pub(crate) struct Details {
    /// A place for each observable ([`crate::layout::place`]).
    pub(crate) places: Vec<i32>,
    /// The documents' times and ports ([`Contexts`]).
    pub(crate) contexts: Vec<u8>,
}

/// Looks up a batch of observables from some documents. Returns `None` if nothing is to be written
/// into any of them.
pub(crate) fn check(
    loaded: &Loaded,
    options: &CheckOptions,
    batch: &[u8],
    observables: u32,
    documents: u32,
    now: Timestamp,
    details: impl FnOnce() -> Result<Details, Failure>,
) -> Result<Option<Vec<u8>>, Failure> {
    let first = loaded.runner.check_encoded(batch, observables as usize);
    loaded.count_documents(documents);
    let mut writer = AnswerWriter::new(options, loaded.name(), loaded.deadline(), now);
    match &first {
        Ok(answer) if is_quiet(answer) => {
            if !options.stamps_all {
                return Ok(None);
            }
            writer.answered(answer);
        }
        _ => {
            let details = details()?;
            let layout = Layout::new(batch, &details.places, documents, options.fields.len())?;
            let contexts = Contexts::new(&details.contexts, documents)?;
            let mut failed_calls = FailedCalls::in_total(MAX_FAILED_CALLS);
            let context = |document| contexts.at(document);
            writer.take(loaded, &layout, first, &mut failed_calls, &context)?;
        }
    }
    writer.finish(loaded)
}

/// Returns whether nothing is to be written: there is no hit, or the allow-list suppresses all.
pub(crate) fn is_quiet(answer: &Answer) -> bool {
    answer.hits.iter().all(|hit| hit.allowed_by.is_some())
}
