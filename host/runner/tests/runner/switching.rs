//! Switching blacklists during calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use threatsieve_runner::RunnerOptions;

use crate::common::{blacklist, hosts, runner};

#[test]
fn every_answer_is_of_one_generation() {
    for signal_traps in [true, false] {
        // Generation n lists host n, which no other generation lists, and one host that all list.
        let generations: Vec<_> = (0..6u64)
            .map(|n| blacklist("switch", n, &["always.com", &format!("only-{n}.com")]))
            .collect();
        let options = RunnerOptions { signal_traps, instances: 2, ..RunnerOptions::default() };
        let runner = runner(options, &generations[0]);
        let names: Vec<_> = (0..6).map(|n| format!("only-{n}.com")).collect();
        let batch = hosts(names.iter().map(String::as_str).cycle().take(600).chain(["always.com"]));
        let (stop, answers) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let asking: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        while !stop.load(Ordering::Relaxed) {
                            let answer = runner.check(&batch).unwrap();
                            let generation = answer.blacklist.generation();
                            assert_eq!(answer.hits.len(), 101);
                            assert!(
                                answer.hits[..100]
                                    .iter()
                                    .all(|hit| u64::from(hit.observable) % 6 == generation)
                            );
                            assert_eq!(answer.hits[100].observable, 600);
                            answers.fetch_add(1, Ordering::Relaxed);
                        }
                    })
                })
                .collect();
            for blacklist in generations.iter().cycle().skip(1).take(9) {
                runner.load(blacklist.clone()).unwrap();
                assert_eq!(runner.counters().generation, Some(blacklist.generation()));
                // At least one answer between two switches, however slow the machine is.
                let before = answers.load(Ordering::Relaxed);
                while answers.load(Ordering::Relaxed) == before
                    && asking.iter().all(|thread| !thread.is_finished())
                {
                    std::thread::yield_now();
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert!(answers.load(Ordering::Relaxed) >= 9);
        assert_eq!(runner.counters().loads, 10);
    }
}

#[test]
fn the_old_blacklist_is_freed_with_its_last_answer() {
    let old = blacklist("old", 1, &["evil.com"]);
    let weak = Arc::downgrade(&old);
    let runner = runner(RunnerOptions::default(), &old);
    drop(old);
    let answer = runner.check(&hosts(["evil.com"])).unwrap();
    runner.load(blacklist("new", 2, &["evil.org"])).unwrap();
    assert!(weak.upgrade().is_some(), "the answer still holds it");
    drop(answer);
    assert!(weak.upgrade().is_none());
    assert_eq!(runner.check(&hosts(["evil.com"])).unwrap().hits, []);
    // The same file again is recognised as the current one.
    runner.load(blacklist("new", 2, &["evil.org"])).unwrap();
    assert_eq!(runner.counters().loads, 2);
}

/// Threads as in a JVM, some with little stack, load and ask.
#[test]
fn a_small_stack_is_enough() {
    let small = std::thread::Builder::new().stack_size(384 * 1024).spawn(|| {
        let options = RunnerOptions { signal_traps: false, ..RunnerOptions::default() };
        let runner = runner(options, &blacklist("small", 1, &["evil.com"]));
        assert_eq!(runner.check(&hosts(["evil.com"])).unwrap().hits.len(), 1);
    });
    small.unwrap().join().unwrap();
    fn shared<T: Send + Sync>() {}
    shared::<threatsieve_runner::Runner>();
}

#[test]
fn a_blacklist_that_does_not_load_leaves_the_old_one() {
    let runner = runner(RunnerOptions::default(), &blacklist("good", 1, &["evil.com"]));
    let options = RunnerOptions { memory_ceiling_bytes: 0, ..RunnerOptions::default() };
    let poor = threatsieve_runner::Runner::new(options).unwrap();
    assert!(poor.load(blacklist("bad", 2, &["evil.com"])).is_err());
    assert_eq!(runner.check(&hosts(["evil.com"])).unwrap().hits.len(), 1);
}
