//! Ports of events, for indicators that match only on theirs (`match_port`).

use threatsieve_blacklist::{EventContext, Timestamp};
use threatsieve_log::Parser;

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
        Ports { destination: parser.destination_port(line), observables }
    }

    /// The observable of that number with its event, as a hit is judged.
    pub(crate) fn seen(&self, number: u32, at: Timestamp) -> EventContext {
        let observable = self.observables.get(number as usize).map_or(&[][..], Vec::as_slice);
        EventContext::with_ports(at, observable, self.destination)
    }
}
