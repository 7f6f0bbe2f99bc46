//! Tests that end the program at any point.

use super::world::{EVIL, World, indicator, request, requests};

/// A log of several pieces with few matches, so that some transactions store positions and others
/// store matches.
fn large(hits: &[u64]) -> String {
    (0..60_000)
        .map(|n| request(if hits.contains(&n) { EVIL } else { "good.example" }, n) + "\n")
        .collect()
}

#[test]
fn a_kill_in_any_transaction_loses_and_repeats_nothing() {
    let hits = [0, 1, 7_000, 20_000, 20_001, 33_333, 59_999];
    let text = large(&hits);
    let wanted: Vec<_> = hits.iter().map(|&number| request(EVIL, number)).collect();
    for change in [
        "INSERT ON events",
        "INSERT ON matches",
        "INSERT ON outbox_records",
        "UPDATE OF offset ON files",
        "UPDATE OF settled ON files",
        "INSERT ON files",
    ] {
        for n in 1..=8 {
            let mut world = World::new();
            world.append("access.log", &text);
            world.wait();
            world.fail_at(n, change);
            let killed = world.try_follow().is_err();
            world.restart();
            world.follow();
            assert_eq!(world.flagged(), wanted, "{change} {n}");
            let _ = world.follow_idle();
            assert!(killed || n > 1, "{change} never happens");
        }
    }
}

#[test]
fn a_stop_between_pieces_goes_on_there() {
    let hits = [0, 20_000, 40_000, 59_999];
    let mut world = World::new();
    world.append("access.log", &large(&hits));
    world.append("access.log.1", &large(&[]).replace("10.1.2.3", "10.9.9.9"));
    world.wait();
    let (mut flagged, mut rounds, mut lines) = (Vec::new(), 0, 0);
    loop {
        world.stop.request();
        let report = world.follow();
        flagged.extend(world.flagged());
        lines += report.counts.lines;
        rounds += 1;
        world.restart();
        if !report.stopped {
            break;
        }
        assert!(report.counts.lines < 120_000);
    }
    assert!(rounds > 4, "{rounds}");
    assert_eq!(lines, 120_000);
    assert_eq!(flagged, hits.map(|number| request(EVIL, number)));
}

#[test]
fn a_kill_while_history_is_matched_loses_and_repeats_nothing() {
    let text = large(&[]).replacen("good.example/30000 ", "later.example/30000 ", 1);
    let text = text.replacen("good.example/59000 ", "later.example/59000 ", 1);
    for change in [
        "INSERT ON events",
        "INSERT ON outbox_records",
        "UPDATE OF done ON history",
        "DELETE ON history",
    ] {
        for n in 1..=3 {
            let mut world = World::new();
            world.append("access.log", &text);
            world.follow();
            world.list_more(&[indicator("indicator--2", "later.example")], 2);
            world.fail_at(n, change);
            let killed = world.try_history().is_err();
            world.restart();
            let report = world.history();
            assert_eq!(report.files_left, 0);
            assert_eq!(
                world.flagged(),
                [request("later.example", 30_000), request("later.example", 59_000)]
            );
            assert_eq!(world.history().files, 0);
            assert!(killed || n > 1, "{change} never happens");
        }
    }
}

#[test]
fn files_that_end_differently_are_read_alike() {
    let mut world = World::new();
    world.append("access.log", "");
    world.append("access.log.1", "\n\n");
    world.append("access.log.2", &format!("\u{feff}{}", requests(EVIL, 0..1)));
    world.follow();
    world.append("access.log.2", &requests(EVIL, 1..2));
    world.follow();
    assert_eq!(world.flagged(), [request(EVIL, 0), request(EVIL, 1)]);
    world.follow_idle();
}
