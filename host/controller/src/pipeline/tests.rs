//! Scans with a matcher that gives no answer for some lines.

use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use threatsieve_blacklist::{
    Batch, Blacklist, CompileOptions, Compiler, Indicator, IndicatorId, Kind, Policy, Timestamp,
    UrlMode, Value,
};
use threatsieve_log::{Fields, Format};
use threatsieve_runner::{CheckError, MemoryFile, Runner, RunnerOptions};

use super::*;
use crate::output::Done;
use crate::sources::{self, Chunks, Input, Waiting};

/// Size of a page of WebAssembly memory.
const PAGE_BYTES: usize = 64 * 1024;

fn blacklist() -> Arc<Blacklist<MemoryFile>> {
    let mut compiler = Compiler::new(CompileOptions::default()).unwrap();
    let feed = compiler.feed("test").unwrap();
    let value = Value::from_list("evil.com", UrlMode::Exact).unwrap();
    compiler
        .block(feed, Indicator::new(IndicatorId::Line(1), vec![value]), &mut |_| panic!())
        .unwrap();
    let bytes = compiler.finish().unwrap().into_bytes();
    Arc::new(Blacklist::open(MemoryFile::copy_of(&bytes).unwrap(), None).unwrap())
}

/// A value of maximum length, with its line end.
fn long() -> String {
    format!("{}\n", "a".repeat(65_535))
}

/// A matcher with little memory. It answers for short values, but never for a value of maximum
/// length.
fn short_of_memory() -> Matcher {
    let blacklist = blacklist();
    let check = |matcher: &Matcher, value: &str| {
        let mut batch = Batch::new();
        assert!(batch.push(Kind::Host, value.as_bytes()));
        matcher.check(&batch)
    };
    for pages in 1..1024 {
        let runner = Runner::new(RunnerOptions {
            memory_ceiling_bytes: pages * PAGE_BYTES,
            instances: 1,
            ..RunnerOptions::default()
        });
        let runner = runner.unwrap();
        if runner.load(Arc::clone(&blacklist)).is_err() {
            continue;
        }
        let matcher = Matcher::loaded(runner, Arc::clone(&blacklist), Policy::default());
        if check(&matcher, "evil.com").is_ok() {
            let error = check(&matcher, long().trim_end()).unwrap_err();
            assert!(matches!(error, CheckError::MemoryCeiling { .. }), "{error:?}");
            return matcher;
        }
    }
    panic!("the matcher answers with no memory below 64 MiB");
}

/// Scans a log with one value per line. Returns the numbers of the lines that matched, and the
/// counts.
fn scan(matcher: &Matcher, log: &str) -> (Vec<u64>, Tally) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), log).unwrap();
    let render: Collect<Vec<u8>> = |event, text| writeln!(text, "{}", event.number).unwrap();
    let times = Times { at: None, now: Timestamp(0), oldest: None };
    let (mut text, mut tally) = (Vec::new(), Tally::default());
    let (done, stop) = (Arc::new(Done::default()), AtomicBool::new(false));
    let pipeline = Pipeline { matcher, times, threads: 1, done: &done, stop: &stop };
    let input = Input::File(file.path().to_owned());
    pipeline.run(
        Some(render),
        |intake| {
            let decoder = sources::open(&input, Waiting::Silently).unwrap();
            let log = Log {
                name: "log",
                chunks: Chunks::new(decoder.take(u64::MAX)),
                format: Some(Format::Lines),
                detected: None,
                fields: &Fields::default(),
                header: &[],
                takes_partial: true,
            };
            assert!(matches!(intake.read(log, None), Cut::Whole));
        },
        |report: Report<Vec<u8>>| {
            text.extend(report.collected);
            tally.merge(report.tally);
            ControlFlow::Continue(())
        },
    );
    let numbers =
        String::from_utf8(text).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    (numbers, tally)
}

#[test]
fn only_the_line_that_gets_no_answer_goes_unchecked() {
    let matcher = short_of_memory();
    let some = "www.evil.com\ngood.example\nevil.com\n".repeat(1000);
    let (matched, tally) = scan(&matcher, &(some.clone() + &long() + &some));
    let expected: Vec<u64> =
        (1..=3000).chain(3002..=6001).filter(|n| (n - n / 3001) % 3 != 2).collect();
    assert_eq!(matched, expected);
    assert_eq!((tally.lines, tally.events, tally.unchecked.count), (6001, 4000, 1));
    let example = &tally.unchecked.first[0];
    assert!(example.line == 3001 && example.text.starts_with("aaaa"), "{example:?}");
    assert!(example.reason.contains("asked for more than"), "{}", example.reason);
}

#[test]
fn a_matcher_that_answers_nothing_is_not_asked_for_every_line() {
    let matcher = short_of_memory();
    let before = matcher.batches();
    let (matched, tally) = scan(&matcher, &long().repeat(400));
    assert_eq!((matched.len(), tally.lines, tally.unchecked.count), (0, 400, 400));
    // One call for each batch of four or five lines, and the first calls, which isolate lines.
    let calls = matcher.batches() - before;
    assert!((100..250).contains(&calls), "{calls}");
}

#[test]
fn after_many_failures_a_success_counts_again() {
    let matcher = short_of_memory();
    let some = "evil.com\n".repeat(5000);
    let (matched, tally) = scan(&matcher, &(long().repeat(60) + &some + &long() + &some));
    assert_eq!(tally.events + tally.unchecked.count, 10_061);
    // Some lines next to the first failures are unchecked too. Later, only the long line is.
    let late: Vec<u64> = matched.into_iter().filter(|line| *line > 60 + 2048).collect();
    assert_eq!(late, (60 + 2049..=10_061).filter(|line| *line != 5061).collect::<Vec<_>>());
}
