//! The packet filter's log of pfSense and OPNsense (`filterlog`): CSV after the syslog header.
//!
//! The positions depend on the version of IP, as the grammar in pfSense's documentation has it.

use super::record::{
    ACTION, Column, DESTINATION_IP, DESTINATION_PORT, Record, SOURCE_IP, SOURCE_PORT, TRANSPORT,
};
use crate::format::Format;
use crate::malformed::MalformedLine;

const INTERFACE: usize = 4;
const ACTION_AT: usize = 6;
const DIRECTION: usize = 7;
const VERSION: usize = 8;

static INTERFACE_NAME: Column = Column::plain("filterlog.interface");
static DIRECTION_NAME: Column = Column::plain("network.direction");
static RULE: Column = Column::plain("filterlog.tracker");

fn wrong(position: usize, field: &'static str, expected: &'static str) -> MalformedLine {
    MalformedLine::Field { format: Format::Filterlog, position: position + 1, field, expected }
}

pub(super) fn read<'a>(line: &'a [u8], record: &mut Record<'a>) -> Result<(), MalformedLine> {
    let rule = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if line.get(rule) != Some(&b',') {
        return Err(wrong(0, "rule", "a number or nothing"));
    }
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b',').collect();
    // The positions of protocol, source and destination.
    let (protocol, source) = match fields.get(VERSION) {
        Some(&b"4") => (16, 18),
        Some(&b"6") => (12, 15),
        _ => return Err(wrong(VERSION, "IP version", "4 or 6")),
    };
    if !matches!(fields[DIRECTION], b"in" | b"out" | b"in/out") {
        return Err(wrong(DIRECTION, "direction", "in, out or in/out"));
    }
    let Some([from, to]) = fields.get(source..source + 2) else {
        let (expected, got) = (source + 2, fields.len());
        return Err(MalformedLine::TooFewFields { format: Format::Filterlog, expected, got });
    };
    if [from, to].iter().any(|address| !address.iter().any(|byte| b".:".contains(byte))) {
        return Err(wrong(source, "source and destination", "two addresses"));
    }
    let name = fields[protocol];
    let has_ports = name.eq_ignore_ascii_case(b"tcp") || name.eq_ignore_ascii_case(b"udp");
    // The ports are whole if the length of the data follows.
    if has_ports && fields.len() <= source + 4 {
        let (expected, got) = (source + 5, fields.len());
        return Err(MalformedLine::TooFewFields { format: Format::Filterlog, expected, got });
    }
    record.push(&RULE, fields[3]);
    record.push(&INTERFACE_NAME, fields[INTERFACE]);
    record.push(&ACTION, fields[ACTION_AT]);
    record.push(&DIRECTION_NAME, fields[DIRECTION]);
    record.push(&TRANSPORT, name);
    record.push(&SOURCE_IP, *from);
    record.push(&DESTINATION_IP, *to);
    if has_ports {
        record.push(&SOURCE_PORT, fields[source + 2]);
        record.push(&DESTINATION_PORT, fields[source + 3]);
    }
    Ok(())
}
