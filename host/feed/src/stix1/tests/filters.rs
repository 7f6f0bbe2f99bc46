//! Filters on the properties of indicators and packages.

use super::*;
use crate::{Expression, ObjectFilter, Subject};

/// A package with everything that filters see.
fn described() -> String {
    let producer = |name: &str| {
        format!(
            r#"<stixCommon:Identity id="ex:{name}"><stixCommon:Name>{name}</stixCommon:Name></stixCommon:Identity>"#
        )
    };
    let header = format!(
        r##"<stix:STIX_Header><stix:Title>Weekly list</stix:Title>
<stix:Package_Intent>Indicators - Watchlist</stix:Package_Intent>
<stix:Package_Intent>Observations</stix:Package_Intent>
<stix:Description>All of it</stix:Description><stix:Short_Description>it</stix:Short_Description>
<stix:Handling><marking:Marking><marking:Marking_Structure xsi:type="tlp:TLPMarkingStructureType" color="AMBER"/></marking:Marking></stix:Handling>
<stix:Information_Source>{}</stix:Information_Source></stix:STIX_Header>"##,
        producer("ISAC")
    );
    let more = r#" timestamp="2026-03-01T00:00:00+01:00""#;
    let content = format!(
        r#"<indicator:Title>C2 of Emotet</indicator:Title><indicator:Type>C2</indicator:Type>
<indicator:Type>Domain Watchlist</indicator:Type><indicator:Description>A &lt;b&gt; name</indicator:Description>
<indicator:Valid_Time_Position><indicator:Start_Time>2026-01-01T00:00:00Z</indicator:Start_Time></indicator:Valid_Time_Position>
{}<indicator:Kill_Chain_Phases><stixCommon:Kill_Chain_Phase kill_chain_name="LM" name="Delivery"/></indicator:Kill_Chain_Phases>
<indicator:Confidence><stixCommon:Value>High</stixCommon:Value></indicator:Confidence>
<indicator:Producer>{}</indicator:Producer>"#,
        observed(&domain(EQUALS, "evil.example")),
        producer("Bureau")
    );
    package("ex:package-1", &format!("{header}{}", indicator("ex:i", more, &content)))
}

fn filtered(filter: ObjectFilter, packages: &[&str]) -> (Vec<String>, Vec<String>) {
    let limits = StixLimits { objects: filter, ..StixLimits::default() };
    let mut set = StixSet::new(limits);
    for text in packages {
        set.read_packages(0, text.as_bytes(), PackageOptions::default()).unwrap();
    }
    let valueless: Vec<String> = set.valueless().map(|one| one.id).collect();
    let (mut taken, mut dropped) = (Vec::new(), Vec::new());
    set.finish(&mut |_, one| taken.extend(one.values.iter().map(Value::to_string)), &mut |one| {
        dropped.push(format!("{}: {}", one.id, one.reason))
    });
    assert_eq!(valueless.len(), dropped.len(), "{valueless:?} {dropped:?}");
    (taken, dropped)
}

fn about(subject: Subject, text: &str) -> Option<Expression> {
    Some(Expression::about(subject, text).unwrap_or_else(|error| panic!("{text}: {error}")))
}

#[test]
fn a_filter_sees_the_properties_of_an_indicator() {
    for (text, holds) in [
        ("[indicator:id = 'ex:i']", true),
        ("[indicator:name = 'C2 of Emotet']", true),
        ("[indicator:description = 'A <b> name']", true),
        (
            "[indicator:labels[*] = 'C2' AND indicator:indicator_types[1] = 'Domain Watchlist']",
            true,
        ),
        ("[indicator:labels[*] = 'IP Watchlist']", false),
        ("[indicator:confidence = 85]", true),
        ("[indicator:modified = t'2026-02-28T23:00:00Z']", true),
        ("[indicator:valid_from < t'2026-01-01T00:00:01Z']", true),
        ("[EXISTS indicator:valid_until]", false),
        ("[indicator:kill_chain_phases[*].phase_name = 'Delivery']", true),
        ("[indicator:kill_chain_phases[0].kill_chain_name = 'LM']", true),
        ("[indicator:created_by = 'Bureau' AND indicator:created_by_ref = 'ex:Bureau']", true),
        // The package's marking holds for what is in it.
        ("[indicator:tlp = 'AMBER']", true),
        ("[indicator:tlp = 'RED']", false),
    ] {
        let drop = ObjectFilter { drop: about(Subject::Indicator, text), ..Default::default() };
        let (taken, dropped) = filtered(drop, &[&described()]);
        assert_eq!(taken.is_empty(), holds, "{text}");
        let reason = "ex:i: the feed's filter drops it".to_owned();
        assert_eq!(dropped, if holds { vec![reason] } else { vec![] }, "{text}");
        let pass = ObjectFilter { pass: about(Subject::Indicator, text), ..Default::default() };
        assert_eq!(filtered(pass, &[&described()]).0.is_empty(), !holds, "{text}");
    }
}

#[test]
fn a_filter_sees_the_properties_of_a_package() {
    for (text, holds) in [
        ("[package:id = 'ex:package-1']", true),
        ("[package:name LIKE 'Weekly%']", true),
        ("[package:description = 'All of it']", true),
        ("[package:intents[*] = 'Indicators - Watchlist']", true),
        ("[package:intents[1] = 'Observations']", true),
        ("[package:intents[*] = 'Incident']", false),
        ("[package:created_by = 'ISAC' AND package:created_by_ref = 'ex:ISAC']", true),
        ("[package:tlp = 'AMBER']", true),
        ("[EXISTS package:modified]", false),
    ] {
        let filter = |pass, drop| ObjectFilter {
            pass_package: pass,
            drop_package: drop,
            ..Default::default()
        };
        let expression = about(Subject::Package, text);
        let (taken, dropped) = filtered(filter(None, expression.clone()), &[&described()]);
        assert_eq!(taken.is_empty(), holds, "{text}");
        let reason = "ex:i: the feed's filter drops the package \"ex:package-1\"".to_owned();
        assert_eq!(dropped, if holds { vec![reason] } else { vec![] }, "{text}");
        assert_eq!(filtered(filter(expression, None), &[&described()]).0.is_empty(), !holds);
    }
}

#[test]
fn types_are_the_labels_of_an_indicator() {
    let labels = |pass: &[&str], drop: &[&str]| ObjectFilter {
        pass_labels: pass.iter().map(ToString::to_string).collect(),
        drop_labels: drop.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    for (pass, drop, count) in [
        (&["c2"][..], &[][..], 1),
        (&["domain watchlist"], &["benign"], 1),
        (&["benign"], &[], 0),
        (&[], &["C2"], 0),
    ] {
        assert_eq!(filtered(labels(pass, drop), &[&described()]).0.len(), count);
    }
    // An observable has no types.
    let seen = r#"<stix:Observables><cybox:Observable id="o">"#.to_owned()
        + &domain(EQUALS, "seen.example")
        + "</cybox:Observable></stix:Observables>";
    let seen = package("p", &seen);
    assert_eq!(filtered(labels(&[], &["c2"]), &[&seen]).0, ["seen.example"]);
    assert_eq!(filtered(labels(&["c2"], &[]), &[&seen]).0.len(), 0);
}

#[test]
fn what_is_dropped_is_dropped_with_everything_inside_and_nothing_else() {
    let one = |id: &str, name: &str| indicator(id, "", &observed(&domain(EQUALS, name)));
    let outer = |id: &str, name: &str, inner: &str| {
        let related = "<stix:Related_Packages><stix:Related_Package><stix:Package";
        package(
            id,
            &format!(
                r#"{}{related} id="inner">{inner}</stix:Package></stix:Related_Package></stix:Related_Packages>"#,
                one(&format!("{id}-i"), name)
            ),
        )
    };
    let drop = |text: &str| ObjectFilter {
        drop_package: about(Subject::Package, text),
        ..Default::default()
    };
    let text = outer("outer", "outer.example", &one("inner-i", "inner.example"));
    let (taken, dropped) = filtered(drop("[package:id = 'inner']"), &[&text]);
    assert_eq!((taken, dropped.len()), (vec!["outer.example".to_owned()], 1));
    let (taken, dropped) = filtered(drop("[package:id = 'outer']"), &[&text]);
    assert_eq!((taken, dropped.len()), (vec![], 2));
    assert!(dropped.iter().all(|one| one.ends_with("\"outer\"")), "{dropped:?}");
    // Another package that lists the same indicator, or refers to something, still counts.
    let (copy, refers) = (
        package("copy", &one("outer-i", "outer.example")),
        package("refers", &indicator("r", "", r#"<indicator:Observable idref="ob"/>"#)),
    );
    let defines = package(
        "outer",
        &format!(
            r#"{}<stix:Observables><cybox:Observable id="ob">{}</cybox:Observable></stix:Observables>"#,
            one("outer-i", "outer.example"),
            domain("", "defined.example")
        ),
    );
    for packages in [[&defines, &copy, &refers], [&refers, &copy, &defines]] {
        let packages = packages.map(|text| &**text);
        let (mut taken, dropped) = filtered(drop("[package:id = 'outer']"), &packages);
        taken.sort();
        assert_eq!(taken, ["defined.example", "outer.example"]);
        assert_eq!(dropped, [""; 0]);
    }
}
