//! Hostile components: the documents that go unchecked, and the end of their calls.

use serde_json::{Value as Json, json};
use threatsieve_runner::Code;

use super::world::{World, described, documents_with, hostile, node_json, processor};

fn world(code: Code) -> World {
    let world = World::with(node_json(), code);
    world.load("hostile", &described()).unwrap();
    world
}

fn check(world: &World, documents: &[&[&str]]) -> Json {
    let documents: Vec<_> = documents.iter().map(|values| (*values, "")).collect();
    world.check("hostile", &processor(), &documents).unwrap().unwrap()
}

#[test]
fn only_the_poisonous_document_is_unchecked() {
    let world = world(hostile!("poisoned"));
    for poisonous in [0, 1, 499, 500, 998, 999] {
        let documents: Vec<&[&str]> =
            (0..1000)
                .map(|number| {
                    if number == poisonous { &["good", "!bad", "good"][..] } else { &["fine"][..] }
                })
                .collect();
        let answer = check(&world, &documents);
        assert_eq!(documents_with(&answer, "unchecked"), [poisonous]);
        assert_eq!(answer["generation"], 7);
        let expected: Vec<u64> = (0..1000).filter(|number| *number != poisonous).collect();
        assert_eq!(documents_with(&answer, "enrichments"), expected);
        let bad = &answer["documents"][poisonous as usize];
        assert_eq!(bad["unchecked"], "trap");
        assert!(bad["detail"].as_str().unwrap().contains("unreachable"), "{bad}");
    }
    let counted = &world.node.status()["blacklists"]["hostile"];
    // The whole batch, and ten halvings of a thousand documents.
    assert!(counted["traps"].as_u64().unwrap() <= 6 * 11, "{counted}");
}

#[test]
fn several_poisonous_documents() {
    let world = world(hostile!("poisoned"));
    let documents: [&[&str]; 8] =
        [&["a"], &["!"], &["b", "c"], &["d"], &["e"], &["f"], &["g", "!"], &["h"]];
    let answer = check(&world, &documents);
    assert_eq!(documents_with(&answer, "unchecked"), [1, 6]);
    assert_eq!(documents_with(&answer, "enrichments"), [0, 2, 3, 4, 5, 7]);
    // Values and fields are those of the document, in either half.
    let matched = |document: usize, n: usize| {
        answer["documents"][document]["enrichments"][n]["matched"].clone()
    };
    assert_eq!(matched(2, 0)["atomic"], "b");
    assert_eq!(matched(7, 0)["atomic"], "h");
    assert_eq!(matched(7, 0)["field"], "url.original");
}

#[test]
fn failing_ends() {
    for (component, reason, counter) in [
        (hostile!("endless_loop"), "deadline", "deadlines"),
        (hostile!("unreachable"), "trap", "traps"),
        (hostile!("memory_growth"), "memory", "memory_refusals"),
        (hostile!("wrong_entry"), "internal", "other_errors"),
    ] {
        let mut options = node_json();
        // Sixteen calls last this long.
        options["deadline_ms"] = json!(20);
        let world = World::with(options, component);
        world.load("hostile", &described()).unwrap();
        let documents = [&["a"][..]; 100];
        let answer = check(&world, &documents);
        assert_eq!(documents_with(&answer, "unchecked"), (0..100).collect::<Vec<u64>>());
        assert!(
            answer["documents"].as_array().unwrap().iter().all(|one| one["unchecked"] == reason)
        );
        assert_eq!(answer["generation"], 7);
        let failed = world.node.status()["blacklists"]["hostile"][counter].as_u64().unwrap();
        assert_eq!(failed, 16, "{reason}");
    }
}

#[test]
fn lines_go_unchecked_too() {
    let world = world(hostile!("unreachable"));
    let mut options = processor();
    options["message_format"] = json!("text");
    let answer = world.check_lines("hostile", &options, &[b"nothing", b"to evil.com", b"evil.org"]);
    let answer = answer.unwrap().unwrap();
    assert_eq!(documents_with(&answer, "unchecked"), [1, 2]);
}
