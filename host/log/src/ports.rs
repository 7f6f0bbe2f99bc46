//! Ports of events, for indicators that match only on theirs.

use serde_json::{Map, Value};

/// Where events have the port that was connected to: as ECS, Suricata, Zeek and others name it.
const FIELDS: [&str; 8] = [
    "destination.port",
    "dest_port",
    "dst_port",
    "dstport",
    "DestinationPort",
    "dpt",
    "id.resp_p",
    "server.port",
];

/// The port that an event's connection went to.
pub(crate) fn destination(event: &Map<String, Value>) -> Option<u16> {
    FIELDS.iter().find_map(|path| port(event, path))
}

/// The number or text at a path, nested or with dots in its keys.
fn port(event: &Map<String, Value>, path: &str) -> Option<u16> {
    let value = match event.get(path) {
        Some(value) => value,
        None => {
            let (first, rest) = path.split_once('.')?;
            return port(event.get(first)?.as_object()?, rest);
        }
    };
    match value {
        Value::Number(number) => number.as_u64()?.try_into().ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_are_found_nested_and_dotted_and_as_text() {
        for (event, path) in [
            (json!({"destination": {"port": 443}}), "destination.port"),
            (json!({"destination.port": "443"}), "destination.port"),
            (json!({"dest_port": 443}), "dest_port"),
            (json!({"id.resp_p": 443}), "id.resp_p"),
        ] {
            assert_eq!(port(event.as_object().unwrap(), path), Some(443), "{event}");
        }
        for event in [json!({"destination": {"port": 70000}}), json!({"destination": 443}), json!({})] {
            assert_eq!(port(event.as_object().unwrap(), "destination.port"), None, "{event}");
        }
    }
}
