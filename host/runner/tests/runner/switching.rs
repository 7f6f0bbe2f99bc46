//! Switching blacklists while calls are in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use threatsieve_blacklist::{Blacklist, Policy, Role, Timestamp};
use threatsieve_runner::{Bytes, RunnerOptions};

use crate::common::{blacklist, compiled, hosts, listed, runner};

#[test]
fn every_answer_is_of_one_generation() {
    for signal_traps in [true, false] {
        // Generation n lists host n alone, and hosts that all generations list.
        let generations: Vec<_> =
            (0..6u64).map(|n| blacklist("switch", n, &["always.com", &format!("only-{n}.com")])).collect();
        let options = RunnerOptions { signal_traps, instances: 2, ..RunnerOptions::default() };
        let runner = runner(options, &generations[0]);
        let names: Vec<_> = (0..6).map(|n| format!("only-{n}.com")).collect();
        let batch = hosts(names.iter().map(String::as_str).cycle().take(600).chain(["always.com"]));
        let (stop, answers) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let answer = runner.check(&batch).unwrap();
                        let generation = answer.blacklist.generation();
                        assert_eq!(answer.hits.len(), 101);
                        assert!(
                            answer.hits[..100].iter().all(|hit| u64::from(hit.observable) % 6 == generation)
                        );
                        assert_eq!(answer.hits[100].observable, 600);
                        answers.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            for blacklist in generations.iter().cycle().skip(1).take(9) {
                runner.load(blacklist.clone()).unwrap();
                assert_eq!(runner.counters().generation, Some(blacklist.generation()));
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert!(answers.load(Ordering::Relaxed) > 9);
        assert_eq!(runner.counters().loads, 10);
    }
}

/// The bytes of a blacklist that say when they are freed.
struct Watched(Vec<u8>, Arc<AtomicBool>);

impl AsRef<[u8]> for Watched {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.1.store(true, Ordering::Relaxed);
    }
}

#[test]
fn the_old_blacklist_is_freed_with_its_last_answer() {
    let freed = Arc::new(AtomicBool::new(false));
    let bytes = compiled("old", 1, listed(&["evil.com"]), Vec::new());
    let old = Blacklist::open(Bytes::from_owner(Watched(bytes, freed.clone())), None).unwrap();
    let old = Arc::new(old);
    let weak = Arc::downgrade(&old);
    let runner = runner(RunnerOptions::default(), &old);
    drop(old);
    let answer = runner.check(&hosts(["evil.com"])).unwrap();
    let digest = answer.blacklist.digest();
    assert!(is_mapped(&digest));
    runner.load(blacklist("new", 2, &["evil.org"])).unwrap();
    assert!(weak.upgrade().is_some() && !freed.load(Ordering::Relaxed), "the answer still holds it");
    assert!(!is_mapped(&digest), "its code and its instances are gone already");
    drop(answer);
    assert!(weak.upgrade().is_none() && freed.load(Ordering::Relaxed));
    assert_eq!(runner.check(&hosts(["evil.com"])).unwrap().hits, []);
}

/// Without its match sections a blacklist resolves hits, and the file's own bytes are given back at once.
#[test]
fn match_sections_need_not_be_kept() {
    let freed = Arc::new(AtomicBool::new(false));
    let bytes = compiled("lean", 3, listed(&["evil.com", "45.77.1.0/24"]), listed(&["ok.evil.com"]));
    let whole = Blacklist::open(Bytes::from(bytes.clone()), None).unwrap();
    let watched = Blacklist::open(Bytes::from_owner(Watched(bytes, freed.clone())), None).unwrap();
    let options = RunnerOptions { keep_match_sections: false, ..RunnerOptions::default() };
    let runner = threatsieve_runner::Runner::new(options).unwrap();
    runner.load(Arc::new(watched)).unwrap();
    assert!(freed.load(Ordering::Relaxed));
    let answer = runner.check(&hosts(["www.evil.com", "45.77.1.7", "ok.evil.com"])).unwrap();
    assert_eq!(answer.hits.len(), 3);
    for hit in &answer.hits {
        assert_eq!(answer.blacklist.entry(hit.entry), whole.entry(hit.entry));
        let resolved =
            |blacklist: &Blacklist<Bytes>| blacklist.resolve(hit, &Policy::default(), Timestamp(0));
        assert_eq!(resolved(&answer.blacklist), resolved(&whole));
    }
    let lean = &answer.blacklist;
    assert_eq!((lean.name(), lean.generation(), lean.digest()), (whole.name(), 3, whole.digest()));
    assert_eq!(lean.file_bytes(), whole.file_bytes());
    assert!(Role::ALL.iter().all(|role| lean.entries(*role) == whole.entries(*role)));
    // The same file again is known to be the one that serves.
    runner.load(Arc::new(whole)).unwrap();
    assert_eq!(runner.counters().loads, 1);
    assert_eq!(runner.check(&hosts(["www.evil.com"])).unwrap().hits.len(), 1);
}

/// Whether that blacklist's code, or memory made of it, is mapped in this process.
fn is_mapped(digest: &[u8]) -> bool {
    let name: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::read_to_string("/proc/self/maps").unwrap().contains(&format!("memfd:threatsieve-{name}"))
}

/// A JVM's threads, some with little stack, load and ask.
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
