//! Packages: ids, versions, references, markings, validity.

use super::*;

const MARKED: &str = r#"<marking:Marking><marking:Controlled_Structure>//node()</marking:Controlled_Structure><marking:Marking_Structure xsi:type="tlp:TLPMarkingStructureType" color="AMBER"/></marking:Marking>"#;

fn observables(content: &str) -> String {
    format!("<stix:Observables>{content}</stix:Observables>")
}

fn observable(id: &str, content: &str) -> String {
    format!(r#"<cybox:Observable id="{id}">{content}</cybox:Observable>"#)
}

fn refers(id: &str) -> String {
    format!(r#"<indicator:Observable idref="{id}"/>"#)
}

#[test]
fn an_indicator_has_what_its_publisher_says() {
    let content = format!(
        r#"<indicator:Title>Bad</indicator:Title><indicator:Type>Domain Watchlist</indicator:Type>
        <indicator:Description>see <![CDATA[<!DOCTYPE html>]]> other.example</indicator:Description>
        <indicator:Valid_Time_Position><indicator:Start_Time>1970-01-01T00:00:01Z</indicator:Start_Time>
        <indicator:End_Time>1970-01-01T00:00:02</indicator:End_Time></indicator:Valid_Time_Position>
        {}<indicator:Sightings><indicator:Sighting><indicator:Related_Observables>
        <indicator:Related_Observable><stixCommon:Observable>{}</stixCommon:Observable>
        </indicator:Related_Observable></indicator:Related_Observables></indicator:Sighting>
        </indicator:Sightings><indicator:Confidence><stixCommon:Value>High</stixCommon:Value>
        </indicator:Confidence>"#,
        observed(&domain(EQUALS, "bad.example")),
        domain(EQUALS, "seen.example"),
    );
    let stamp = r#" timestamp="1970-01-01T00:00:03Z""#;
    let outcome = read(&[&package("p", &indicator("e:i1", stamp, &content))]);
    assert_eq!(outcome.taken, ["0 e:i1 bad.example"]);
    let got = &outcome.indicators[0];
    assert_eq!((got.confidence, got.name.as_deref(), got.tlp), (Some(85), Some("Bad"), None));
    assert_eq!(got.types, ["Domain Watchlist"]);
    assert_eq!(
        [got.valid_from, got.valid_until, got.modified],
        [Some(Timestamp(1_000_000)), Some(Timestamp(2_000_000)), Some(Timestamp(3_000_000))]
    );
    assert_eq!((outcome.reports[0].objects, outcome.reports[0].indicators), (1, 1));
    assert_eq!((outcome.report.indicators, outcome.report.values), (1, 1));
}

#[test]
fn both_families_of_namespaces_are_read() {
    let mitre = package("p", &indicator("i", "", &observed(&domain(EQUALS, "bad.example"))));
    let oasis = mitre
        .replace("http://stix.mitre.org/stix-1", "http://docs.oasis-open.org/cti/ns/stix/core-1")
        .replace(
            "http://stix.mitre.org/Indicator-2",
            "http://docs.oasis-open.org/cti/ns/stix/indicator-2",
        )
        .replace("http://cybox.mitre.org/cybox-2", "http://docs.oasis-open.org/cti/ns/cybox/core-2")
        .replace(
            "http://cybox.mitre.org/objects#DomainNameObject-1",
            "http://docs.oasis-open.org/cti/ns/cybox/objects/domain-name-1",
        );
    let renamed = mitre.replace("DomainNameObj:", "d:").replace(":DomainNameObj=", ":d=");
    for text in [&mitre, &oasis, &renamed] {
        assert_eq!(read(&[text]).taken, ["0 i bad.example"], "{text}");
    }
    let custom = mitre.replace("http://cybox.mitre.org/objects#DomainName", "http://own.example/");
    assert_eq!(read(&[&custom]).rejected(), ["i: no_observable"]);
    let other = error(&mitre.replace("http://stix.mitre.org/stix-1", "http://own.example/"));
    assert!(other.is_foreign() && other.to_string().contains("STIX_Package"), "{other}");
}

#[test]
fn an_observable_with_a_condition_counts_unless_it_is_a_part() {
    let text = package(
        "p",
        &[
            observables(
                &[
                    observable("o:1", &domain(EQUALS, "a.example")),
                    observable("o:2", &domain("", "instance.example")),
                    observable("o:3", &domain(EQUALS, "b.example")),
                    observable("o:4", &domain("", "c.example")),
                    format!("<cybox:Observable>{}</cybox:Observable>", domain(EQUALS, "d.example")),
                ]
                .concat(),
            ),
            indicator("i", "", &[refers("o:3"), refers("o:4")].concat()),
        ]
        .concat(),
    );
    let outcome = read(&[&text]);
    assert_eq!(outcome.taken, ["0 o:1 a.example", "0 p#3 d.example", "0 i b.example c.example"]);
    assert!(outcome.unreduced.is_empty());
}

#[test]
fn references_lead_to_other_and_later_packages() {
    let first = package("p", &indicator("i", "", &[refers("o:1"), refers("o:2")].concat()));
    let second = package("q", &observables(&observable("o:1", &domain(EQUALS, "a.example"))));
    let outcome = read(&[&first, &second]);
    assert_eq!(outcome.taken, ["0 i a.example"]);
    assert_eq!(outcome.rejected(), ["i: unresolved reference"]);
    assert_eq!(outcome.unreduced[0].pattern, "idref o:2");

    // An element with content counts by itself.
    let own = observed(&domain(EQUALS, "a.example")).replacen(">", r#" idref="o:9">"#, 1);
    let outcome = read(&[&package("p", &indicator("i", "", &own))]);
    assert_eq!((outcome.taken, outcome.unreduced.len()), (vec!["0 i a.example".to_owned()], 0));

    let composed = |id: &str, to: &str| {
        let part = format!(r#"<cybox:Observable idref="{to}"/>"#);
        let content = format!(
            r#"<cybox:Observable_Composition operator="OR">{part}</cybox:Observable_Composition>"#
        );
        observable(id, &content)
    };
    let cycle = observables(&[composed("o:1", "o:2"), composed("o:2", "o:1")].concat());
    let outcome = read(&[&package("p", &[cycle, indicator("i", "", &refers("o:1"))].concat())]);
    assert_eq!(
        (outcome.taken.len(), outcome.rejected()),
        (0, vec!["i: unresolved reference".to_owned()])
    );
    assert!(outcome.unreduced[0].reason.to_string().contains("cycle"));

    // Each observable names the next one twice: 2^60 ways, each value once.
    let mut doubled: Vec<String> = (0..60)
        .map(|n| {
            let part = format!(r#"<cybox:Observable idref="o:{}"/>"#, n + 1);
            let parts = format!("{part}{}{part}", observable("", &domain("", "x.example")));
            let content = format!(
                r#"<cybox:Observable_Composition operator="OR">{parts}</cybox:Observable_Composition>"#
            );
            observable(&format!("o:{n}"), &content)
        })
        .collect();
    doubled.push(observable("o:60", &domain(EQUALS, "a.example")));
    let text = [observables(&doubled.concat()), indicator("i", "", &refers("o:0"))].concat();
    assert_eq!(read(&[&package("p", &text)]).taken, ["0 i a.example x.example"]);
}

#[test]
fn composite_indicators_keep_the_validity_of_their_parts() {
    let window = "<indicator:Valid_Time_Position><indicator:End_Time>1970-01-01T00:00:01Z\
                  </indicator:End_Time></indicator:Valid_Time_Position>";
    let part = indicator("i:1", "", &[window, &observed(&domain(EQUALS, "a.example"))].concat());
    let composite = |operator: &str| {
        let content = format!(
            r#"<indicator:Composite_Indicator_Expression operator="{operator}"><indicator:Indicator idref="i:1"/><indicator:Indicator id="i:2">{}</indicator:Indicator></indicator:Composite_Indicator_Expression>"#,
            observed(&domain(EQUALS, "b.example"))
        );
        read(&[&package("p", &[indicator("i", "", &content), part.clone()].concat())])
    };
    let outcome = composite("OR");
    assert_eq!(outcome.taken, ["0 i a.example", "0 i b.example", "0 i:1 a.example"]);
    let until: Vec<_> = outcome.indicators.iter().map(|one| one.valid_until).collect();
    assert_eq!(until, [Some(Timestamp(1_000_000)), None, Some(Timestamp(1_000_000))]);
    let outcome = composite("AND");
    assert_eq!(outcome.taken, ["0 i a.example AND b.example", "0 i:1 a.example"]);
    assert_eq!(outcome.indicators[0].valid_until, Some(Timestamp(1_000_000)));
}

#[test]
fn the_newest_version_wins_and_equal_ones_are_vouched_for() {
    let version = |stamp: &str, name: &str| {
        let stamp = format!(r#" timestamp="{stamp}""#);
        package("p", &indicator("i", &stamp, &observed(&domain(EQUALS, name))))
    };
    let (old, new) = (version("2026-01-01", "old.example"), version("2026-01-02", "new.example"));
    assert_eq!(read(&[&new, &old]).taken, ["0 i new.example"]);
    assert_eq!(read(&[&old, &new]).taken, ["1 i new.example"]);
    assert_eq!(read(&[&new, &new]).taken, ["0 i new.example", "1 i new.example"]);
    let mediated = version("2026-01-02", "other.example");
    assert_eq!(read(&[&new, &mediated]).taken, ["1 i other.example"]);
}

#[test]
fn markings_of_packages_and_indicators() {
    let bad = observed(&domain(EQUALS, "bad.example"));
    let header =
        format!("<stix:STIX_Header><stix:Handling>{MARKED}</stix:Handling></stix:STIX_Header>");
    let own = |structure: &str| {
        format!(
            "<indicator:Handling><marking:Marking>{structure}</marking:Marking></indicator:Handling>"
        )
    };
    let ais = own(
        r#"<marking:Marking_Structure xsi:type="AIS:AISMarkingStructure"><AIS:Not_Proprietary><AIS:TLPMarking color="GREEN"/></AIS:Not_Proprietary></marking:Marking_Structure>"#,
    );
    let unknown = own(r#"<marking:Marking_Structure xsi:type="marking:Own"/>"#);
    let related = format!(
        "<stix:Related_Packages><stix:Related_Package>{}</stix:Related_Package></stix:Related_Packages>",
        package("q", &indicator("i", "", &bad))
            .replace("stix:STIX_Package", "stix:Package")
            .replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", "")
    );
    for (content, want) in [
        ([header.clone(), indicator("i", "", &bad)].concat(), Some(Tlp::Amber)),
        (indicator("i", "", &[&*ais, &bad].concat()), Some(Tlp::Green)),
        ([header.clone(), indicator("i", "", &[&*ais, &bad].concat())].concat(), Some(Tlp::Amber)),
        ([header, related].concat(), Some(Tlp::Amber)),
        (indicator("i", "", &[&*unknown, &bad].concat()), Some(Tlp::Red)),
    ] {
        assert_eq!(read(&[&package("p", &content)]).indicators[0].tlp, want, "{content}");
    }
}

#[test]
fn other_tests_are_counted_by_language() {
    let content = r#"<indicator:Test_Mechanisms><indicator:Test_Mechanism xmlns:s="http://stix.mitre.org/extensions/TestMechanism#Snort-1" xsi:type="s:SnortTestMechanismType"/></indicator:Test_Mechanisms>"#;
    let outcome = read(&[&package("p", &indicator("i", "", content))]);
    assert_eq!(outcome.report.other_pattern_types.get("snort"), Some(&1));
    assert_eq!(read(&[&package("p", &indicator("i", "", ""))]).rejected(), ["i: no_observable"]);
}

#[test]
fn a_package_of_the_dhs_is_read_without_guesses() {
    let text = include_str!("../../../../../tests/data/cases/stix1-xml/ais.xml");
    let outcome = read(&[text]);
    assert_eq!(
        outcome.taken,
        [
            "0 e:o1 45.66.77.0/24",
            "0 e:i1 93.94.95.130 93.94.95.131",
            "0 e:i2 http://bad-one.top/a?b=1&c=2",
            "0 e:i3 c2.bad-two.top",
            "0 e:i4 76bf44370689f70165247ad403a3bb58",
        ]
    );
    assert_eq!(outcome.rejected(), ["e:i5: negation"]);
}
