//! A line with candidates, on its way from the matcher to the state.

use serde_json::{Map, Value};
use threatsieve_blacklist::Timestamp;
use threatsieve_flag::Found;

use super::event::Event;
use super::piece::Collected;

/// A line with candidates, copied out of its piece.
#[derive(Debug)]
pub(crate) struct FoundEvent {
    /// Offset of the line's first byte in the unpacked log.
    pub(crate) offset: u64,
    /// The line's number, from 1.
    pub(crate) line: u64,
    pub(crate) time: Option<Timestamp>,
    /// The line. Bytes that are not UTF-8 are replaced (U+FFFD).
    pub(crate) raw: String,
    /// The fields of the line, with names of ECS.
    pub(crate) event: Map<String, Value>,
    pub(crate) found: Vec<Found>,
    /// Number of matches beyond the limit for one event.
    pub(crate) omitted: u64,
}

/// The events of one piece.
#[derive(Debug, Default)]
pub(crate) struct FoundEvents {
    pub(crate) events: Vec<FoundEvent>,
    bytes: usize,
}

impl Collected for FoundEvents {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Adds an event.
pub(crate) fn collect_events(event: &Event<'_>, out: &mut FoundEvents) {
    // An estimate of the memory: the line, its fields, and each indicator's texts.
    let indicators: usize =
        event.found.iter().map(|found| found.matched.entry.indicators.len()).sum();
    out.bytes += 4 * event.line.len() + 512 * indicators;
    out.events.push(FoundEvent {
        offset: event.offset,
        line: event.number,
        time: event.time(),
        raw: String::from_utf8_lossy(event.line).into_owned(),
        event: event.parser.event(event.line),
        found: event.found.clone(),
        omitted: event.omitted,
    });
}

impl FoundEvent {
    /// The host that the event came from.
    pub(crate) fn source(&self) -> Option<&str> {
        ["source.ip", "source.domain", "source.address", "host.name"]
            .into_iter()
            .find_map(|name| text_at(&self.event, name))
    }
}

/// The text of a field by its dotted name, nested or with literal dots. For an array, the text of
/// the first element.
fn text_at<'e>(event: &'e Map<String, Value>, name: &str) -> Option<&'e str> {
    let text = event.get(name).and_then(|value| match value {
        Value::Array(values) => values.first().and_then(Value::as_str),
        value => value.as_str(),
    });
    text.or_else(|| {
        let (outer, inner) = name.split_once('.')?;
        text_at(event.get(outer)?.as_object()?, inner)
    })
}
