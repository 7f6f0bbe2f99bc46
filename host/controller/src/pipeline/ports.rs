//! The ports of events, for indicators that match only with their port (`match_port`).

use threatsieve_blacklist::{EventContext, Timestamp};
use threatsieve_log::Parser;

/// The ports of one line: its destination port, and those that its observables name.
pub(crate) struct Ports {
    destination: Option<u16>,
    observables: Vec<Vec<u8>>,
}

impl Ports {
    /// Reads a line again. Needed only for blacklists that compare ports, and for lines with a hit.
    pub(crate) fn of(parser: &Parser, line: &[u8]) -> Ports {
        let mut observables = Vec::new();
        // The line was read before, so errors were counted already.
        let _ = parser.observables(line, &mut |_, value| observables.push(value.to_owned()));
        Ports { destination: parser.destination_port(line), observables }
    }

    /// Returns the context for judging a hit on the observable with this number.
    pub(crate) fn seen(&self, number: u32, at: Timestamp) -> EventContext {
        let observable = self.observables.get(number as usize).map_or(&[][..], Vec::as_slice);
        EventContext::with_ports(at, observable, self.destination)
    }
}
