//! The memory that instances take.

use std::process::Command;
use std::sync::Barrier;
use std::time::Instant;

use threatsieve_runner::{Runner, RunnerOptions};

use crate::common::{hosts, large};

const INSTANCES: usize = 16;
/// 32 bytes each: an image of about 100 MB.
const ENTRIES: u32 = 3_200_000;
const CHILD: &str = "THREATSIEVE_TEST_CHILD";

/// Reads a line of this process's `smaps_rollup`, in kB. The resident set would count shared pages
/// in full.
fn kilobytes(field: &str) -> usize {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Runs in its own process. Otherwise other tests' memory would be counted too.
#[test]
fn sixteen_instances_share_the_blacklist() {
    if std::env::var_os(CHILD).is_some() {
        return measure();
    }
    for signal_traps in ["true", "false"] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "memory::sixteen_instances_share_the_blacklist", "--nocapture"])
            .env(CHILD, signal_traps)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "signal traps {signal_traps}: {text}{errors}");
        assert!(text.contains("1 passed") && text.contains("an instance:"), "{text}");
        println!("signal traps {signal_traps}: {text}");
    }
}

fn measure() {
    let signal_traps = std::env::var(CHILD).unwrap() == "true";
    let blacklist = large(1, ENTRIES);
    let image = blacklist.guest_image().len();
    assert!(image > 95_000_000, "{image}");
    let runner = Runner::new(RunnerOptions {
        signal_traps,
        instances: INSTANCES,
        ..RunnerOptions::default()
    })
    .unwrap();
    let start = Instant::now();
    runner.load(blacklist.clone()).unwrap();
    println!("image of {image} bytes loaded in {:?}", start.elapsed());
    ask_at_once(&runner, 1);
    let before = [kilobytes("Private_Dirty:"), kilobytes("Pss:")];
    let (start, made) = (Instant::now(), runner.counters().instances);
    ask_at_once(&runner, INSTANCES);
    let made = runner.counters().instances - made;
    println!("{made} further instances made and asked in {:?}", start.elapsed());
    let [dirty, pss] =
        [kilobytes("Private_Dirty:") - before[0], kilobytes("Pss:").saturating_sub(before[1])];
    println!(
        "{made} further instances: {dirty} kB private, {pss} kB proportional; an instance: {} kB",
        dirty / made as usize
    );
    assert_eq!(made as usize, INSTANCES - 1);
    // 116 kB for the component's own data, and the memory for a batch.
    assert!(dirty <= made as usize * 200, "{dirty} kB private for {made} instances");
    assert!(pss <= made as usize * 200, "{pss} kB proportional for {made} instances");
}

/// Lets `n` threads ask at the same time until each has had its own instance.
fn ask_at_once(runner: &Runner, n: usize) {
    let barrier = Barrier::new(n);
    // An ordinary bulk request: a thousand observables, few hits.
    let names: Vec<_> = (0..1024)
        .map(|n| format!("www{n}.{}.com", if n % 100 == 0 { "evil" } else { "good" }))
        .collect();
    let batch = hosts(names.iter().map(String::as_str));
    std::thread::scope(|scope| {
        for _ in 0..n {
            scope.spawn(|| {
                loop {
                    barrier.wait();
                    for _ in 0..200 {
                        assert_eq!(runner.check(&batch).unwrap().hits.len(), 11);
                    }
                    // No thread asks between this and the next start. So all see the same count,
                    // and all continue or none.
                    barrier.wait();
                    if runner.counters().instances >= n as u64 {
                        break;
                    }
                }
            });
        }
    });
}

/// Memory does not grow with the number of calls.
#[test]
fn calls_leave_nothing_behind() {
    let blacklist = crate::common::blacklist("leak", 1, &["evil.com"]);
    // The largest batch fits about three times.
    let options =
        RunnerOptions { memory_ceiling_bytes: 8 << 20, instances: 1, ..RunnerOptions::default() };
    let runner = crate::common::runner(options, &blacklist);
    let batch = hosts(std::iter::repeat_n("evil.com", 20_000));
    for _ in 0..500 {
        assert_eq!(runner.check(&batch).unwrap().hits.len(), 20_000);
    }
    assert_eq!(runner.counters().instances, 1, "no instance ran into the ceiling");
}
