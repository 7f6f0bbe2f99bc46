//! Tests of matching stored lines again.

use std::fs;
use std::time::Duration;

use super::world::{EVIL, NOW, World, indicator, request, requests, touch};

/// A log line that is `days` days old.
fn aged(host: &str, number: u64, days: i64) -> String {
    let line = request(host, number)
        .replace(&(NOW - 1000).to_string(), &(NOW - days * 24 * 3600).to_string());
    line + "\n"
}

#[test]
fn new_indicators_flag_old_lines_newest_file_first() {
    let mut world = World::new();
    for (name, number, days) in
        [("access.log.2", 2, 5), ("access.log.1", 1, 2), ("access.log", 0, 1)]
    {
        world.append(name, &(aged("later.example", number, days) + &aged(EVIL, 10 + number, days)));
    }
    world.follow();
    assert_eq!(world.flagged().len(), 3);
    world.list_more(
        &[indicator("indicator--1", EVIL), indicator("indicator--2", "later.example")],
        2,
    );
    world.gzip("access.log.2");
    world.follow_idle();
    world.append("access.log", &aged("later.example", 50, 0));
    world.follow();
    assert_eq!(world.flagged().len(), 1);
    let report = world.history();
    assert_eq!((report.files_left, report.files, report.counts.events), (0, 3, 3));
    let flagged = world.flagged();
    let numbers: Vec<_> = flagged
        .iter()
        .map(|line| line.split('/').nth(4).unwrap().split(' ').next().unwrap())
        .collect();
    assert_eq!(numbers, ["0", "1", "2"]);
    let record = world.records().pop().unwrap();
    assert_eq!(record["threatsieve"]["historic"], true);
    assert_eq!(record["threatsieve"]["generation"]["main"], 2);
    assert_eq!(world.history().files, 0);
}

#[test]
fn an_event_flagged_before_gets_an_addition() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..1));
    world.follow();
    world.flagged();
    world.list_more(
        &[
            indicator("indicator--1", EVIL),
            indicator("indicator--2", "www.evil.example"),
            indicator("indicator--3", EVIL),
        ],
        2,
    );
    world.history();
    assert_eq!(world.flagged(), [""; 0]);
    let records = world.records();
    assert_eq!(records.len(), 2);
    assert_eq!(records[1]["threatsieve"]["kind"], "addition");
    assert_eq!(records[1]["threatsieve"]["id"], records[0]["threatsieve"]["id"]);
    let enrichments = records[1]["threat"]["enrichments"].as_array().unwrap();
    assert_eq!(enrichments.len(), 1);
    assert_eq!(enrichments[0]["indicator"]["id"], "indicator--3");
}

#[test]
fn without_time_left_it_goes_on_in_the_next_round() {
    let mut world = World::new();
    let text: String = (0..60_000).map(|n| request("later.example", n) + "\n").collect();
    world.append("access.log", &text);
    world.follow();
    world.list_more(&[indicator("indicator--2", "later.example")], 2);
    world.config.history.budget = Duration::ZERO;
    assert_eq!(world.history().files_left, 1);
    world.config.history.budget = Duration::from_millis(1);
    let mut rounds = 0;
    while world.history().files_left > 0 {
        rounds += 1;
        assert!(rounds < 1000);
    }
    assert_eq!(world.flagged(), text.lines().collect::<Vec<_>>());
}

#[test]
fn what_is_too_old_or_gone_does_not_match() {
    let mut world = World::new();
    world.append("access.log", &(aged("later.example", 0, 29) + &aged("later.example", 1, 28)));
    world.append("access.log.1", &aged("later.example", 2, 27));
    world.append("access.log.2", &aged("later.example", 3, 26));
    world.follow();
    world.list_more(&[indicator("indicator--2", "later.example")], 2);
    // One and a half days later.
    world.now.0 += 36 * 3600 * 1_000_000;
    fs::remove_file(world.log("access.log.1")).unwrap();
    touch(&world.log("access.log.2"), NOW + 1);
    world.follow();
    let report = world.history();
    assert_eq!((report.missed, report.files, report.files_left), (1, 2, 1));
    let lines = [aged("later.example", 3, 26), aged("later.example", 1, 28)];
    assert_eq!(world.flagged(), lines.map(|line| line.trim_end().to_owned()));
}

#[test]
fn what_is_forgotten_is_old_and_told() {
    let mut world = World::new();
    world.append("access.log", &(aged(EVIL, 0, 20) + &aged(EVIL, 1, 1)));
    world.append("access.log.1", &aged(EVIL, 2, 20));
    world.follow();
    fs::remove_file(world.log("access.log.1")).unwrap();
    world.follow_idle();
    let before = threatsieve_blacklist::Timestamp((NOW - 10 * 24 * 3600) * 1_000_000);
    world.store.connection().execute("UPDATE matches SET told = 0", []).unwrap();
    assert_eq!(world.prune(before), 0);
    world.store.connection().execute("UPDATE matches SET told = 1", []).unwrap();
    assert_eq!(world.prune(before), 2);
    let count = |table: &str| -> i64 {
        world
            .store
            .connection()
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
            .unwrap()
    };
    // The file that is gone was written to within the window.
    assert_eq!((count("events"), count("matches"), count("files")), (1, 1, 2));
    let later = threatsieve_blacklist::Timestamp((NOW + 1) * 1_000_000);
    world.prune(later);
    let left: i64 = world
        .store
        .connection()
        .query_row("SELECT count(*) FROM files", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 1);
}

#[test]
fn a_log_that_is_away_for_a_round_is_matched_when_it_is_back() {
    let mut world = World::new();
    world.append("access.log", &aged("later.example", 0, 1));
    world.append("access.log.1", &aged("later.example", 1, 2));
    world.follow();
    world.list_more(&[indicator("indicator--2", "later.example")], 2);
    fs::rename(world.log("access.log"), world.folder.path().join("away")).unwrap();
    world.follow_idle();
    let report = world.history();
    assert_eq!((report.files, report.files_left, report.missed, report.newly_missed), (1, 1, 1, 0));
    assert_eq!(world.flagged(), [aged("later.example", 1, 2).trim_end()]);
    let report = world.history();
    assert_eq!((report.files, report.missed, report.newly_missed), (0, 1, 0));
    let missed = world.store.history_state().unwrap().missed;
    assert_eq!((missed.len(), missed[0].reason.as_str()), (1, "the file is gone"));
    fs::rename(world.folder.path().join("away"), world.log("access.log")).unwrap();
    world.follow_idle();
    let report = world.history();
    assert_eq!((report.files, report.files_left), (1, 0));
    assert_eq!(world.flagged(), [aged("later.example", 0, 1).trim_end()]);
    // A file that does not come back is dropped once it is too old to match.
    world.list_more(&[indicator("indicator--2", "later.example")], 3);
    fs::remove_file(world.log("access.log")).unwrap();
    world.follow_idle();
    assert_eq!(world.history().missed, 1);
    world.now.0 += 31 * 24 * 3600 * 1_000_000;
    assert_eq!(world.history().files_left, 0);
}

#[test]
fn a_change_during_a_pass_starts_no_file_from_the_front() {
    let mut world = World::new();
    let text: String = (0..60_000).map(|n| request("later.example", n) + "\n").collect();
    world.append("access.log", &text);
    world.follow();
    world.list_more(&[indicator("indicator--2", "later.example")], 2);
    world.config.history.budget = Duration::ZERO;
    let lines = world.history().counts.lines;
    assert!(lines > 0 && lines < 60_000);
    // Everything is due again: first the rest of the file, then the part that was matched before.
    world.list_more(&[indicator("indicator--3", "later.example")], 3);
    world.config.history.budget = Duration::from_secs(600);
    // Both passes are done in one round, because there is time.
    let report = world.history();
    assert_eq!((report.counts.lines, report.files_left, report.files), (60_000, 0, 1));
    world.drain();
    let by =
        |id: &str| world.records().iter().filter(|record| record.to_string().contains(id)).count();
    assert_eq!((by("indicator--2"), by("indicator--3")), (lines as usize, 60_000));
}

#[test]
fn lines_are_judged_when_they_are_stored() {
    let evil = [indicator("indicator--1", EVIL), indicator("indicator--2", EVIL)];
    let kinds = |world: &mut World| -> Vec<usize> {
        world.drain();
        let records = world.records();
        let enrichments = records.iter().map(|record| record["threat"]["enrichments"].as_array());
        enrichments.map(|enrichments| enrichments.map_or(0, Vec::len)).collect()
    };
    for is_historic in [false, true] {
        // Retracted by value, by id, or revoked by its publisher, after the blacklist was made.
        for (what, wanted) in [("value", vec![]), ("id", vec![1]), ("revoked", vec![1])] {
            let mut world = World::new();
            world.append("access.log", &requests(EVIL, 0..1));
            if is_historic {
                world.list(&[], 2);
                world.follow();
                world.list_more(&evil, 3);
            } else {
                world.list(&evil, 2);
            }
            match what {
                "value" => {
                    world.store.retract(EVIL, "ours", world.now).unwrap();
                }
                "id" => {
                    world.store.retract("indicator--1", "ours", world.now).unwrap();
                }
                _ => {
                    let feed = crate::store::ingest::tests::feed("feed");
                    let mut ingest = world.store.ingest(&feed, world.now).unwrap();
                    ingest.revoke("indicator--2", None).unwrap();
                    ingest.finish(crate::store::Delivered::Part, None, false).unwrap();
                }
            }
            world.follow();
            world.history();
            assert_eq!(kinds(&mut world), wanted, "{what} {is_historic}");
        }
    }
}

#[test]
fn nothing_is_stored_by_a_blacklist_that_is_not_in_use_any_more() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..1));
    let old = std::sync::Arc::clone(&world.matcher);
    world.list(&[indicator("indicator--9", EVIL)], 2);
    let new = std::mem::replace(&mut world.matcher, old);
    let error = format!("{:#}", world.try_follow().unwrap_err());
    assert!(error.contains("expected generation 1 to be in use still, got 2"), "{error}");
    world.matcher = new;
    world.follow();
    world.drain();
    assert!(world.records()[0].to_string().contains("indicator--9"));
}
