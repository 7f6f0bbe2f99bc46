//! Tests of the contents of records, and that each record is written once.

use std::fs;

use serde_json::json;
use threatsieve_blacklist::{Timestamp, Tlp};

use super::world::{EVIL, NOW, World, gzip, indicator, request, requests};
use crate::store::retraction::retract_matches;

#[test]
fn a_record_is_the_event_and_who_says_what() {
    let mut world = World::new();
    let mut known = indicator("indicator--7", EVIL);
    known.confidence = Some(85);
    known.tlp = Some(Tlp::Green);
    known.name = Some("Phishing kit".into());
    known.valid_from = Some(Timestamp((NOW - 5000) * 1_000_000));
    known.modified = Some(Timestamp((NOW - 4000) * 1_000_000));
    world.list(&[known.clone()], 3);
    world.append("access.log", &requests("www.evil.example", 5..6));
    world.follow();
    world.drain();
    let mut record = world.records().pop().unwrap();
    let id = record["threatsieve"]["id"].take();
    assert_eq!(id.as_str().unwrap().len(), 32);
    assert_eq!(record["event"]["original"], request("www.evil.example", 5));
    assert_eq!(record["log"], json!({ "file": { "path": world.log("access.log") }, "offset": 0 }));
    assert_eq!(record["source"]["ip"], "10.1.2.3");
    assert_eq!(record["indicator"], "matched");
    assert_eq!(
        record["threatsieve"],
        json!({
            "id": null,
            "kind": "flag",
            "generation": { "main": 3 },
            "historic": false,
            "confidence": [85],
        })
    );
    assert_eq!(
        record["threat"]["enrichments"],
        json!([{
            "indicator": {
                "id": "indicator--7",
                "type": "domain-name",
                "provider": "feed",
                "name": "Phishing kit",
                "confidence": "High",
                "marking": { "tlp": "GREEN" },
                "first_seen": "2026-11-22T01:07:05Z",
                "modified_at": "2026-11-22T01:23:45Z",
                "url": { "domain": EVIL },
            },
            "matched": {
                "atomic": "http://www.evil.example/5",
                "field": "url.original",
                "type": "subdomain",
                "occurred": "2026-11-22T02:13:45.005Z",
            },
            "feed": { "name": "feed" },
            "threatsieve": { "blacklist": "main" },
        }])
    );
}

#[test]
fn what_an_event_brings_along_is_kept_but_for_our_own() {
    let mut world = World::new();
    let line = json!({
        "@timestamp": "2026-11-22T02:00:00Z",
        "url": { "domain": EVIL },
        "event": { "original": "theirs", "kind": "event" },
        "threat": { "enrichments": [{ "feed": { "name": "other" } }] },
        "threatsieve": { "id": "forged" },
        "threatsieve.kind": "forged",
    });
    world.append("access.log", &format!("{line}\n"));
    world.follow();
    world.drain();
    let record = world.records().pop().unwrap();
    assert_eq!(record["event"], json!({ "original": "theirs", "kind": "event" }));
    assert_eq!(record["threat"]["enrichments"].as_array().unwrap().len(), 2);
    assert_eq!(record["threat"]["enrichments"][0]["feed"]["name"], "other");
    assert!(record.get("threatsieve.kind").is_none() && record["threatsieve"]["id"] != "forged");
}

#[test]
fn what_a_marking_forbids_to_write_is_counted_and_stays_unnamed() {
    let mut world = World::new();
    world.config.output.max_tlp = Tlp::Green;
    let mut secret = indicator("indicator--secret", EVIL);
    secret.tlp = Some(Tlp::Amber);
    world.list(&[secret.clone()], 1);
    world.append("access.log", &requests(EVIL, 0..1));
    world.follow();
    world.list(&[secret, indicator("indicator--open", EVIL)], 2);
    world.append("access.log", &requests(EVIL, 1..2));
    world.follow();
    let transaction = world.store.write().unwrap();
    assert_eq!(
        retract_matches(&transaction, "feed", "indicator--secret", None, "wrong", world.now)
            .unwrap(),
        2
    );
    assert_eq!(
        retract_matches(&transaction, "feed", "indicator--open", None, "wrong", world.now).unwrap(),
        1
    );
    assert_eq!(
        retract_matches(&transaction, "feed", "indicator--open", None, "wrong", world.now).unwrap(),
        0
    );
    transaction.commit().unwrap();
    world.drain();
    let text = fs::read_to_string(&world.config.output.file).unwrap();
    assert!(!text.contains("secret"), "{text}");
    let records = world.records();
    assert_eq!(records[0]["threatsieve"]["withheld"], 1);
    assert_eq!(records[0]["indicator"], "matched");
    assert!(records[0].get("threat").is_none());
    assert_eq!(records[1]["threatsieve"]["withheld"], 1);
    assert_eq!(records[1]["threat"]["enrichments"].as_array().unwrap().len(), 1);
    assert_eq!(records[2]["threatsieve"]["withheld"], 1);
    assert_eq!(records[4]["threatsieve"]["kind"], "retraction");
    assert_eq!(records[4]["threatsieve"]["indicator"], "indicator--open");
    assert_eq!(records[4]["threatsieve"]["id"], records[1]["threatsieve"]["id"]);
}

#[test]
fn what_holds_again_after_a_retraction_is_an_addition() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..1));
    world.follow();
    let transaction = world.store.write().unwrap();
    retract_matches(&transaction, "feed", "indicator--1", None, "wrong", world.now).unwrap();
    transaction.commit().unwrap();
    world.list_more(&[indicator("indicator--1", EVIL)], 2);
    world.history();
    world.drain();
    let kinds: Vec<_> =
        world.records().iter().map(|record| record["threatsieve"]["kind"].clone()).collect();
    assert_eq!(kinds, ["flag", "retraction", "addition"]);
}

#[test]
fn the_examples_in_the_documentation_are_records_of_this_program() {
    let mut world = World::new();
    let mut known = indicator("indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", EVIL);
    known.confidence = Some(85);
    known.tlp = Some(Tlp::Green);
    known.name = Some("Phishing kit".into());
    known.valid_from = Some(Timestamp((NOW - 5000) * 1_000_000));
    known.modified = Some(Timestamp((NOW - 4000) * 1_000_000));
    let later = indicator("www.evil.example", "www.evil.example");
    world.list(&[known.clone()], 3);
    world.append("access.log", &requests("www.evil.example", 5..6));
    world.follow();
    world.list_more(&[known, later], 4);
    world.history();
    let transaction = world.store.write().unwrap();
    retract_matches(&transaction, "feed", "www.evil.example", None, "our own site", world.now)
        .unwrap();
    transaction.commit().unwrap();
    world.drain();
    let folder = world.folder.path().join("logs").display().to_string();
    let text = serde_json::to_string(&world.records()).unwrap().replace(&folder, "/var/log/squid");
    let documented = include_str!("../../../../../docs/records.md").split("```json\n").skip(1);
    let documented: Vec<serde_json::Value> = documented
        .map(|block| serde_json::from_str(block.split("\n```").next().unwrap()).unwrap())
        .collect();
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&text).unwrap(), documented);
}

/// Makes the confirmation of appended records fail.
fn killed_after_appending(world: &mut World) {
    world.fail_at(1, "DELETE ON outbox_records");
    assert!(crate::sinks::output_file::drain(&world.config.output, &mut world.store).is_err());
    world.restart();
}

#[test]
fn what_was_appended_before_a_kill_is_not_appended_again() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..3));
    world.follow();
    killed_after_appending(&mut world);
    assert_eq!(world.records().len(), 3);
    world.append("access.log", &requests(EVIL, 3..5));
    world.follow();
    let report = world.drain();
    assert_eq!((report.confirmed, report.written, report.waiting), (3, 2, 0));
    assert_eq!(world.records().len(), 5);
    assert_eq!(world.drain(), Default::default());
}

#[test]
fn what_was_appended_before_a_kill_is_not_appended_again_though_the_file_was_rotated() {
    type Rotation = fn(&World);
    let rotations: [(&str, Rotation); 4] = [
        ("renamed", |world| {
            fs::rename(output(world), output(world).with_extension("ndjson.1")).unwrap()
        }),
        ("copied and truncated", |world| {
            fs::copy(output(world), output(world).with_extension("ndjson-20261129")).unwrap();
            fs::File::options().write(true).open(output(world)).unwrap().set_len(0).unwrap();
        }),
        ("compressed", |world| {
            let packed = gzip(&fs::read(output(world)).unwrap());
            fs::write(output(world).with_extension("ndjson.1.gz"), packed).unwrap();
            fs::remove_file(output(world)).unwrap();
        }),
        ("renamed to another name", |world| {
            fs::rename(output(world), world.folder.path().join("yesterday")).unwrap();
        }),
    ];
    for (how, rotate) in rotations {
        for before in [0, 2] {
            let mut world = World::new();
            if before > 0 {
                world.append("access.log", &requests(EVIL, 10..12));
                world.follow();
                world.drain();
            }
            world.append("access.log", &requests(EVIL, 0..3));
            world.follow();
            killed_after_appending(&mut world);
            rotate(&world);
            world.append("access.log", &requests(EVIL, 3..5));
            world.follow();
            let report = world.drain();
            assert_eq!((report.confirmed, report.written, report.waiting), (3, 2, 0), "{how}");
            let text = fs::read_to_string(output(&world)).unwrap();
            assert_eq!(text.lines().count(), 2, "{how}");
        }
    }
}

fn output(world: &World) -> std::path::PathBuf {
    world.config.output.file.clone()
}

#[test]
fn a_line_that_was_half_written_is_cut_off() {
    for cut in [1, 40, 2000] {
        let mut world = World::new();
        world.append("access.log", &requests(EVIL, 0..1));
        world.follow();
        world.drain();
        world.append("access.log", &requests(EVIL, 1..4));
        world.follow();
        killed_after_appending(&mut world);
        let file = fs::OpenOptions::new().write(true).open(&world.config.output.file).unwrap();
        file.set_len(file.metadata().unwrap().len() - cut).unwrap();
        world.drain();
        let lines: Vec<_> =
            world.records().iter().map(|record| record["event"]["original"].clone()).collect();
        assert_eq!(lines, (0..4).map(|number| request(EVIL, number)).collect::<Vec<_>>(), "{cut}");
    }
}

#[test]
fn others_may_rename_truncate_and_add_to_the_file() {
    let mut world = World::new();
    let file = world.config.output.file.clone();
    let flag = |world: &mut World, number| {
        world.append("access.log", &requests(EVIL, number..number + 1));
        world.follow();
        world.drain();
    };
    flag(&mut world, 0);
    fs::rename(&file, file.with_extension("1")).unwrap();
    flag(&mut world, 1);
    assert_eq!(world.records().len(), 1);
    fs::File::options().write(true).open(&file).unwrap().set_len(0).unwrap();
    flag(&mut world, 2);
    assert_eq!(world.records().len(), 1);
    let text = fs::read_to_string(&file).unwrap() + "{\"theirs\":1}\n{\"theirs\":2}";
    fs::write(&file, text).unwrap();
    flag(&mut world, 3);
    let records = world.records();
    assert_eq!(records.len(), 4);
    assert_eq!(records[3]["event"]["original"], request(EVIL, 3));
}

#[test]
fn what_cannot_be_written_waits() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..2));
    world.follow();
    let file = world.config.output.file.clone();
    fs::create_dir(&file).unwrap();
    let report = world.drain();
    assert_eq!((report.written, report.waiting), (0, 2));
    assert!(report.error.unwrap().contains("records cannot be appended"));
    fs::remove_dir(&file).unwrap();
    assert_eq!(world.drain().written, 2);
}

#[test]
fn many_records_are_written_in_several_batches() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..2500));
    world.follow();
    assert_eq!(world.drain().written, 2500);
    assert_eq!(world.records().len(), 2500);
}

#[test]
fn of_a_value_that_very_many_indicators_name_a_thousand_are_written() {
    let mut world = World::new();
    let many: Vec<_> = (0..3000).map(|n| indicator(&format!("indicator--{n:04}"), EVIL)).collect();
    world.list(&many, 2);
    world.append("access.log", &requests(EVIL, 0..2));
    assert_eq!(world.follow().counts.matches, 2000);
    world.drain();
    for record in world.records() {
        assert_eq!(record["threat"]["enrichments"].as_array().unwrap().len(), 1000);
        assert_eq!(record["threatsieve"]["omitted"], 2000);
    }
    // Matching again finds the same thousand events.
    world.list_more(&many, 3);
    assert_eq!(world.history().counts.matches, 0);
}
