//! The memory that blacklists take on a node. Measured in its own process, because other tests'
//! memory would be counted too.

use std::path::Path;
use std::process::Command;
use std::sync::Barrier;

use serde_json::json;
use threatsieve_blacklist::{CompileOptions, Compiler, Indicator, IndicatorId, Value};
use threatsieve_runner::MATCHER;

use super::world::{World, documents_with, node_json, processor};
use crate::budget::needed_bytes;

const CHILD: &str = "THREATSIEVE_TEST_CHILD";
const THREADS: usize = 16;
/// The digests of each of two generations, some 50 MB.
const ENTRIES: u32 = 800_000;
const LOADS: usize = 10;

#[test]
fn a_blacklist_is_in_memory_once() {
    if let Some(folder) = std::env::var_os(CHILD) {
        return measure(Path::new(&folder));
    }
    let folder = tempfile::TempDir::new().unwrap();
    for generation in 0..2 {
        std::fs::write(folder.path().join(generation.to_string()), digests(generation)).unwrap();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::memory::a_blacklist_is_in_memory_once", "--nocapture"])
        .env(CHILD, folder.path())
        .output()
        .unwrap();
    let (text, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}{errors}");
}

fn measure(folder: &Path) {
    let mut options = node_json();
    options["instances"] = json!(THREADS);
    let world = World::with(options, MATCHER);
    let before = kilobytes("smaps_rollup", "Pss:");
    // Resets the peak.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let resident = kilobytes("status", "VmRSS:");
    let path = folder.join("0");
    let file = path.metadata().unwrap().len();
    world.node.load("main", &path).unwrap();
    let peak = (kilobytes("status", "VmHWM:") - resident) * 1024;
    let loaded = world.node.blacklist("main").unwrap().runner.blacklist().unwrap();
    let needed = needed_bytes(&loaded);
    drop(loaded);
    assert!(peak <= needed, "peak of {peak} bytes, estimated {needed}");
    // The estimate is not far above the peak either; it would reject blacklists that fit.
    assert!(peak >= needed / 2, "peak of {peak} bytes, estimated {needed}");
    ask(&world);
    let held = |before: u64| (kilobytes("smaps_rollup", "Pss:") - before) * 1024;
    let first = held(before);
    assert!(first * 10 <= file * 13, "{first} bytes for {THREADS} threads, the file has {file}");
    for load in 1..=LOADS {
        world.node.load("main", &folder.join((load % 2).to_string())).unwrap();
        ask(&world);
    }
    let last = held(before);
    assert!(
        last <= first + first / 10,
        "{last} bytes after {LOADS} loads, {first} after the first"
    );
}

/// Lets as many threads ask at the same time as there are idle instances.
fn ask(world: &World) {
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                barrier.wait();
                for n in 0..50 {
                    let (bad, good) = (digest(0, n), digest(7, n));
                    let documents: [(&[&str], &str); 2] = [(&[&good], ""), (&[&bad, &good], "")];
                    let answer = world.check("main", &processor(), &documents).unwrap().unwrap();
                    assert_eq!(documents_with(&answer, "enrichments"), [1]);
                }
            });
        }
    });
}

/// Reads a value in `/proc/self`, in kB.
fn kilobytes(file: &str, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Generation 1 contains the digests of generation 0 and some of its own.
fn digests(generation: u32) -> Vec<u8> {
    let options = CompileOptions {
        name: "main".to_owned(),
        generation: generation.into(),
        ..CompileOptions::default()
    };
    let mut compiler = Compiler::new(options).unwrap();
    let feed = compiler.feed("test").unwrap();
    let own = (0..100 * generation).map(|n| (1, n));
    for (set, n) in (0..ENTRIES).map(|n| (0, n)).chain(own) {
        let indicator =
            Indicator::new(IndicatorId::Line(n), vec![Value::hash(&digest(set, n)).unwrap()]);
        compiler.block(feed, indicator, &mut |rejected| panic!("{rejected:?}")).unwrap();
    }
    compiler.finish().unwrap().into_bytes()
}

fn digest(set: u32, n: u32) -> String {
    let mixed = (u64::from(set) << 32 | u64::from(n)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{mixed:064x}")
}
