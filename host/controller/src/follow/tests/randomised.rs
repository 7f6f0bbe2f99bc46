//! Tests random changes to the logs in random order: each matching line is flagged once.

use std::collections::BTreeMap;
use std::fs;

use super::world::{EVIL, World, request};

/// Rotated files, newest first: `access.log.1`, `access.log.2.gz`, ...
struct Rotated(Vec<String>);

impl Rotated {
    /// Renames each file to the next number, and returns the free name.
    fn shift(&mut self, world: &World) -> String {
        for number in (0..self.0.len()).rev() {
            let suffix = if self.0[number].ends_with(".gz") { ".gz" } else { "" };
            let name = format!("access.log.{}{suffix}", number + 2);
            world.rename(&self.0[number], &name);
            self.0[number] = name;
        }
        self.0.insert(0, "access.log.1".into());
        "access.log.1".into()
    }
}

fn run(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut world = World::new();
    let mut rotated = Rotated(Vec::new());
    let (mut number, mut wanted) = (0, BTreeMap::<String, u32>::new());
    let mut flagged = BTreeMap::<String, u32>::new();
    // A line of which only the first part is written.
    let mut rest: Option<String> = None;
    for _ in 0..40 {
        for _ in 0..random.u32(0..4) {
            match random.u32(0..10) {
                0 if rest.is_none() && exists(&world) => {
                    let free = rotated.shift(&world);
                    world.rename("access.log", &free);
                }
                1 if rest.is_none() && exists(&world) => {
                    let free = rotated.shift(&world);
                    world.copy_truncate("access.log", &free);
                }
                2 if !rotated.0.is_empty() => {
                    let at = random.usize(0..rotated.0.len());
                    if !rotated.0[at].ends_with(".gz") {
                        world.gzip(&rotated.0[at]);
                        rotated.0[at] += ".gz";
                    }
                }
                _ => {
                    let mut text = rest.take().unwrap_or_default();
                    if text.is_empty() && !exists(&world) && random.bool() {
                        // Many logs begin with the same line, and some contain nothing else for a
                        // while.
                        text += "# a header that all of them have\n";
                        if random.bool() {
                            world.append("access.log", &text);
                            continue;
                        }
                    }
                    for _ in 0..random.u32(1..60) {
                        let host = if random.u32(0..5) == 0 { EVIL } else { "good.example" };
                        let line = request(host, number);
                        if host == EVIL {
                            *wanted.entry(line.clone()).or_default() += 1;
                        }
                        text += &line;
                        text += "\n";
                        number += 1;
                    }
                    if random.u32(0..4) == 0 {
                        rest = Some(text.split_off(text.len() - random.usize(1..50)));
                    }
                    world.append("access.log", &text);
                }
            }
        }
        if random.u32(0..4) == 0 {
            let change =
                ["UPDATE OF offset ON files", "INSERT ON outbox_records", "INSERT ON files"];
            world.fail_at(random.u32(1..4), change[random.usize(0..change.len())]);
            let _ = world.try_follow();
            world.restart();
        } else {
            world.follow();
        }
        if random.u32(0..3) == 0 {
            world.fail_at(random.u32(1..3), "DELETE ON outbox_records");
            let _ = crate::sinks::output_file::drain(&world.config.output, &mut world.store);
            world.restart();
        }
    }
    world.append("access.log", &rest.take().unwrap_or_default());
    world.wait();
    world.follow();
    world.drain();
    for record in world.records() {
        assert_eq!(record["threatsieve"]["kind"], "flag", "seed {seed}");
        *flagged.entry(record["event"]["original"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(flagged, wanted, "seed {seed}");
}

fn exists(world: &World) -> bool {
    fs::metadata(world.log("access.log")).is_ok_and(|metadata| metadata.len() > 0)
}

#[test]
fn each_matching_line_is_flagged_once_whatever_happens_to_the_files() {
    let first = crate::seed::seed();
    for seed in first..first + 24 {
        run(seed);
    }
}
