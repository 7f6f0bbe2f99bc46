//! Measures rounds with a large state: a line of JSON for each round. `python -m tests.bench store`
//! runs it.
#![expect(clippy::print_stdout, reason = "a measurement's output")]

use std::time::{Duration, Instant};

use threatsieve_blacklist::{DomainMode, Indicator, IndicatorId, Value};

use super::tests::Bench;
use super::*;
use crate::config::Feed;
use crate::store::Delivered;

/// Number of indicators that each round changes.
const CHANGED: usize = 1000;

fn count() -> usize {
    std::env::var("THREATSIEVE_BENCH_INDICATORS").map_or(1_000_000, |count| count.parse().unwrap())
}

/// Peak memory of this process, in MB.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1000
}

/// A name of usual length. Successive numbers give names in random order.
fn name(number: usize) -> String {
    let mixed = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("host-{:x}.{:x}.example", mixed >> 40, mixed & 0xff_ffff)
}

fn line(number: usize) -> Indicator {
    let value = Value::domain(&name(number), DomainMode::AtAndBelow).unwrap();
    Indicator::new(IndicatorId::Line(1), vec![value])
}

fn stix(number: usize) -> Indicator {
    let mixed = (number as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let hex = format!("{mixed:032x}");
    let id = format!(
        "indicator--{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    );
    let modified = Some(Timestamp(1_700_000_000_000_000 + number as i64));
    let value = Value::domain(&name(number), DomainMode::AtAndBelow).unwrap();
    Indicator {
        modified,
        valid_from: modified,
        confidence: Some(80),
        name: Some(format!("Malicious host {number}")),
        types: vec!["malicious-activity".into()],
        ..Indicator::new(IndicatorId::Stix(id), vec![value])
    }
}

/// Prints the seconds that each step of a round took.
fn print_times(what: &str, steps: &[(&str, Duration)]) {
    let seconds = steps.iter().map(|(step, time)| ((*step).to_owned(), time.as_secs_f64().into()));
    let mut line: serde_json::Map<_, _> = seconds.collect();
    line.insert("round".to_owned(), what.into());
    line.insert("indicators".to_owned(), count().into());
    line.insert("peak_mb".to_owned(), peak_mb().into());
    println!("{}", serde_json::Value::Object(line));
}

fn round(
    bench: &mut Bench,
    what: &str,
    feed: &str,
    delivered: Delivered,
    each: &mut dyn Iterator<Item = Indicator>,
) {
    let feed: Feed = bench.feed(feed).clone();
    let start = Instant::now();
    let mut ingest = bench.store.ingest(&feed, bench.now).unwrap();
    each.for_each(|one| ingest.put(one).unwrap());
    let read = start.elapsed();
    ingest.finish(delivered, None, false).unwrap();
    let ingested = start.elapsed();
    let built = bench.build();
    print_times(
        what,
        &[
            ("put", read),
            ("finish", ingested - read),
            ("build", start.elapsed() - ingested),
            ("together", start.elapsed()),
        ],
    );
    assert!(!matches!(built, Built::Held(_)));
}

fn unchanged(bench: &mut Bench) {
    let start = Instant::now();
    bench.store.feed_unchanged("a", bench.now, None).unwrap();
    let built = bench.build();
    assert_eq!(built, Built::Unchanged);
    print_times("nothing new", &[("together", start.elapsed())]);
}

#[test]
#[ignore = "a measurement: `python -m tests.bench store` runs it"]
fn rounds_of_a_list() {
    let count = count();
    let mut bench = Bench::new();
    round(&mut bench, "list, first load", "a", Delivered::Whole, &mut (0..count).map(line));
    bench.log();
    unchanged(&mut bench);
    round(&mut bench, "list, the same", "a", Delivered::Whole, &mut (0..count).map(line));
    round(
        &mut bench,
        "list, changed",
        "a",
        Delivered::Whole,
        &mut (CHANGED..count + CHANGED).map(line),
    );
}

#[test]
#[ignore = "a measurement: `python -m tests.bench store` runs it"]
fn rounds_of_a_collection() {
    let count = count();
    let mut bench = Bench::new();
    round(&mut bench, "collection, first load", "a", Delivered::Part, &mut (0..count).map(stix));
    bench.log();
    unchanged(&mut bench);
    round(
        &mut bench,
        "collection, changed",
        "a",
        Delivered::Part,
        &mut (count..count + CHANGED).map(stix),
    );
    let start = Instant::now();
    let active = bench.active();
    assert_eq!(active.entries(Role::Block), (count + CHANGED) as u64);
    print_times("opened", &[("together", start.elapsed())]);
    let start = Instant::now();
    let query = crate::store::Query {
        text: Some("nothing like it".into()),
        limit: 10,
        ..Default::default()
    };
    bench.store.search(&query, bench.now).unwrap();
    print_times("searched", &[("together", start.elapsed())]);
}
