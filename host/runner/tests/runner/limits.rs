//! Hostile components, each against the limit it was made for, with and without signal traps.

use std::time::{Duration, Instant};

use threatsieve_runner::{AnswerError, CheckError, Code, Runner, RunnerError, RunnerOptions};

use crate::common::{Loaded, blacklist, chain, hostile, hosts};

/// The blacklist that `common.wat` describes.
fn described() -> Loaded {
    blacklist("hostile", 7, &["evil.com", "evil.org"])
}

fn options(signal_traps: bool) -> RunnerOptions {
    let deadline = Duration::from_millis(200);
    RunnerOptions {
        signal_traps,
        deadline,
        memory_ceiling_bytes: 16 << 20,
        ..RunnerOptions::default()
    }
}

/// Asks a hostile component twice, with and without signal traps. A lost instance must not be used
/// again.
fn refusals(code: Code, each: impl Fn(&Runner, CheckError)) {
    for signal_traps in [true, false] {
        let runner = Runner::with_code(options(signal_traps), code).unwrap();
        runner.load(described()).unwrap();
        for _ in 0..2 {
            each(&runner, runner.check(&hosts(["evil.com", "evil.org"])).unwrap_err());
        }
    }
}

#[test]
fn an_endless_loop_ends_at_the_deadline() {
    for signal_traps in [true, false] {
        let runner = Runner::with_code(options(signal_traps), hostile!("endless_loop")).unwrap();
        runner.load(described()).unwrap();
        let start = Instant::now();
        let error = runner.check(&hosts(["evil.com"])).unwrap_err();
        assert!(matches!(error, CheckError::Deadline { .. }), "{error:?}");
        assert!(start.elapsed() >= Duration::from_millis(195), "{:?}", start.elapsed());
        assert_eq!(runner.counters().deadlines, 1);
    }
}

#[test]
fn a_trap_costs_one_answer_and_one_instance() {
    refusals(hostile!("unreachable"), |runner, error| {
        assert!(
            matches!(&error, CheckError::Trap { trap } if trap.contains("unreachable")),
            "{error:?}"
        );
        let counters = runner.counters();
        assert_eq!(
            (counters.batches, counters.traps, counters.instances),
            (counters.traps, counters.traps, counters.traps)
        );
    });
    refusals(hostile!("out_of_bounds"), |_, error| {
        assert!(
            matches!(&error, CheckError::Trap { trap } if trap.contains("out of bounds")),
            "{error:?}"
        );
    });
}

#[test]
fn memory_ends_at_the_ceiling() {
    refusals(hostile!("memory_growth"), |runner, error| {
        assert!(
            matches!(error, CheckError::MemoryCeiling { limit_bytes } if limit_bytes == 16 << 20),
            "{error:?}"
        );
        assert!(runner.counters().memory_refusals > 0);
    });
}

#[test]
fn recursion_ends_on_a_java_thread() {
    refusals(hostile!("recursion"), |_, error| {
        assert!(matches!(&error, CheckError::Trap { trap } if trap.contains("stack")), "{error:?}");
    });
    // A Java thread's stack. The component may use a quarter of it.
    let small = std::thread::Builder::new().stack_size(512 * 1024).spawn(|| {
        refusals(hostile!("recursion"), |_, error| {
            assert!(matches!(error, CheckError::Trap { .. }))
        });
    });
    small.unwrap().join().unwrap();
}

#[test]
fn wrong_answers_are_typed() {
    let wrong = |code: Code, is: fn(&AnswerError) -> bool| {
        refusals(code, |runner, error| {
            let CheckError::Answer(error) = error else { panic!("{error:?}") };
            assert!(is(&error), "{error:?}");
            assert_eq!(runner.counters().hits, 0);
        });
    };
    wrong(hostile!("wrong_observable"), |e| {
        matches!(e, AnswerError::Observable { got: 1000, observables: 2 })
    });
    wrong(hostile!("wrong_entry"), |e| matches!(e, AnswerError::Entry { got: 2, entries: 2 }));
    wrong(hostile!("wrong_allowed"), |e| matches!(e, AnswerError::Entry { got: 99, entries: 2 }));
    wrong(hostile!("wrong_order"), |e| matches!(e, AnswerError::Order { got: 0, after: 1 }));
    wrong(hostile!("wrong_how"), |e| matches!(e, AnswerError::Form(_)));
    wrong(hostile!("outside_answer"), |e| matches!(e, AnswerError::Form(_)));
}

#[test]
fn an_answer_beyond_the_contract_is_not_read() {
    for signal_traps in [true, false] {
        // The component has room for the answer, so that the host's limit applies.
        let options = RunnerOptions { memory_ceiling_bytes: 64 << 20, ..options(signal_traps) };
        let runner = Runner::with_code(options, hostile!("long_answer")).unwrap();
        runner.load(described()).unwrap();
        let error = runner.check(&hosts(["evil.com"])).unwrap_err();
        assert!(matches!(error, CheckError::Answer(AnswerError::Form(_))), "{error:?}");
    }
}

#[test]
fn a_batch_with_too_many_hits_is_asked_in_halves() {
    let runner = Runner::with_code(options(true), hostile!("crowded")).unwrap();
    runner.load(described()).unwrap();
    let hits = runner
        .check(&hosts(["evil.com", "evil.org", "a.evil.com", "b.evil.com", "c.evil.com"]))
        .unwrap()
        .hits;
    assert_eq!(hits.iter().map(|hit| hit.observable).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_component_that_fails_at_its_start_is_not_loaded() {
    for signal_traps in [true, false] {
        let refused = |code| {
            let runner = Runner::with_code(options(signal_traps), code).unwrap();
            let error = runner.load(described()).unwrap_err();
            assert!(matches!(runner.check(&hosts(["evil.com"])), Err(CheckError::NoBlacklist)));
            error
        };
        let error = refused(hostile!("start_trap"));
        assert!(matches!(error, RunnerError::Describe(CheckError::Trap { .. })), "{error:?}");
        let error = refused(hostile!("start_loop"));
        assert!(matches!(error, RunnerError::Describe(CheckError::Deadline { .. })), "{error:?}");
    }
}

#[test]
fn a_liar_is_not_loaded() {
    let runner = Runner::with_code(options(true), hostile!("liar")).unwrap();
    let error = runner.load(described()).unwrap_err();
    assert!(matches!(error, RunnerError::Mismatch { .. }), "{error:?}");
    assert!(
        error.to_string().contains("h0stile") && error.to_string().contains("hostile"),
        "{error}"
    );
}

#[test]
fn foreign_components_are_rejected() {
    let refused = |code: Code| {
        let runner = Runner::with_code(options(true), code).unwrap();
        runner.load(described()).unwrap_err()
    };
    let error = refused(hostile!("no_contract"));
    assert!(matches!(error, RunnerError::Contract(_)), "{error:?}");
    let error = refused(hostile!("imports"));
    assert!(
        matches!(error, RunnerError::Contract(_)) && chain(&error).contains("clock"),
        "{}",
        chain(&error)
    );
    // SAFETY: bytes that are not machine code are rejected before anything of them is used.
    let nothing = unsafe { Code::new(b"no machine code", b"no machine code") };
    assert!(matches!(refused(nothing), RunnerError::Code(_)));
}

/// One thread ends the calls of all generations.
#[test]
fn the_deadline_holds_after_a_switch() {
    let runner = Runner::with_code(options(true), hostile!("endless_loop")).unwrap();
    for values in [["evil.com", "evil.org"], ["evil.com", "evil.net"]] {
        runner.load(blacklist("hostile", 7, &values)).unwrap();
        let error = runner.check(&hosts(["evil.com"])).unwrap_err();
        assert!(matches!(error, CheckError::Deadline { .. }), "{error:?}");
    }
    assert_eq!(runner.counters().loads, 2);
}
