//! Flags of events with known matches.

use serde_json::{Map, Value, json};
use threatsieve_blacklist::{
    DomainMode, Entry, EntryType, How, IndicatorId, IndicatorView, Match, Role, Timestamp, Tlp,
    UrlMode,
};

use crate::{Ceiling, Flag, FlagShape, Found, Holding, Rewrite, coverings, rewrite};

const OCCURRED: Timestamp = Timestamp(1_795_314_625_005_000);
const ALL: Ceiling = Ceiling { tlp: Tlp::Red, enrichments: usize::MAX };

fn indicator(id: &str, tlp: Option<Tlp>, confidence: Option<u8>) -> IndicatorView {
    IndicatorView {
        id: IndicatorId::Stix(id.to_owned()),
        feed: "feed".to_owned(),
        confidence,
        tlp,
        valid_from: None,
        valid_until: None,
        modified: None,
        name: None,
        threats: Vec::new(),
        conjunction: None,
        types: Vec::new(),
        port: None,
        mode: DomainMode::AtAndBelow,
        url_mode: UrlMode::Exact,
    }
}

fn found(
    number: u32,
    observable: &str,
    how: How,
    (kind, value): (EntryType, &str),
    indicators: Vec<IndicatorView>,
) -> Found {
    let entry = Entry { role: Role::Block, kind, value: value.to_owned(), indicators };
    Found {
        number,
        observable: observable.to_owned(),
        field: "url.original".to_owned(),
        matched: Match { how, entry, omitted: 0 },
    }
}

#[test]
fn an_indicator_is_written_once_by_its_most_specific_entry() {
    let events = [
        found(
            0,
            "www.evil.example",
            How::Subdomain,
            (EntryType::Domain, "evil.example"),
            vec![indicator("a", None, Some(85)), indicator("b", Some(Tlp::Green), None)],
        ),
        found(
            1,
            "http://www.evil.example/5",
            How::Url,
            (EntryType::Url, "http://www.evil.example/5"),
            vec![indicator("a", None, Some(85))],
        ),
    ];
    let flag = Flag::new(&coverings(&events), &ALL, "main", OCCURRED);
    assert_eq!(flag.confidence, [json!(85), json!(null)]);
    assert_eq!(
        flag.enrichments,
        [
            json!({
                "feed": { "name": "feed" },
                "indicator": {
                    "confidence": "High",
                    "id": "a",
                    "name": "http://www.evil.example/5",
                    "provider": "feed",
                    "type": "url",
                    "url": { "full": "http://www.evil.example/5" },
                },
                "matched": {
                    "atomic": "http://www.evil.example/5",
                    "field": "url.original",
                    "occurred": "2026-11-22T02:30:25.005Z",
                    "type": "url",
                },
                "threatsieve": { "blacklist": "main" },
            }),
            json!({
                "feed": { "name": "feed" },
                "indicator": {
                    "confidence": "Not Specified",
                    "id": "b",
                    "marking": { "tlp": "GREEN" },
                    "name": "evil.example",
                    "provider": "feed",
                    "type": "domain-name",
                    "url": { "domain": "evil.example" },
                },
                "matched": {
                    "atomic": "www.evil.example",
                    "field": "url.original",
                    "occurred": "2026-11-22T02:30:25.005Z",
                    "type": "subdomain",
                },
                "threatsieve": { "blacklist": "main" },
            }),
        ]
    );
    assert_eq!((flag.withheld, flag.omitted), (0, 0));
}

#[test]
fn ceilings_are_counted() {
    let indicators = vec![
        indicator("amber", Some(Tlp::Amber), Some(1)),
        indicator("green", Some(Tlp::Green), Some(2)),
        indicator("none", None, Some(3)),
        indicator("clear", Some(Tlp::Clear), Some(4)),
    ];
    let events = [found(0, "192.0.2.7", How::Cidr, (EntryType::Ipv4, "192.0.2.0/24"), indicators)];
    let written = |tlp, enrichments| {
        let flag = Flag::new(&coverings(&events), &Ceiling { tlp, enrichments }, "main", OCCURRED);
        (flag.confidence, flag.withheld, flag.omitted)
    };
    assert_eq!(written(Tlp::Green, 10), (vec![json!(2), json!(3), json!(4)], 1, 0));
    assert_eq!(written(Tlp::Green, 1), (vec![json!(2)], 1, 2));
    assert_eq!(written(Tlp::Red, 0), (Vec::new(), 0, 4));
}

#[test]
fn only_single_addresses_are_an_ip() {
    for (value, ip) in [("192.0.2.7", Some(json!("192.0.2.7"))), ("192.0.2.0/24", None)] {
        let events = [found(
            0,
            "192.0.2.7",
            How::Cidr,
            (EntryType::Ipv4, value),
            vec![indicator("a", None, None)],
        )];
        let flag = Flag::new(&coverings(&events), &ALL, "main", OCCURRED);
        assert_eq!(flag.enrichments[0]["indicator"].get("ip"), ip.as_ref());
        assert_eq!(flag.enrichments[0]["indicator"]["name"], value);
    }
}

#[test]
fn every_confidence_has_its_word() {
    let word = |confidence| {
        let one = vec![indicator("a", None, confidence)];
        let events =
            [found(0, "evil.example", How::Exact, (EntryType::Domain, "evil.example"), one)];
        let flag = Flag::new(&coverings(&events), &ALL, "main", OCCURRED);
        flag.enrichments[0]["indicator"]["confidence"].clone()
    };
    for (confidence, expected) in [
        (None, "Not Specified"),
        (Some(0), "None"),
        (Some(1), "Low"),
        (Some(29), "Low"),
        (Some(30), "Medium"),
        (Some(69), "Medium"),
        (Some(70), "High"),
        (Some(100), "High"),
    ] {
        assert_eq!(word(confidence), expected, "{confidence:?}");
    }
}

/// Rewrites a document in which `www.evil.example` is found in a field, for indicators `a` and `b`.
fn rewritten(document: &Value, field: &str, observable: &str) -> Rewrite {
    let mut events = [found(
        0,
        observable,
        How::Subdomain,
        (EntryType::Domain, "evil.example"),
        vec![indicator("a", None, Some(85)), indicator("b", None, None)],
    )];
    events[0].field = field.to_owned();
    let flag = Flag::new(&coverings(&events), &ALL, "main", OCCURRED);
    let shape = FlagShape { blacklist: "main", flag: Some(("indicator", "matched")), ceiling: ALL };
    let holding = Holding { flag, generation: 7, ..Holding::default() };
    rewrite(document.as_object().unwrap(), &shape, holding)
}

#[test]
fn an_event_that_another_read_in_another_order_stays_as_it_is() {
    let event = json!({ "url": {
        "domain": "www.evil.example", "original": "http://www.evil.example/",
    } });
    let by_url = rewritten(&event, "url.original", "http://www.evil.example/");
    let mut document = by_url.apply(event.as_object().unwrap());
    // The order in which the other one lists the indicators.
    document["threat"]["enrichments"].as_array_mut().unwrap().reverse();
    document["threatsieve"]["confidence"].as_array_mut().unwrap().reverse();
    let by_host = rewritten(&json!(document), "url.domain", "www.evil.example");
    assert!(by_host.is_empty(), "{by_host:?}");
    // The value is not there any more: the enrichments name the other one.
    document["url"]["original"] = json!("http://good.example/");
    let after: Map<String, Value> =
        rewritten(&json!(document), "url.domain", "www.evil.example").apply(&document);
    for enrichment in after["threat"]["enrichments"].as_array().unwrap() {
        assert_eq!(enrichment["matched"]["field"], "url.domain");
    }
}
