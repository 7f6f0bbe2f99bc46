//! Stored lines, matched again.

use std::fs;
use std::time::Duration;

use super::world::{EVIL, NOW, World, indicator, matcher, request, requests, touch};

/// A line of that many days ago.
fn aged(host: &str, number: u64, days: i64) -> String {
    let line =
        request(host, number).replace(&(NOW - 1000).to_string(), &(NOW - days * 24 * 3600).to_string());
    line + "\n"
}

#[test]
fn new_indicators_flag_old_lines_newest_file_first() {
    let mut world = World::new();
    for (name, number, days) in [("access.log.2", 2, 5), ("access.log.1", 1, 2), ("access.log", 0, 1)] {
        world.append(name, &(aged("later.example", number, days) + &aged(EVIL, 10 + number, days)));
    }
    world.follow();
    assert_eq!(world.flagged().len(), 3);
    world.add_history_job(&[indicator("indicator--2", "later.example")], 2);
    world.gzip("access.log.2");
    world.matcher =
        matcher(&[indicator("indicator--1", EVIL), indicator("indicator--2", "later.example")], 2);
    world.follow_idle();
    world.append("access.log", &aged("later.example", 50, 0));
    world.follow();
    assert_eq!(world.flagged().len(), 1);
    let report = world.history();
    assert_eq!((report.jobs_ended, report.jobs_left, report.files, report.counts.events), (1, 0, 3, 3));
    let flagged = world.flagged();
    let numbers: Vec<_> =
        flagged.iter().map(|line| line.split('/').nth(4).unwrap().split(' ').next().unwrap()).collect();
    assert_eq!(numbers, ["0", "1", "2"]);
    let record = world.records().pop().unwrap();
    assert_eq!(record["threatsieve"]["historic"], true);
    assert_eq!(record["threatsieve"]["generation"]["main"], 2);
    assert_eq!(world.history().jobs_ended, 0);
}

#[test]
fn an_event_flagged_before_gets_an_addition() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..1));
    world.follow();
    world.flagged();
    world.add_history_job(
        &[indicator("indicator--2", "www.evil.example"), indicator("indicator--3", EVIL)],
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
    world.add_history_job(&[indicator("indicator--2", "later.example")], 2);
    world.config.history.budget = Duration::ZERO;
    assert_eq!(world.history().jobs_left, 1);
    world.config.history.budget = Duration::from_millis(1);
    let mut rounds = 0;
    while world.history().jobs_left > 0 {
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
    world.add_history_job(&[indicator("indicator--2", "later.example")], 2);
    // One and a half days later.
    world.now.0 += 36 * 3600 * 1_000_000;
    fs::remove_file(world.log("access.log.1")).unwrap();
    touch(&world.log("access.log.2"), NOW + 1);
    world.follow();
    let report = world.history();
    assert_eq!((report.missed, report.files, report.jobs_left), (1, 2, 0));
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
    world.store.connection.execute("UPDATE matches SET told = 0", []).unwrap();
    assert_eq!(world.prune(before), 0);
    world.store.connection.execute("UPDATE matches SET told = 1", []).unwrap();
    assert_eq!(world.prune(before), 2);
    let count = |table: &str| -> i64 {
        world
            .store
            .connection
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
            .unwrap()
    };
    // The file that is gone was written to within the window.
    assert_eq!((count("events"), count("matches"), count("files")), (1, 1, 2));
    let later = threatsieve_blacklist::Timestamp((NOW + 1) * 1_000_000);
    world.prune(later);
    let left: i64 =
        world.store.connection.query_row("SELECT count(*) FROM files", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 1);
}
