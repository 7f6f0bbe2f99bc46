//! Measures the steps from a blacklist's file to the first answer. `make bench` runs `cargo bench
//! --workspace --bench start -- BLACKLIST...`. It prints one JSON object for each file: the medians
//! over rounds in milliseconds.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and may end at the first fault"
)]

use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use threatsieve_blacklist::{Batch, Blacklist, Kind};
use threatsieve_runner::{MemoryFile, Runner, RunnerOptions};

/// The number of rounds of which the median is taken.
const ROUNDS: usize = 15;
const STEPS: [&str; 4] = ["copied into memory", "verified", "mapped and proved", "first answer"];

/// Returns the milliseconds of each step.
fn start(path: &str) -> [f64; STEPS.len()] {
    let mut times = [0.0; STEPS.len()];
    let mut last = Instant::now();
    let mut lap = |step: usize| {
        let now = Instant::now();
        times[step] = (now - last).as_secs_f64() * 1e3;
        last = now;
    };
    let source = File::open(path).unwrap();
    let file = MemoryFile::read(&source, source.metadata().unwrap().len()).unwrap();
    lap(0);
    let blacklist = Arc::new(Blacklist::open(file, None).unwrap());
    lap(1);
    let runner = Runner::new(RunnerOptions::default()).unwrap();
    runner.load(blacklist).unwrap();
    lap(2);
    let mut batch = Batch::new();
    batch.push(Kind::Host, b"www.example.org");
    runner.check(&batch).unwrap();
    lap(3);
    times
}

fn main() {
    // `cargo bench` adds `--bench`.
    for path in std::env::args().skip(1).filter(|argument| !argument.starts_with("--")) {
        let rounds: Vec<_> = (0..ROUNDS).map(|_| start(&path)).collect();
        let median = |step: usize| {
            let mut times: Vec<f64> = rounds.iter().map(|times| times[step]).collect();
            times.sort_by(f64::total_cmp);
            times[ROUNDS / 2]
        };
        let steps: Vec<String> = (0..STEPS.len())
            .map(|step| format!("\"{}\":{:.2}", STEPS[step], median(step)))
            .collect();
        println!("{{{}}}", steps.join(","));
    }
}
