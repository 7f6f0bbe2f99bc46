//! Raw log lines.

use serde_json::{Value as Json, json};
use threatsieve_blacklist::observable::MAX_BATCH_BYTES;
use threatsieve_blacklist::{Indicator, Timestamp};

use super::world::{NOW, World, compiled, documents_with, framed, indicator};
use crate::failure::Kind;
use crate::lines::check_lines;
use crate::options::CheckOptions;

const SQUID: &[u8] =
    b"1795313625.005 5 10.1.2.3 TCP_MISS/404 603 GET http://www.evil.com/5 - HIER_DIRECT/192.0.2.7 text/html";
const COMBINED: &[u8] =
    br#"10.1.2.3 - - [22/Nov/2026:02:13:45 +0000] "GET http://www.evil.com/5 HTTP/1.1" 404 603 "-" "x""#;

fn options(format: &str) -> Json {
    json!({
        "fields": ["message"], "min_confidence": 0, "max_tlp": null, "max_matches": 10,
        "partial": false, "message_format": format,
    })
}

fn world() -> World {
    let world = World::new();
    // The indicator was valid when the lines were written, and has expired since.
    let expired =
        Indicator { valid_until: Some(Timestamp(NOW.0 - 1)), ..indicator("a", "evil.com") };
    world
        .load("main", &compiled("main", 5, vec![expired, indicator("b", "45.77.1.66")], &[]))
        .unwrap();
    world
}

#[test]
fn observables_and_times_are_the_lines() {
    let world = world();
    for (format, line) in
        [("squid", SQUID), ("combined", COMBINED), ("auto", SQUID), ("auto", COMBINED)]
    {
        let answer = world.check_lines("main", &options(format), &[b"", line]).unwrap().unwrap();
        assert_eq!(documents_with(&answer, "enrichments"), [1], "{format}: {answer}");
        let matched = &answer["documents"][0]["enrichments"][0]["matched"];
        assert_eq!(
            (&matched["atomic"], &matched["field"]),
            (&json!("http://www.evil.com/5"), &json!("message"))
        );
        assert!(
            matched["occurred"].as_str().unwrap().starts_with("2026-11-22T02:13:45"),
            "{matched}"
        );
    }
    // Text without a time is judged by the clock's time.
    let answer = world.check_lines("main", &options("auto"), &[b"see evil.com and 45.77.1.66"]);
    let answer = answer.unwrap().unwrap();
    let enrichments = answer["documents"][0]["enrichments"].as_array().unwrap();
    assert_eq!(enrichments.len(), 1);
    assert_eq!(enrichments[0]["matched"]["atomic"], "45.77.1.66");
}

#[test]
fn malformed_lines_are_reported() {
    let world = world();
    let answer =
        world.check_lines("main", &options("squid"), &[b"\xff broken", SQUID, b"also broken"]);
    let answer = answer.unwrap().unwrap();
    assert_eq!(documents_with(&answer, "enrichments"), [1]);
    assert_eq!(documents_with(&answer, "unchecked"), [0, 2]);
    let broken =
        answer["documents"].as_array().unwrap().iter().find(|one| one["document"] == 0).unwrap();
    assert_eq!(broken["unchecked"], "malformed");
    assert!(broken["detail"].as_str().unwrap().contains("squid line"), "{broken}");
}

#[test]
fn malformed_lines_are_searched_as_text() {
    let world = world();
    let lines = [&b"broken 45.77.1.66"[..], b"also broken", SQUID];
    let answer = world.check_lines("main", &options("squid"), &lines).unwrap().unwrap();
    assert_eq!(documents_with(&answer, "enrichments"), [0, 2]);
    assert_eq!(documents_with(&answer, "unchecked"), [0, 1]);
    assert_eq!(answer["documents"].as_array().unwrap().len(), 3, "one object a document: {answer}");
}

#[test]
fn lines_without_a_match_have_no_answer() {
    let world = world();
    assert_eq!(
        world.check_lines("main", &options("text"), &[b"good.com", b"", b"10.1.2.3"]).unwrap(),
        None
    );
    assert_eq!(world.check_lines("main", &options("text"), &[]).unwrap(), None);
    let mut all = options("text");
    all["stamp"] = json!("all");
    let answer = world.check_lines("main", &all, &[b"good.com"]).unwrap().unwrap();
    assert_eq!(answer, json!({ "generation": 5, "documents": [] }));
    assert_eq!(world.check_lines("main", &all, &[b""]).unwrap().unwrap()["generation"], 5);
}

/// More observables than one batch can hold, in one line and over several.
#[test]
fn lines_may_need_several_batches() {
    let world = world();
    let many = "1.1.1.1 ".repeat(40_000);
    let long = format!("45.77.1.66 {many}{many}45.77.1.66");
    let lines = [many.as_bytes(), long.as_bytes(), b"45.77.1.66", b"good.com"];
    let answer = world.check_lines("main", &options("text"), &lines).unwrap().unwrap();
    assert_eq!(documents_with(&answer, "enrichments"), [1, 2]);
    let status = world.node.status();
    let counted = &status["blacklists"]["main"];
    assert_eq!((&counted["observables"], &counted["hits"]), (&json!(120_004), &json!(3)));
    assert_eq!((&counted["batches"], &counted["documents"]), (&json!(2), &json!(4)));
}

#[test]
fn the_length_of_frames_is_checked() {
    let world = world();
    let loaded = world.node.blacklist("main").unwrap();
    let options = CheckOptions::read(options("text").to_string().as_bytes()).unwrap();
    let refused = |bytes: &[u8], documents| {
        check_lines(&loaded, &options, bytes, documents, NOW).unwrap_err()
    };
    let two = framed(&[b"evil.com", b"45.77.1.66"]);
    for (bytes, documents) in [
        (&two[..], 1),
        (&two[..], 3),
        (&two[..], u32::MAX),
        (&two[..two.len() - 1], 2),
        (&two[..3], 1),
        (&[0xff; 8][..], 1),
        (&[][..], 1),
        (&two[..], 0),
    ] {
        assert_eq!(refused(bytes, documents).kind, Kind::Internal);
    }
    assert_eq!(refused(&vec![0; MAX_BATCH_BYTES + 4], 1).kind, Kind::Limit);
    assert!(check_lines(&loaded, &options, &two, 2, NOW).unwrap().is_some());
}
