//! Batches, and the fields that are to be written because of them.

use std::sync::atomic::Ordering;

use serde_json::{Value as Json, json};
use threatsieve_blacklist::observable::MAX_BATCH_BYTES;
use threatsieve_blacklist::{
    Batch, Conjunction, ConjunctionPart, Indicator, IndicatorId, Kind, Timestamp, Tlp, UrlMode,
    Value,
};

use super::world::{
    NOW, World, compiled, documents_with, indicator, marked, node_json, one, processor,
};
use crate::check::{Details, check};
use crate::failure;
use crate::layout::place;
use crate::options::CheckOptions;

fn world(indicators: Vec<Indicator>) -> World {
    let world = World::new();
    world.load("main", &compiled("main", 5, indicators, &["ok.evil.com"])).unwrap();
    world
}

fn with(key: &str, value: Json) -> Json {
    let mut options = processor();
    options[key] = value;
    options
}

#[test]
fn a_match_names_its_field_and_value() {
    let world = world(vec![marked("a", "evil.com", Tlp::Green)]);
    let documents: [(&[&str], &str); 3] = [
        (&["http://good.com/", "10.1.2.3"], ""),
        (
            &["http://good.com/", "10.1.2.3", "192.0.2.7", "www.evil.com"],
            "2026-11-22T02:13:45.005Z",
        ),
        (&["http://evil.com/x"], ""),
    ];
    let answer = world.check("main", &processor(), &documents).unwrap().unwrap();
    let enrichment = |[atomic, field, how, occurred]: [&str; 4]| {
        json!({
            "feed": { "name": "test" },
            "indicator": {
                "confidence": "Not Specified",
                "id": "a",
                "marking": { "tlp": "GREEN" },
                "name": "evil.com",
                "provider": "test",
                "type": "domain-name",
                "url": { "domain": "evil.com" },
            },
            "matched": { "atomic": atomic, "field": field, "occurred": occurred, "type": how },
            "threatsieve": { "blacklist": "main" },
        })
    };
    let first = ["www.evil.com", "dns.question.name", "subdomain", "2026-11-22T02:13:45.005Z"];
    let second = ["http://evil.com/x", "url.original", "exact", "2026-11-22T02:30:25Z"];
    let expected = json!({
        "generation": 5,
        "documents": [
            {
                "document": 1, "confidence": [null], "withheld": 0, "omitted": 0,
                "enrichments": [enrichment(first)],
            },
            {
                "document": 2, "confidence": [null], "withheld": 0, "omitted": 0,
                "enrichments": [enrichment(second)],
            },
        ],
    });
    assert_eq!(answer, expected);
}

#[test]
fn java_is_not_asked_when_nothing_is_to_be_written() {
    let world = world(vec![indicator("a", "evil.com")]);
    let loaded = world.node.blacklist("main").unwrap();
    let quiet = |values: &[&str], options: Json| {
        let mut batch = Batch::new();
        for value in values {
            batch.push(Kind::Any, value.as_bytes());
        }
        let options = CheckOptions::read(options.to_string().as_bytes()).unwrap();
        check(&loaded, &options, batch.as_bytes(), batch.len() as u32, 1, NOW, || panic!("asked"))
            .unwrap()
    };
    assert_eq!(quiet(&["good.com", "10.1.2.3"], processor()), None);
    assert_eq!(quiet(&[], processor()), None);
    assert_eq!(quiet(&["ok.evil.com"], processor()), None, "allowed");
    let all = quiet(&["good.com"], with("stamp", json!("all")));
    assert_eq!(all.unwrap(), br#"{"generation":5,"documents":[]}"#);
    let status = world.node.status();
    let counted = &status["blacklists"]["main"];
    assert_eq!(
        (&counted["documents"], &counted["observables"], &counted["hits"]),
        (&json!(4), &json!(4), &json!(0))
    );
    assert_eq!(counted["suppressed"], 1);
}

#[test]
fn validity_is_judged_by_the_events_own_time() {
    let from = Timestamp(NOW.0 - 3_600_000_000);
    let until = Timestamp(NOW.0 + 3_600_000_000);
    let bounded = Indicator {
        valid_from: Some(from),
        valid_until: Some(until),
        ..indicator("a", "evil.com")
    };
    let world = world(vec![bounded]);
    let matches = |time: &str| {
        let answer = world.check("main", &processor(), &[(&["evil.com"], time)]).unwrap();
        answer.is_some_and(|answer| documents_with(&answer, "enrichments") == [0])
    };
    for inside in [
        "2026-11-22T02:30:25Z",
        "2026-11-22T03:30:25.001+01:00",
        "1795314625000",
        "1795314625000000",
        // Without a time, or with one that cannot be read, the clock's time counts.
        "",
        "yesterday",
    ] {
        assert!(matches(inside), "{inside}");
    }
    for outside in
        ["2026-11-22T01:30:24Z", "2026-11-22T03:30:25Z", "1795300000000", "2020-01-01T00:00:00Z"]
    {
        assert!(!matches(outside), "{outside}");
    }
}

#[test]
fn conjunctions_hold_over_one_document() {
    let parts = ["evil.com", "45.66.77.88"]
        .map(|text| ConjunctionPart::Value(Value::from_list(text, UrlMode::Exact).unwrap()));
    let value = Value::All(Conjunction::new(parts.to_vec()).unwrap());
    let world = world(vec![Indicator::new(IndicatorId::Stix("a".to_owned()), vec![value])]);
    let documents: [(&[&str], &str); 4] = [
        (&["www.evil.com"], ""),
        (&["45.66.77.88", "www.evil.com"], ""),
        (&["45.66.77.88"], ""),
        (&["www.evil.com", "evil.com"], ""),
    ];
    let answer = world.check("main", &processor(), &documents).unwrap().unwrap();
    let documents = answer["documents"].as_array().unwrap();
    assert_eq!(documents.len(), 1, "{answer}");
    assert_eq!(documents[0]["document"], 1);
    let atomic: Vec<_> = documents[0]["enrichments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["matched"]["atomic"].as_str().unwrap())
        .collect();
    assert_eq!(atomic, ["45.66.77.88", "www.evil.com"]);
    let line: &[u8] = b"45.66.77.88 www.evil.com";
    let mut raw = processor();
    raw["fields"] = json!(["message"]);
    raw["message_format"] = json!("text");
    let answer = world.check_lines("main", &raw, &[b"www.evil.com", line]).unwrap().unwrap();
    assert_eq!(documents_with(&answer, "enrichments"), [1]);
}

#[test]
fn excluded_indicators_are_counted() {
    let indicators = vec![
        Indicator { confidence: Some(20), ..marked("low", "evil.com", Tlp::Clear) },
        Indicator { confidence: Some(90), ..marked("red", "evil.com", Tlp::Red) },
        Indicator { confidence: Some(80), ..marked("green", "evil.com", Tlp::Green) },
        Indicator { confidence: None, ..indicator("unsaid", "evil.com") },
    ];
    let world = world(indicators);
    let written = |options: &Json| {
        let answer = world.check("main", options, &[(&["evil.com"], "")]).unwrap().unwrap();
        let document = &answer["documents"][0];
        (document["confidence"].clone(), document["withheld"].clone(), document["omitted"].clone())
    };
    assert_eq!(written(&processor()).0.as_array().unwrap().len(), 4);
    assert_eq!(
        written(&with("min_confidence", json!(21))),
        (json!([90, 80, null]), json!(0), json!(0))
    );
    assert_eq!(
        written(&with("max_tlp", json!("GREEN"))),
        (json!([20, 80, null]), json!(1), json!(0))
    );
    assert_eq!(written(&with("max_matches", json!(1))), (json!([20]), json!(0), json!(3)));
    let mut strict = with("max_tlp", json!("CLEAR"));
    strict["min_confidence"] = json!(85);
    // The event is flagged all the same: the value that covers it is no secret, only the indicators
    // are.
    strict["fields"] = json!(["url.original"]);
    assert_eq!(written(&strict), (json!([null]), json!(1), json!(0)));
}

#[test]
fn partial_matches_are_optional() {
    let world = world(vec![indicator("a", "http://files.example/uc?id=7")]);
    let documents: [(&[&str], &str); 1] = [(&["http://files.example/uc?"], "")];
    assert_eq!(world.check("main", &processor(), &documents).unwrap(), None);
    let answer = world.check("main", &with("partial", json!(true)), &documents).unwrap().unwrap();
    assert_eq!(answer["documents"][0]["enrichments"][0]["matched"]["type"], "url_query_unlogged");
}

#[test]
fn a_document_of_very_many_matches_is_cut() {
    let indicators =
        (0..2000).map(|n| indicator(&format!("i{n}"), &format!("h{n}.example"))).collect();
    let world = world(indicators);
    let loaded = world.node.blacklist("main").unwrap();
    let mut batch = Batch::new();
    for n in 0..2000 {
        batch.push(Kind::Host, format!("h{n}.example").as_bytes());
    }
    let options =
        CheckOptions::read(with("max_matches", json!(5000)).to_string().as_bytes()).unwrap();
    let details = || Ok(Details { places: vec![place(0, 0); 2000], contexts: vec![0; 3] });
    let answer =
        check(&loaded, &options, batch.as_bytes(), 2000, 1, NOW, details).unwrap().unwrap();
    let answer: Json = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["documents"][0]["enrichments"].as_array().unwrap().len(), 1000);
    assert_eq!(answer["documents"][0]["omitted"], 1000);
}

#[test]
fn a_value_of_very_many_indicators_is_cut() {
    let indicators = (0..100_000).map(|n| indicator(&format!("i{n}"), "evil.com")).collect();
    let world = world(indicators);
    let values: [&str; 2] = ["evil.com", "www.evil.com"];
    let answer =
        world.check("main", &with("max_matches", json!(1000)), &[(&values, "")]).unwrap().unwrap();
    let document = &answer["documents"][0];
    assert_eq!(document["enrichments"].as_array().unwrap().len(), 1000);
    assert_eq!(document["omitted"], 199_000);
    assert_eq!(document.get("unchecked"), None);
}

/// An event that is being judged at the deadline keeps its matches. The events after it are
/// unchecked.
#[test]
fn judging_ends_at_the_deadline() {
    let mut options = node_json();
    options["deadline_ms"] = json!(8);
    let world = World::with(options, threatsieve_runner::MATCHER);
    let indicators = (0..100_000).map(|n| indicator(&format!("i{n}"), "evil.com")).collect();
    world.load("main", &compiled("main", 5, indicators, &[])).unwrap();
    // Judging all of them takes more than a second.
    let values: [&str; 1] = ["evil.com"];
    let documents = vec![(&values[..], ""); 2000];
    let answer = world.check("main", &processor(), &documents).unwrap().unwrap();
    let (written, unchecked) =
        (documents_with(&answer, "enrichments"), documents_with(&answer, "unchecked"));
    assert!(written.len() + unchecked.len() >= 2000 && !unchecked.is_empty());
    assert_eq!(answer["documents"][1999]["unchecked"], "deadline");
}

#[test]
fn a_very_long_answer_is_cut() {
    // Each document repeats a value of 60 KB for each indicator: 128 documents have 70 MB.
    let indicators = (0..10).map(|n| indicator(&format!("i{n}"), "evil.com")).collect();
    let world = world(indicators);
    let url = format!("http://evil.com/{}", "x".repeat(60_000));
    let values: [&str; 1] = [&url];
    let documents = vec![(&values[..], ""); 128];
    let answer = world.check("main", &processor(), &documents).unwrap().unwrap();
    let (written, unchecked) =
        (documents_with(&answer, "enrichments"), documents_with(&answer, "unchecked"));
    assert_eq!(written.len() + unchecked.len(), 128);
    assert_eq!(written.len(), 64 * 1024 * 1024 / answer["documents"][0].to_string().len() + 1);
    assert_eq!(answer["documents"][127]["unchecked"], "limit");
}

/// Wrong arguments from Java are errors, never a crash.
#[test]
fn places_and_contexts_are_checked_against_the_batch() {
    let world = world(vec![indicator("a", "evil.com")]);
    let loaded = world.node.blacklist("main").unwrap();
    let options = CheckOptions::read(processor().to_string().as_bytes()).unwrap();
    let mut batch = Batch::new();
    batch.push(Kind::Any, b"evil.com");
    batch.push(Kind::Any, b"evil.com");
    let refused = |places: Vec<i32>, contexts: &[u8]| {
        let details = Details { places, contexts: contexts.to_vec() };
        let failure =
            check(&loaded, &options, batch.as_bytes(), 2, 2, NOW, || Ok(details)).unwrap_err();
        assert_eq!(failure.kind, failure::Kind::Internal);
        failure.message
    };
    let good = vec![place(0, 0), place(1, 3)];
    assert!(refused(good.clone(), &[0; 3]).contains("expected those of 2 documents, got 1"));
    assert!(refused(good.clone(), &[0; 9]).contains("got more"));
    assert!(refused(good.clone(), &[0, 0, 0, 9, b'2']).contains("document 1 runs past the end"));
    assert!(refused(vec![place(0, 0)], &[0; 6]).contains("2 observables, and 1 places"));
    assert!(refused(vec![place(0, 0), place(2, 0)], &[0; 6]).contains("document 2"));
    assert!(refused(vec![place(1, 0), place(0, 0)], &[0; 6]).contains("from 1 on"));
    assert!(refused(vec![place(0, 0), place(1, 4)], &[0; 6]).contains("field 4"));
    assert!(refused(vec![-1, -1], &[0; 6]).contains("document 16777215"));
    let whole = check(&loaded, &options, batch.as_bytes(), 2, 2, NOW, || {
        Ok(Details { places: good.clone(), contexts: vec![0; 6] })
    });
    assert!(whole.unwrap().is_some());
    assert_eq!(loaded.runner.counters().batches, 9);
}

#[test]
fn malformed_batches_are_errors() {
    let world = world(vec![indicator("a", "evil.com")]);
    let loaded = world.node.blacklist("main").unwrap();
    let options = CheckOptions::read(processor().to_string().as_bytes()).unwrap();
    let refused = |batch: &[u8]| {
        let details = || Ok(Details { places: vec![place(0, 0)], contexts: vec![0; 3] });
        check(&loaded, &options, batch, 1, 1, NOW, details).unwrap_err().kind
    };
    assert_eq!(refused(&[9, 0, 0, 1, b'a']), failure::Kind::Internal);
    assert_eq!(refused(&[1, 0, 0, 99, b'a']), failure::Kind::Internal);
    assert_eq!(refused(&vec![0; MAX_BATCH_BYTES + 4]), failure::Kind::Limit);
    assert_eq!(refused(&vec![0; 4 * 65_537]), failure::Kind::Limit);
    // The next call works normally.
    assert!(world.check("main", &processor(), &[(&["evil.com"], "")]).unwrap().is_some());
}

/// While blacklists are switched, every answer is from one generation and names it.
#[test]
fn answers_while_blacklists_are_switched() {
    let world = World::new();
    world.load("main", &one("main", 1, "only-1.com")).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let documents: [(&[&str], &str); 2] =
                        [(&["only-1.com"], ""), (&["only-2.com"], "")];
                    let answer = world.check("main", &processor(), &documents).unwrap().unwrap();
                    let generation = answer["generation"].as_u64().unwrap();
                    assert_eq!(documents_with(&answer, "enrichments"), [generation - 1]);
                }
            });
        }
        for generation in [2, 1, 2, 1] {
            let domain = format!("only-{generation}.com");
            world.load("main", &one("main", generation, &domain)).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
}
