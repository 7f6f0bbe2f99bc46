use super::*;
use crate::ids::Origin;
use threatsieve_blacklist::{Port, ThreatKind, UrlMode};

fn plan() -> EventPlan {
    let origin = Origin::Report { feed: "demo".into(), id: "report--1".into() };
    EventPlan::new(origin, "Report \u{1f600} one", Timestamp(1_795_900_000_000_000))
}

fn indicator(id: &str, values: &[&str]) -> Indicator {
    let values = values.iter().map(|text| Value::from_list(text, UrlMode::Exact).unwrap());
    Indicator::new(IndicatorId::Stix(id.into()), values.collect())
}

fn active(indicator: &Indicator) -> Member<'_> {
    Member { indicator, is_active: true }
}

fn withdrawn(indicator: &Indicator) -> Member<'_> {
    Member { indicator, is_active: false }
}

#[test]
fn indicators_with_one_value_share_an_attribute() {
    let mut a = indicator("a", &["evil.com", "10.1.2.3"]);
    let mut b = indicator("b", &["EVIL.com"]);
    a.name = Some("Bad\nhost".into());
    a.confidence = Some(30);
    b.confidence = Some(80);
    a.valid_from = Some(Timestamp(1));
    b.valid_from = Some(Timestamp(2));
    b.valid_until = Some(Timestamp(3));
    let shared = |members: &[Member<'_>]| {
        let event = convert(&plan(), members).event;
        event.attributes.into_iter().find(|one| one.value == "evil.com").unwrap()
    };
    let both = shared(&[active(&a), active(&b)]);
    assert_eq!(both.comment, "demo: a, Bad host; b");
    assert_eq!((both.first_seen, both.last_seen), (Some(Timestamp(1)), None));
    assert!(both.tags.contains("misp:confidence-level=\"usually-confident\""));
    assert_eq!(both.indicators, [a.id.clone(), b.id.clone()]);
    assert_eq!(shared(&[active(&b), active(&a)]), both);

    let one = shared(&[withdrawn(&a), active(&b)]);
    assert_eq!((one.uuid, one.to_ids()), (both.uuid, true));
    assert_eq!(one.comment, "demo: b");
    assert_eq!((one.first_seen, one.last_seen), (Some(Timestamp(2)), Some(Timestamp(3))));
    assert_eq!(shared(&[active(&b)]), one);

    let none = shared(&[withdrawn(&a), withdrawn(&b)]);
    assert_eq!((none.uuid, none.to_ids(), none.presence), (both.uuid, false, Presence::Off));
    assert_eq!(none.comment, both.comment);
}

#[test]
fn the_event_has_the_strictest_tlp_and_attributes_their_own() {
    let mut a = indicator("a", &["a.com"]);
    let mut b = indicator("b", &["b.com"]);
    let c = indicator("c", &["c.com"]);
    a.tlp = Some(Tlp::Green);
    b.tlp = Some(Tlp::Amber);
    let mut plan = plan();
    plan.tags = vec!["TLP:Clear".into(), "feed:demo".into()];
    let event = convert(&plan, &[active(&a), active(&b), active(&c)]).event;
    assert_eq!(event.tags, ["feed:demo".into(), "tlp:amber".into()].into());
    assert_eq!(event.tlp, Some(Tlp::Amber));
    let tags = |value: &str| {
        let own = event.attributes.iter().find(|one| one.value == value).unwrap();
        own.tags.iter().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!([tags("a.com"), tags("b.com"), tags("c.com")], ["tlp:green", "", ""]);
    assert_eq!(event.info, "Report one");
    assert_eq!(event.date, "2026-11-28");
}

#[test]
fn threats_that_are_marked_more_strictly_are_not_named() {
    let mut a = indicator("a", &["a.com"]);
    a.tlp = Some(Tlp::Green);
    let threat =
        |name: &str, tlp| Threat { kind: ThreatKind::Software, name: name.into(), id: None, tlp };
    a.threats = vec![
        threat("Open", None),
        threat("Same", Some(Tlp::Green)),
        threat("Secret", Some(Tlp::Red)),
    ];
    let event = convert(&plan(), &[active(&a)]).event;
    assert_eq!(event.attributes[0].tags, ["Open".into(), "Same".into()].into());
}

#[test]
fn unconvertible_values_are_listed() {
    let a = indicator("a", &["*.evil.com", "evil.com", "zip", "http://evil.com/\u{1f600}"]);
    let conversion = convert(&plan(), &[active(&a)]);
    let listed: Vec<(String, Reason)> =
        conversion.unconvertible.into_iter().map(|one| (one.value, one.reason)).collect();
    assert_eq!(
        listed,
        [
            ("*.evil.com".into(), Reason::BelowOnly),
            ("zip".into(), Reason::OneLabel),
            ("http://evil.com/\u{1f600}".into(), Reason::FourByteCharacter),
        ]
    );
    assert_eq!(conversion.event.attributes.len(), 1);
    assert_eq!(weight(&a), 1);
}

#[test]
fn an_end_that_is_not_after_the_start_is_left_out() {
    let mut a = indicator("a", &["a.com"]);
    a.valid_from = Some(Timestamp(5));
    a.valid_until = Some(Timestamp(5));
    let event = convert(&plan(), &[active(&a)]).event;
    let own = &event.attributes[0];
    assert_eq!((own.first_seen, own.last_seen), (Some(Timestamp(5)), None));
}

#[test]
fn the_port_of_a_network_is_in_the_comment() {
    let mut a = indicator("a", &["10.0.0.0/8"]);
    a.port = Some(Port { number: 81, is_matched: false });
    let event = convert(&plan(), &[active(&a)]).event;
    assert_eq!(event.attributes[0].kind, "ip-dst");
    assert_eq!(event.attributes[0].comment, "demo: a, port 81");
}
