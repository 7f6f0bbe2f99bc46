//! TLP levels: from the places that name them to the indicators with the marking.

use super::*;

fn refs(ids: &[&str]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| format!(r#""marking-definition--{id}""#)).collect();
    format!(r#", "object_marking_refs": [{}]"#, ids.join(", "))
}

fn definition(id: &str, more: &str) -> String {
    format!(
        r#"{{"type": "marking-definition", "id": "marking-definition--{id}", "created": "2026-01-01T00:00:00Z"{more}}}"#
    )
}

fn tlp(objects: &[&str]) -> (Option<Tlp>, u64) {
    let outcome = read(&[&bundle(objects)]);
    (outcome.indicators[0].tlp, outcome.report.unknown_markings)
}

#[test]
fn definitions_of_the_specifications_are_built_in() {
    for (id, level) in [
        ("613f2e26-407d-48c7-9eca-b8e91df99dc9", Tlp::Clear),
        ("34098fce-860f-48ae-8e50-ebd3cc5e41da", Tlp::Green),
        ("f88d31f6-486f-44da-b317-01333bde0b82", Tlp::Amber),
        ("5e57c739-391a-4eb3-b6be-7d15ca92d5ed", Tlp::Red),
        ("94868c89-83c2-464b-929b-a1a8aa3c8487", Tlp::Clear),
        ("bab4a63c-aed9-4cf5-a766-dfca5abac2bb", Tlp::Green),
        ("55d920b0-5e8b-4f79-9ee9-91f868d9b421", Tlp::Amber),
        ("939a9414-2ddd-4d32-a0cd-375ea402b003", Tlp::AmberStrict),
        ("e828b379-4e03-4974-9ac4-e53a884c97c1", Tlp::Red),
    ] {
        assert_eq!(tlp(&[&indicator("1", "a.example", &refs(&[id]))]), (Some(level), 0));
        // Nobody can define them to mean something else.
        let other = definition(
            id,
            r#", "definition_type": "statement", "definition": {"statement": "free"}"#,
        );
        assert_eq!(tlp(&[&other, &indicator("1", "a.example", &refs(&[id]))]), (Some(level), 0));
    }
}

#[test]
fn a_definition_may_come_anywhere_and_name_its_level_in_several_ways() {
    for (more, want) in [
        (r#", "definition_type": "tlp", "definition": {"tlp": "amber"}"#, (Some(Tlp::Amber), 0)),
        (r#", "definition_type": "tlp", "definition": {"tlp": "WHITE"}"#, (Some(Tlp::Clear), 0)),
        (
            r#", "extensions": {"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": {"extension_type": "property-extension", "tlp_2_0": "amber+strict"}}"#,
            (Some(Tlp::AmberStrict), 0),
        ),
        (
            r#", "definition_type": "ais", "definition": {"consent": "everyone", "tlp": "green"}"#,
            (Some(Tlp::Green), 0),
        ),
        (
            r#", "definition_type": "statement", "definition": {"statement": "Copyright 2026"}"#,
            (None, 0),
        ),
        (
            r#", "name": "TLP:RED", "definition_type": "statement", "definition": {}"#,
            (Some(Tlp::Red), 0),
        ),
        (r#", "definition_type": "tlp", "definition": {"tlp": "purple"}"#, (Some(Tlp::Red), 1)),
        (r#", "definition_type": "access", "definition": {"who": "us"}"#, (Some(Tlp::Red), 1)),
        ("", (Some(Tlp::Red), 1)),
    ] {
        let (mark, made) = (definition("m", more), indicator("1", "a.example", &refs(&["m"])));
        assert_eq!(tlp(&[&mark, &made]), want, "{more}");
        assert_eq!(tlp(&[&made, &mark]), want, "{more}");
        let apart = read(&[&bundle(&[&made]), &bundle(&[&mark])]);
        assert_eq!((apart.indicators[0].tlp, apart.report.unknown_markings), want, "{more}");
    }
}

#[test]
fn the_strictest_of_the_whole_and_its_parts_holds() {
    let amber = "55d920b0-5e8b-4f79-9ee9-91f868d9b421";
    let green = "34098fce-860f-48ae-8e50-ebd3cc5e41da";
    let part = format!(
        r#", "granular_markings": [{{"lang": "en", "selectors": ["name"]}}, {{"marking_ref": "marking-definition--{amber}", "selectors": ["pattern"]}}]"#
    );
    assert_eq!(tlp(&[&indicator("1", "a.example", &part)]), (Some(Tlp::Amber), 0));
    assert_eq!(
        tlp(&[&indicator("1", "a.example", &format!("{part}{}", refs(&[green])))]),
        (Some(Tlp::Amber), 0)
    );
    assert_eq!(
        tlp(&[&indicator("1", "a.example", &refs(&[amber, green, amber]))]),
        (Some(Tlp::Amber), 0)
    );
    assert_eq!(tlp(&[&indicator("1", "a.example", &refs(&[]))]), (None, 0));
}

#[test]
fn an_undefined_marking_is_the_strictest() {
    assert_eq!(
        tlp(&[&indicator("1", "a.example", &refs(&["34098fce-860f-48ae-8e50-ebd3cc5e41da", "x"]))]),
        (Some(Tlp::Red), 1)
    );
    let many: Vec<String> = (0..100).map(|n| format!("m{n}")).collect();
    let definitions: Vec<String> = many
        .iter()
        .map(|id| definition(id, r#", "definition_type": "statement", "definition": {}"#))
        .collect();
    let made =
        indicator("1", "a.example", &refs(&many.iter().map(String::as_str).collect::<Vec<_>>()));
    let objects: Vec<&str> = definitions.iter().chain([&made]).map(String::as_str).collect();
    assert_eq!(tlp(&objects), (Some(Tlp::Red), 1), "more than are distinguished");
}

#[test]
fn the_stricter_of_differing_definitions_and_copies_holds() {
    let level = |name: &str| {
        definition(
            "m",
            &format!(r#", "definition_type": "tlp", "definition": {{"tlp": "{name}"}}"#),
        )
    };
    let made = indicator("1", "a.example", &refs(&["m"]));
    for order in [["green", "red"], ["red", "green"]] {
        assert_eq!(tlp(&[&level(order[0]), &made, &level(order[1])]), (Some(Tlp::Red), 0));
    }
    let copies = ["34098fce-860f-48ae-8e50-ebd3cc5e41da", "f88d31f6-486f-44da-b317-01333bde0b82"]
        .map(|id| version("1", "a.example", "2026-01-01T00:00:00Z", &refs(&[id])));
    assert_eq!(tlp(&[&copies[0], &copies[1]]), (Some(Tlp::Amber), 0));
    assert_eq!(tlp(&[&copies[1], &copies[0]]), (Some(Tlp::Amber), 0));
}
