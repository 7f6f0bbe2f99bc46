//! Events that make a batch fail, and the answers for the others.

use std::ops::Range;

use threatsieve_blacklist::Batch;
use threatsieve_runner::{CheckError, FailedCalls, Outcome, Runner, RunnerOptions};

use crate::common::{blacklist, hostile, hosts};

/// The component fails with every batch that has an observable which begins with `!`.
fn poisoned() -> Runner {
    let runner = Runner::with_code(RunnerOptions::default(), hostile!("poisoned")).unwrap();
    runner.load(blacklist("hostile", 7, &["evil.com", "evil.org"])).unwrap();
    runner
}

/// Isolates the events of a batch, each with two observables.
fn isolate(runner: &Runner, batch: &Batch, failed: &mut FailedCalls) -> Vec<Outcome> {
    let events: Vec<Range<u32>> = (0..batch.len() as u32 / 2).map(|n| 2 * n..2 * n + 2).collect();
    let error = runner.check(batch).unwrap_err();
    let outcomes = runner.isolate(error, batch.as_bytes(), &events, failed);
    let covered: Vec<usize> = outcomes.iter().flat_map(|outcome| outcome.events.clone()).collect();
    assert_eq!(covered, (0..events.len()).collect::<Vec<_>>());
    outcomes
}

fn unchecked(outcomes: &[Outcome]) -> Vec<usize> {
    let failed = outcomes.iter().filter(|outcome| outcome.result.is_err());
    failed.flat_map(|outcome| outcome.events.clone()).collect()
}

/// A batch of events of which these are poisonous.
fn batch(events: usize, poisonous: &[usize]) -> Batch {
    let values = (0..events).map(|n| if poisonous.contains(&n) { "!" } else { "good" });
    hosts(values.flat_map(|value| ["good", value]))
}

#[test]
fn only_the_poisonous_events_have_no_answer() {
    let runner = poisoned();
    for poisonous in [&[0][..], &[999], &[500, 501], &[1, 300, 301, 302, 998]] {
        let outcomes = isolate(&runner, &batch(1000, poisonous), &mut FailedCalls::in_total(100));
        assert_eq!(unchecked(&outcomes), poisonous);
        for outcome in outcomes {
            match outcome.result {
                // The component finds a hit in each observable.
                Ok(answer) => assert_eq!(answer.hits.len(), 2 * outcome.events.len()),
                Err(error) => assert!(matches!(*error, CheckError::Trap { .. }), "{error:?}"),
            }
        }
    }
}

#[test]
fn isolating_ends_at_the_limit() {
    let runner = poisoned();
    let all: Vec<usize> = (0..64).collect();
    let before = runner.counters().traps;
    let outcomes = isolate(&runner, &batch(64, &all), &mut FailedCalls::in_total(16));
    assert_eq!(unchecked(&outcomes), all);
    assert_eq!(runner.counters().traps - before, 16);
    // In total, failures of earlier batches count too.
    let mut failed = FailedCalls::in_total(8);
    assert_eq!(unchecked(&isolate(&runner, &batch(64, &[7]), &mut failed)), [7]);
    assert_eq!(unchecked(&isolate(&runner, &batch(64, &[7]), &mut failed)).len(), 64);
}

#[test]
fn success_resets_a_limit_in_a_row() {
    let runner = poisoned();
    let every_eighth: Vec<usize> = (0..64).step_by(8).collect();
    let mut failed = FailedCalls::in_a_row(8);
    let outcomes = isolate(&runner, &batch(64, &every_eighth), &mut failed);
    assert_eq!(unchecked(&outcomes), every_eighth);
    assert!(!failed.is_exhausted());
}

#[test]
fn a_malformed_batch_is_not_split() {
    let runner = poisoned();
    let error = runner.check(&hosts(["!"])).unwrap_err();
    let before = runner.counters().batches;
    let outcomes = runner.isolate(error, &[9, 0], &[0..1, 1..2], &mut FailedCalls::in_total(16));
    assert_eq!(unchecked(&outcomes), [0, 1]);
    assert!(
        outcomes[0].result.as_ref().is_err_and(|error| matches!(**error, CheckError::Batch(_)))
    );
    assert_eq!(runner.counters().batches, before);
}
