//! Ports of events, for indicators that match only with their port.

use serde_json::{Map, Value};

/// The fields with the destination port: the names of ECS, Suricata, Zeek and others.
pub const FIELDS: [&str; 8] = [
    "destination.port",
    "dest_port",
    "dst_port",
    "dstport",
    "DestinationPort",
    "dpt",
    "id.resp_p",
    "server.port",
];

/// Returns the destination port of an event's connection.
pub(crate) fn destination(event: &Map<String, Value>) -> Option<u16> {
    FIELDS.iter().find_map(|path| port(event, path))
}

/// Reads the number or text at a path, nested or with dots in its keys.
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
        for event in
            [json!({"destination": {"port": 70000}}), json!({"destination": 443}), json!({})]
        {
            assert_eq!(port(event.as_object().unwrap(), "destination.port"), None, "{event}");
        }
    }
}
