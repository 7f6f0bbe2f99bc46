//! Terms of a dictionary, and the conditions under which they count.

use serde_json::{Value as Json, json};
use threatsieve_blacklist::{
    Batch, Conjunction, ConjunctionPart, Indicator, IndicatorId, Kind, Policy, Port, Timestamp,
    Tlp, UrlMode, Value,
};

use super::world::{World, compiled, described, hostile, indicator, marked, node_json, one};
use crate::failure::{Failure, Kind as FailureKind};
use crate::options::TermOptions;
use crate::terms::{check_terms, served};

/// A condition as Java reads it: beginning, end, and port.
type Condition = (i64, i64, u32);

const ALWAYS: [Condition; 0] = [];

/// An answer as Java reads it.
#[derive(Debug)]
struct Terms {
    generation: u64,
    digest: Vec<u8>,
    hits: Vec<(u32, Vec<Condition>)>,
}

fn parse(bytes: &[u8]) -> Terms {
    let mut rest = bytes;
    let mut take = |count: usize| {
        let (taken, after) = rest.split_at(count);
        rest = after;
        (taken.to_vec(), after.is_empty())
    };
    let number = |bytes: &[u8]| i64::from_le_bytes(*bytes.first_chunk().unwrap());
    let small = |bytes: &[u8]| u32::from_le_bytes(*bytes.first_chunk().unwrap());
    let generation = number(&take(8).0) as u64;
    let (digest, mut is_over) = take(32);
    let mut hits = Vec::new();
    while !is_over {
        let term = small(&take(4).0);
        let (count, end) = take(4);
        is_over = end;
        let mut conditions = Vec::new();
        for _ in 0..small(&count) {
            let (from, until) = (number(&take(8).0), number(&take(8).0));
            let (port, end) = take(4);
            is_over = end;
            conditions.push((from, until, small(&port)));
        }
        hits.push((term, conditions));
    }
    Terms { generation, digest, hits }
}

fn options() -> Json {
    json!({ "min_confidence": 0, "max_tlp": null, "partial": false, "parts": false })
}

fn with(key: &str, value: Json) -> Json {
    let mut options = options();
    options[key] = value;
    options
}

fn raw(world: &World, options: &Json, terms: &[&str]) -> Result<Vec<u8>, Failure> {
    let mut batch = Batch::new();
    for term in terms {
        assert!(batch.push(Kind::Any, term.as_bytes()));
    }
    let options = TermOptions::read(options.to_string().as_bytes())?;
    let name = if world.node.blacklist("main").is_ok() { "main" } else { "hostile" };
    check_terms(&*world.node.blacklist(name)?, &options, batch.as_bytes(), batch.len() as u32)
}

fn hits(world: &World, options: &Json, terms: &[&str]) -> Vec<(u32, Vec<Condition>)> {
    parse(&raw(world, options, terms).unwrap()).hits
}

fn world(indicators: Vec<Indicator>) -> World {
    let world = World::new();
    world.load("main", &compiled("main", 5, indicators, &["ok.evil.com"])).unwrap();
    world
}

fn limited(id: &str, value: &str, from: Option<i64>, until: Option<i64>) -> Indicator {
    Indicator {
        valid_from: from.map(Timestamp),
        valid_until: until.map(Timestamp),
        ..indicator(id, value)
    }
}

#[test]
fn hits_name_their_terms_and_the_blacklist() {
    let world = world(vec![indicator("a", "evil.com"), indicator("b", "8.8.8.0/24")]);
    let terms = ["good.com", "www.evil.com", "ok.evil.com", "8.8.8.7", "", "evil.com"];
    let answer = parse(&raw(&world, &options(), &terms).unwrap());
    let blacklist = world.node.blacklist("main").unwrap();
    assert_eq!(answer.generation, 5);
    assert_eq!(answer.digest, blacklist.runner.blacklist().unwrap().digest());
    assert_eq!(answer.hits, [1, 3, 5].map(|term| (term, ALWAYS.to_vec())));
    // Without a hit, only the identity is there.
    assert_eq!(raw(&world, &options(), &["good.com"]).unwrap(), served(&blacklist).unwrap());
    assert_eq!(hits(&world, &options(), &[]), []);
}

#[test]
fn validity_becomes_intervals() {
    let world = world(vec![
        limited("a", "one.com", Some(10), Some(20)),
        // Two intervals that overlap, one that touches, one after a gap.
        limited("b", "two.com", Some(10), Some(20)),
        limited("c", "two.com", Some(15), Some(30)),
        limited("d", "two.com", Some(30), Some(40)),
        limited("e", "two.com", Some(50), None),
        limited("f", "open.com", None, Some(20)),
        limited("g", "always.com", Some(10), Some(20)),
        limited("h", "always.com", None, None),
        limited("i", "never.com", Some(20), Some(20)),
    ]);
    let terms = ["one.com", "two.com", "open.com", "always.com", "never.com"];
    assert_eq!(
        hits(&world, &options(), &terms),
        [
            (0, vec![(10, 20, 0)]),
            (1, vec![(10, 40, 0), (50, i64::MAX, 0)]),
            (2, vec![(i64::MIN, 20, 0)]),
            (3, vec![]),
        ]
    );
    // A subdomain of two entries has the intervals of both.
    let world = self::world(vec![
        limited("a", "evil.com", Some(10), Some(20)),
        limited("b", "www.evil.com", Some(30), Some(40)),
    ]);
    assert_eq!(
        hits(&world, &options(), &["a.www.evil.com", "evil.com"]),
        [(0, vec![(10, 20, 0), (30, 40, 0)]), (1, vec![(10, 20, 0)])]
    );
}

#[test]
fn ports_are_conditions_unless_the_term_has_one() {
    let port = |number| Some(Port { number, is_matched: true });
    let world = world(vec![
        Indicator { port: port(8080), ..limited("a", "evil.com", Some(10), Some(20)) },
        Indicator { port: port(9090), ..indicator("b", "evil.com") },
        Indicator {
            port: Some(Port { number: 1, is_matched: false }),
            ..indicator("c", "any.com")
        },
    ]);
    let terms = ["evil.com", "evil.com:8080", "evil.com:9090", "evil.com:1", "any.com:2"];
    assert_eq!(
        hits(&world, &options(), &terms),
        [
            (0, vec![(10, 20, 8080), (i64::MIN, i64::MAX, 9090)]),
            (1, vec![(10, 20, 0)]),
            (2, vec![]),
            (4, vec![]),
        ]
    );
}

#[test]
fn the_policy_decides_what_counts() {
    let sure =
        |confidence| Indicator { confidence: Some(confidence), ..indicator("a", "sure.com") };
    let world = world(vec![
        sure(40),
        marked("b", "red.com", Tlp::Red),
        indicator("c", "http://page.com/a?id=1"),
    ]);
    let terms = ["sure.com", "red.com", "http://page.com/a?"];
    let numbers = |options: &Json| {
        hits(&world, options, &terms).into_iter().map(|(term, _)| term).collect::<Vec<u32>>()
    };
    assert_eq!(numbers(&options()), [0, 1]);
    assert_eq!(numbers(&with("min_confidence", json!(41))), [1]);
    assert_eq!(numbers(&with("max_tlp", json!("AMBER"))), [0]);
    assert_eq!(numbers(&with("partial", json!(true))), [0, 1, 2]);
}

#[test]
fn parts_of_conjunctions_are_candidates() {
    let parts = ["part.com", "192.0.2.1"]
        .map(|text| ConjunctionPart::Value(Value::from_list(text, UrlMode::Exact).unwrap()));
    let pair = Value::All(Conjunction::new(parts.to_vec()).unwrap());
    let world = world(vec![
        Indicator::new(IndicatorId::Stix("pair".to_owned()), vec![pair]),
        limited("a", "alone.com", Some(10), Some(20)),
    ]);
    let terms = ["www.part.com", "192.0.2.1", "alone.com", "ok.evil.com"];
    assert_eq!(hits(&world, &options(), &terms), [(2, vec![(10, 20, 0)])]);
    assert_eq!(
        hits(&world, &with("parts", json!(true)), &terms),
        [(0, vec![]), (1, vec![]), (2, vec![(10, 20, 0)])]
    );
}

/// Compares the conditions with what is decided for an event.
#[test]
fn conditions_hold_when_an_event_matches() {
    let port = |number| Some(Port { number, is_matched: true });
    let mut indicators = Vec::new();
    for (number, (from, until)) in [
        (None, None),
        (Some(2), Some(5)),
        (Some(4), Some(7)),
        (None, Some(3)),
        (Some(8), None),
        (Some(6), Some(6)),
    ]
    .into_iter()
    .enumerate()
    {
        for port in [None, port(80), port(443)] {
            let value = format!("{}.evil.com", if number < 3 { "a" } else { "b" });
            let id = format!("{number}-{port:?}");
            indicators.push(Indicator { port, ..limited(&id, &value, from, until) });
        }
    }
    indicators.remove(0);
    let world = world(indicators);
    let terms = ["a.evil.com", "b.evil.com", "x.b.evil.com:443", "http://a.evil.com/"];
    let answer = hits(&world, &options(), &terms);
    let blacklist = world.node.blacklist("main").unwrap();
    for (term, value) in terms.iter().enumerate() {
        let mut batch = Batch::new();
        batch.push(Kind::Any, value.as_bytes());
        let looked_up = blacklist.runner.check(&batch).unwrap();
        for at in 0..10 {
            for port in [None, Some(80), Some(443), Some(1)] {
                let seen = threatsieve_blacklist::EventContext::with_ports(
                    Timestamp(at),
                    value.as_bytes(),
                    port,
                );
                let matches = looked_up.hits.iter().any(|hit| {
                    looked_up.blacklist.resolve(hit, &Policy::default(), seen).is_some()
                });
                let conditions = answer.iter().find(|(number, _)| *number == term as u32);
                let holds = conditions.is_some_and(|(_, conditions)| {
                    conditions.is_empty()
                        || conditions.iter().any(|&(from, until, wanted)| {
                            let is_port = wanted == 0 || port.map(u32::from) == Some(wanted);
                            from <= at && at < until && is_port
                        })
                });
                assert_eq!(holds, matches, "{value} at {at}, port {port:?}: {conditions:?}");
            }
        }
    }
}

#[test]
fn a_term_that_cannot_be_looked_up_fails_the_call() {
    let world = World::with(node_json(), hostile!("poisoned"));
    world.load("hostile", &described()).unwrap();
    // The component hits on every observable but those that it traps on.
    assert_eq!(hits(&world, &options(), &["a", "b"]).len(), 2);
    let failure = raw(&world, &options(), &["a", "b", "!", "c"]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Trap);
}

#[test]
fn wrong_batches_and_options() {
    let world = World::new();
    world.load("main", &one("main", 1, "evil.com")).unwrap();
    let loaded = world.node.blacklist("main").unwrap();
    let read = TermOptions::read(options().to_string().as_bytes()).unwrap();
    let mut batch = Batch::new();
    batch.push(Kind::Any, b"evil.com");
    let failure = check_terms(&loaded, &read, batch.as_bytes(), 2).unwrap_err();
    assert_eq!(failure.message, "the batch has 1 terms, expected 2");
    let cut = &batch.as_bytes()[..5];
    assert!(check_terms(&loaded, &read, cut, 1).is_err());
    for (key, value, part) in [
        ("min_confidence", json!(101), "min_confidence is 101, expected 0 to 100"),
        ("max_tlp", json!("PINK"), "max_tlp: expected one of CLEAR"),
        ("fields", json!([]), "unknown field `fields`"),
    ] {
        let failure = TermOptions::read(with(key, value).to_string().as_bytes()).unwrap_err();
        assert!(failure.message.contains(part), "{failure:?}");
    }
}
