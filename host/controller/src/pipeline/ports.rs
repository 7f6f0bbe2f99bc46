//! Ports of events, for indicators that match only on theirs (`match_port`).

use serde_json::{Map, Value};
use threatsieve_blacklist::{Seen, Timestamp};
use threatsieve_log::Parser;

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

/// The ports of one line: its own, and those that its observables name.
pub(crate) struct Ports {
    destination: Option<u16>,
    observables: Vec<Vec<u8>>,
}

impl Ports {
    /// Reads a line once more; only for blacklists that compare ports, and lines with a hit.
    pub(crate) fn of(parser: &Parser, line: &[u8]) -> Ports {
        let mut observables = Vec::new();
        // It was read before, so it is not malformed.
        let _ = parser.observables(line, &mut |_, value| observables.push(value.to_owned()));
        let event = parser.event(line);
        let destination = FIELDS.iter().find_map(|path| port(&event, path));
        Ports { destination, observables }
    }

    /// The observable of that number with its event, as a hit is judged.
    pub(crate) fn seen(&self, number: u32, at: Timestamp) -> Seen {
        let observable = self.observables.get(number as usize).map_or(&[][..], Vec::as_slice);
        Seen::with_ports(at, observable, self.destination)
    }
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
