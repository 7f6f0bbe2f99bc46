//! Invalid options.

use serde_json::{Value as Json, json};

use super::world::{node_json, processor};
use crate::failure::{Failure, Kind};
use crate::options::{CheckOptions, NodeOptions};

fn with(mut options: Json, key: &str, value: Json) -> Vec<u8> {
    options[key] = value;
    options.to_string().into_bytes()
}

fn message<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
    let failure = result.unwrap_err();
    assert_eq!(failure.kind, Kind::Options);
    failure.message
}

#[test]
fn wrong_options_of_a_node() {
    for (key, value, part) in [
        ("deadline_ms", json!(7), "deadline_ms is 7, expected 8 to 600000"),
        ("instances", json!(0), "instances is 0, expected 1 to 1024"),
        ("instance_memory_bytes", json!(1), "instance_memory_bytes is 1, expected 16777216 to"),
        ("memory_limit_bytes", json!(-1), "invalid value"),
        ("trusted_key_pem", json!("no key"), "trusted_key_pem: expected an Ed25519 public key"),
        ("deadline", json!(8), "unknown field `deadline`"),
    ] {
        let message = message(NodeOptions::read(&with(node_json(), key, value)));
        assert!(message.contains(part), "{message}");
    }
    assert!(message(NodeOptions::read(b"{}")).contains("missing field"));
    assert!(message(NodeOptions::read(b"")).contains("EOF"));
    let options = NodeOptions::read(node_json().to_string().as_bytes()).unwrap();
    assert!(!options.runner.signal_traps, "the JVM has handlers of its own");
}

#[test]
fn wrong_options_of_a_processor() {
    for (key, value, part) in [
        ("fields", json!([]), "the number of fields is 0, expected 1 to 256"),
        ("fields", json!(vec!["x"; 257]), "is 257"),
        ("min_confidence", json!(101), "min_confidence is 101, expected 0 to 100"),
        ("min_confidence", json!(256), "invalid value"),
        (
            "max_tlp",
            json!("PINK"),
            "max_tlp: expected one of CLEAR, GREEN, AMBER, AMBER+STRICT, RED, got \"PINK\"",
        ),
        ("stamp", json!("some"), "unknown variant `some`"),
        ("message_format", json!("zeek"), "unknown variant `zeek`"),
        ("feilds", json!([]), "unknown field `feilds`"),
    ] {
        let message = message(CheckOptions::cached(&with(processor(), key, value)));
        assert!(message.contains(part), "{message}");
    }
    let names = ["clear", "WHITE", "AMBER+STRICT"];
    assert!(
        names
            .iter()
            .all(|name| CheckOptions::read(&with(processor(), "max_tlp", json!(name))).is_ok())
    );
}

#[test]
fn options_are_parsed_once_for_each_thread() {
    let [first, second] = [
        processor(),
        json!({
            "fields": ["x"], "min_confidence": 1, "max_tlp": "RED", "max_matches": 2,
            "partial": true,
        }),
    ]
    .map(|options| options.to_string().into_bytes());
    let one = CheckOptions::cached(&first).unwrap();
    assert!(std::rc::Rc::ptr_eq(&one, &CheckOptions::cached(&first).unwrap()));
    assert_eq!(CheckOptions::cached(&second).unwrap().fields, ["x"]);
    assert_eq!(CheckOptions::cached(&first).unwrap().fields.len(), 4);
}
