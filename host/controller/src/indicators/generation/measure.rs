//! How long a large state takes; run by `python -m tests.bench store`.

use std::time::Instant;

use threatsieve_blacklist::{DomainMode, Indicator, IndicatorId, Value};

use super::tests::Bench;
use super::*;
use crate::config::Feed;
use crate::store::Delivered;

/// Indicators that each round changes.
const CHANGED: usize = 1000;

fn count() -> usize {
    std::env::var("THREATSIEVE_BENCH_INDICATORS").map_or(1_000_000, |count| count.parse().unwrap())
}

/// The most memory that this process ever had, in MB.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1000
}

/// A name that is as long as names are, in no order.
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
    let id =
        format!("indicator--{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
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
    println!(
        "{what}: put {:.2} s, finish {:.2} s, build {:.2} s ({built:?}), together {:.2} s; peak {} MB",
        read.as_secs_f64(),
        (ingested - read).as_secs_f64(),
        (start.elapsed() - ingested).as_secs_f64(),
        start.elapsed().as_secs_f64(),
        peak_mb()
    );
}

fn unchanged(bench: &mut Bench) {
    let start = Instant::now();
    bench.store.feed_unchanged("a", bench.now, None).unwrap();
    let built = bench.build();
    println!("nothing new: {:.4} s ({built:?})", start.elapsed().as_secs_f64());
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
    round(&mut bench, "list, changed", "a", Delivered::Whole, &mut (CHANGED..count + CHANGED).map(line));
}

#[test]
#[ignore = "a measurement: `python -m tests.bench store` runs it"]
fn rounds_of_a_collection() {
    let count = count();
    let mut bench = Bench::new();
    round(&mut bench, "collection, first load", "a", Delivered::Part, &mut (0..count).map(stix));
    bench.log();
    unchanged(&mut bench);
    round(&mut bench, "collection, changed", "a", Delivered::Part, &mut (count..count + CHANGED).map(stix));
    let start = Instant::now();
    let active = bench.active();
    println!("opened: {:.2} s, {} entries", start.elapsed().as_secs_f64(), active.entries(Role::Block));
    let start = Instant::now();
    let query = crate::store::Query { text: Some("nothing like it".into()), limit: 10, ..Default::default() };
    bench.store.search(&query, bench.now).unwrap();
    println!("searched: {:.2} s", start.elapsed().as_secs_f64());
}
