//! Batches and their hits.

use threatsieve_blacklist::lookup::{GuestBlacklist, Scratch};
use threatsieve_blacklist::observable::{BatchError, Kind, MAX_BATCH_BYTES, MAX_BATCH_OBSERVABLES};
use threatsieve_blacklist::{Batch, How};
use threatsieve_runner::{CheckError, Runner, RunnerOptions};

use crate::common::{blacklist, compiled, hosts, listed, open, runner};

#[test]
fn hits_come_back_in_order() {
    let listed = blacklist("order", 3, &["evil.com", "sub.evil.com", "93.184.216.34"]);
    let runner = runner(RunnerOptions::default(), &listed);
    let batch = hosts(["good.org", "a.sub.evil.com", "93.184.216.35", "evil.com"]);
    let hits = runner.check(&batch).unwrap().hits;
    let seen: Vec<_> = hits.iter().map(|hit| (hit.observable, hit.how)).collect();
    assert_eq!(seen, [(1, How::Subdomain), (1, How::Subdomain), (3, How::Exact)]);
    assert_ne!(hits[0].entry, hits[1].entry);
    assert_eq!(hits[1].entry, hits[2].entry, "the less specific entry comes last");
}

#[test]
fn component_and_native_code_agree() {
    let values = [
        "evil.com",
        "*.below.net",
        "93.184.216.0/24",
        "2606:2800::/32",
        "http://evil.org/a?b=c",
        "me@evil.net",
    ];
    let bytes = compiled("agree", 1, listed(&values), listed(&["ok.evil.com"]));
    let list = open(bytes);
    let mut batch = Batch::new();
    let observables = [
        "EVIL.com.",
        "x.ok.evil.com",
        "below.net",
        "a.below.net",
        "93.184.216.34",
        "[2606:2800::1]:443",
    ];
    for value in observables.iter().chain(&[
        "http://u@evil.org:80/a?b=c",
        "http://evil.org/a?",
        "me@EVIL.net",
        "",
        "\u{e9}.com",
    ]) {
        for kind in [Kind::Any, Kind::Host, Kind::Address, Kind::Url, Kind::Hash, Kind::Email] {
            assert!(batch.push(kind, value.as_bytes()));
        }
    }
    let (mut native, mut scratch) = (Vec::new(), Scratch::default());
    GuestBlacklist::new(list.guest_image())
        .unwrap()
        .check(batch.as_bytes(), &mut scratch, &mut native)
        .unwrap();
    assert!(native.len() > 10 && native.iter().any(|hit| hit.allowed_by.is_some()));
    for signal_traps in [true, false] {
        let runner = runner(RunnerOptions { signal_traps, ..RunnerOptions::default() }, &list);
        assert_eq!(runner.check(&batch).unwrap().hits, native);
    }
}

#[test]
fn the_largest_batches_are_answered() {
    let runner = runner(RunnerOptions::default(), &blacklist("large-batch", 1, &["evil.com"]));
    let batch = hosts(std::iter::repeat_n("evil.com", MAX_BATCH_OBSERVABLES));
    assert_eq!(batch.len(), MAX_BATCH_OBSERVABLES);
    assert_eq!(runner.check(&batch).unwrap().hits.len(), MAX_BATCH_OBSERVABLES);
    let mut batch = Batch::new();
    while batch.push(Kind::Url, &[b'a'; 60_000]) {}
    assert!(batch.as_bytes().len() > MAX_BATCH_BYTES - 61_000);
    assert!(runner.check(&batch).unwrap().hits.is_empty());
    assert_eq!(runner.check(&Batch::new()).unwrap().hits, []);
}

#[test]
fn malformed_batches_give_typed_errors_and_cost_no_instance() {
    let runner = runner(RunnerOptions::default(), &blacklist("malformed", 1, &["evil.com"]));
    let refused = |batch: &[u8]| match runner.check_encoded(batch, 0) {
        Err(CheckError::Batch(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&[1, 0]), BatchError::Truncated { at: 0 });
    assert_eq!(refused(&[1, 0, 0, 1, b'a', 2, 0, 0, 1, b'b']), BatchError::Truncated { at: 5 });
    assert_eq!(refused(&[0, 0, 0, 77]), BatchError::UnknownKind { at: 0, kind: 77 });
    assert_eq!(refused(&vec![0; 4 * (MAX_BATCH_OBSERVABLES + 1)]), BatchError::TooMany);
    assert_eq!(
        refused(&vec![0; MAX_BATCH_BYTES + 4]),
        BatchError::TooLarge { got: MAX_BATCH_BYTES + 4 }
    );
    let counters = runner.counters();
    assert_eq!((counters.batches, counters.other_errors, counters.instances), (5, 5, 1));
}

#[test]
fn without_a_blacklist_there_is_a_typed_error() {
    let runner = Runner::new(RunnerOptions::default()).unwrap();
    assert!(matches!(runner.check(&hosts(["evil.com"])), Err(CheckError::NoBlacklist)));
    assert_eq!(runner.counters().generation, None);
}

#[test]
fn counters_count() {
    let list = open(compiled("count", 5, listed(&["evil.com"]), listed(&["ok.evil.com"])));
    let runner = runner(RunnerOptions::default(), &list);
    runner.check(&hosts(["evil.com", "ok.evil.com", "x.evil.com", "good.org"])).unwrap();
    let counters = runner.counters();
    assert_eq!(
        (counters.batches, counters.observables, counters.hits, counters.suppressed),
        (1, 4, 2, 1)
    );
    assert_eq!((counters.generation, counters.loads, counters.instances), (Some(5), 1, 1));
    assert!(counters.nanoseconds > 0);
    runner.load(list).unwrap();
    assert_eq!(runner.counters().loads, 1, "the same blacklist is not loaded twice");
}
