//! AWS VPC flow logs: the default format, and any other with a header line.
//!
//! Files in S3 have a header line with the fields' names. Records from CloudWatch Logs in the
//! default format have none.

use threatsieve_blacklist::observable::Kind;

use super::record::{Clock, Column, Record};
use super::table::Table;
use crate::format::Format;
use crate::malformed::MalformedLine;
use crate::split::words;

/// The fields of the default format.
const DEFAULT: [&str; 14] = [
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
];

/// The fields by which a header line is recognised. Each format has one of them.
const ENDS: [&str; 6] =
    ["srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr", "interface-id", "log-status"];

const KNOWN: &[(&str, Column)] = &[
    ("version", Column::number("vpc_flow.version")),
    ("account-id", Column::plain("cloud.account.id")),
    ("interface-id", Column::plain("vpc_flow.interface_id")),
    ("srcaddr", Column::value("source.ip", Kind::Address)),
    ("dstaddr", Column::value("destination.ip", Kind::Address)),
    ("srcport", Column::number("source.port")),
    ("dstport", Column::number("destination.port")),
    ("protocol", Column::plain("network.iana_number")),
    ("packets", Column::number("network.packets")),
    ("bytes", Column::number("network.bytes")),
    ("start", Column::plain("vpc_flow.start")),
    ("end", Column::plain("vpc_flow.end")),
    ("action", Column::plain("event.action")),
    ("log-status", Column::plain("vpc_flow.log_status")),
    ("pkt-srcaddr", Column::value("vpc_flow.pkt_srcaddr", Kind::Address)),
    ("pkt-dstaddr", Column::value("vpc_flow.pkt_dstaddr", Kind::Address)),
];

pub(super) fn default_table() -> Table {
    Table::new("vpc_flow", DEFAULT.into_iter(), KNOWN)
}

/// Returns whether a line has the names of fields.
pub(crate) fn is_header(line: &[u8]) -> bool {
    line.first().is_some_and(u8::is_ascii_lowercase)
        && line.iter().all(|byte| byte.is_ascii_lowercase() || b"-_ 0123456789".contains(byte))
        && words(line).count() >= 2
        && words(line).any(|word| ENDS.iter().any(|end| end.as_bytes() == word))
        && words(line).all(is_name)
}

/// Returns whether a word of the header is a name: it has no digits, except in `s3` and `az1`.
fn is_name(word: &[u8]) -> bool {
    word.iter().filter(|byte| byte.is_ascii_digit()).count() <= 1
}

/// Reads a header line.
pub(super) fn header(line: &[u8]) -> Option<Table> {
    if !is_header(line) {
        return None;
    }
    let names = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    Some(Table::new("vpc_flow", names, KNOWN))
}

pub(super) fn read<'a>(
    table: &'a Table,
    line: &'a [u8],
    record: &mut Record<'a>,
) -> Result<(), MalformedLine> {
    if is_header(line) {
        return Ok(());
    }
    // Most lines of other formats end here.
    let starts_with_version = table.columns.first().is_some_and(|(name, _)| name == "version");
    if starts_with_version && !line.first().is_some_and(u8::is_ascii_digit) {
        return Err(MalformedLine::Field {
            format: Format::VpcFlow,
            position: 1,
            field: "version",
            expected: "a number",
        });
    }
    let (expected, got) = (table.columns.len(), words(line).count());
    if got != expected {
        return Err(MalformedLine::Columns { format: Format::VpcFlow, expected, got });
    }
    let (mut start, mut end) = (&b""[..], &b""[..]);
    for (number, ((name, column), value)) in table.columns.iter().zip(words(line)).enumerate() {
        let expected = match name.as_str() {
            "version" if !value.iter().all(u8::is_ascii_digit) => "a number",
            "interface-id" if !is_interface(value) => "an interface (`eni-...`)",
            "start" | "end" if !is_time(value) => "seconds since 1970",
            "srcport" | "dstport" | "protocol" if !is_number(value) => "a number",
            "start" => {
                start = value;
                ""
            }
            "end" => {
                end = value;
                ""
            }
            _ => "",
        };
        if !expected.is_empty() {
            let position = number + 1;
            let field = "field of the header";
            return Err(MalformedLine::Field {
                format: Format::VpcFlow,
                position,
                field,
                expected,
            });
        }
        record.push(column, value);
    }
    let time = if is_number(start) && start != b"-" && !start.is_empty() { start } else { end };
    record.clock = Clock::Epoch(time);
    Ok(())
}

fn is_interface(value: &[u8]) -> bool {
    value.starts_with(b"eni-") || value == b"-"
}

fn is_time(value: &[u8]) -> bool {
    value == b"-" || value.len() >= "1000000000".len() && is_number(value)
}

fn is_number(value: &[u8]) -> bool {
    value == b"-" || value.iter().all(u8::is_ascii_digit)
}
