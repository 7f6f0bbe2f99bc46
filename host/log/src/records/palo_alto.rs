//! PAN-OS's logs in CSV, as its firewalls send them by syslog.
//!
//! The positions of TRAFFIC and THREAT lines are those of PAN-OS's documentation. Of other types
//! only the time is known.

use std::borrow::Cow;

use memchr::memchr;
use threatsieve_blacklist::observable::Kind;

use super::record::{
    ACTION, Clock, Column, DESTINATION_IP, DESTINATION_NAT_IP, DESTINATION_PORT, MESSAGE, Record,
    SOURCE_IP, SOURCE_NAT_IP, SOURCE_PORT, TRANSPORT, USER_AGENT,
};
use crate::format::Format;
use crate::malformed::MalformedLine;
use crate::split::csv;

static TYPE: Column = Column::plain("panos.type");
static SUBTYPE: Column = Column::plain("panos.subtype");
static URL: Column = Column::value("url.original", Kind::Any);
static FILE_NAME: Column = Column::value("file.name", Kind::FileName);
static FILE_HASH: Column = Column::value("file.hash.sha256", Kind::Hash);
static FORWARDED: Column = Column::text("network.forwarded_ip");
static REFERRER: Column = Column::value("http.request.referrer", Kind::Url);
static SENDER: Column = Column::value("email.from.address", Kind::Email);
static RECIPIENT: Column = Column::value("email.to.address", Kind::Email);

/// The types of logs in PAN-OS's documentation.
const TYPES: [&[u8]; 16] = [
    b"TRAFFIC",
    b"THREAT",
    b"SYSTEM",
    b"CONFIG",
    b"HIPMATCH",
    b"HIP-MATCH",
    b"GLOBALPROTECT",
    b"USERID",
    b"IPTAG",
    b"DECRYPTION",
    b"TUNNEL",
    b"START",
    b"SCTP",
    b"AUTHENTICATION",
    b"CORRELATION",
    b"AUDIT",
];

const TIME: usize = 1;
const TYPE_AT: usize = 3;
const GENERATED: usize = 6;
/// The positions up to here are common to traffic and threats.
const ACTION_AT: usize = 30;

fn wrong(position: usize, field: &'static str, expected: &'static str) -> MalformedLine {
    MalformedLine::Field { format: Format::PaloAlto, position: position + 1, field, expected }
}

pub(super) fn read<'a>(line: &'a [u8], record: &mut Record<'a>) -> Result<(), MalformedLine> {
    // Most lines of other formats end here.
    let comma = memchr(b',', &line[..line.len().min(16)]);
    let start = comma.and_then(|at| line.get(at + 1..at + 11));
    if !start.is_some_and(is_date) {
        return Err(wrong(TIME, "receive time", "`year/month/day time`"));
    }
    let fields: Vec<Cow<'a, [u8]>> = csv(line).collect();
    let kind = fields.get(TYPE_AT).filter(|kind| TYPES.contains(&&***kind));
    let kind = kind.cloned().ok_or(wrong(TYPE_AT, "type", "TRAFFIC, THREAT or another type"))?;
    let time = fields.get(GENERATED).filter(|time| is_date(time)).unwrap_or(&fields[TIME]);
    record.clock = Clock::Form("%Y/%m/%d %H:%M:%S".into(), time.clone());
    let is_threat = *kind == *b"THREAT";
    let subtype = fields.get(TYPE_AT + 1).cloned().unwrap_or_default();
    let is_known = is_threat || *kind == *b"TRAFFIC";
    if is_known && fields.len() <= ACTION_AT {
        let (expected, got) = (ACTION_AT + 1, fields.len());
        return Err(MalformedLine::TooFewFields { format: Format::PaloAlto, expected, got });
    }
    for (at, field) in fields.into_iter().enumerate().skip(TYPE_AT) {
        let column = column(at, is_known, is_threat, &subtype);
        if std::ptr::eq(column, &FILE_NAME) {
            // The name may be a URL or a digest.
            record.push(&MESSAGE, field.clone());
        }
        record.push(column, field);
    }
    Ok(())
}

/// Returns the column of a position. Those without a meaning here are searched as free text.
fn column(at: usize, is_known: bool, is_threat: bool, subtype: &[u8]) -> &'static Column {
    match at {
        TYPE_AT => &TYPE,
        4 => &SUBTYPE,
        _ if !is_known => &MESSAGE,
        7 => &SOURCE_IP,
        8 => &DESTINATION_IP,
        9 => &SOURCE_NAT_IP,
        10 => &DESTINATION_NAT_IP,
        24 => &SOURCE_PORT,
        25 => &DESTINATION_PORT,
        29 => &TRANSPORT,
        ACTION_AT => &ACTION,
        31 if is_threat => match subtype {
            b"url" => &URL,
            b"file" | b"virus" | b"wildfire" | b"wildfire-virus" | b"data" | b"ml-virus" => {
                &FILE_NAME
            }
            _ => &MESSAGE,
        },
        43 if is_threat => &FILE_HASH,
        46 if is_threat => &USER_AGENT,
        48 if is_threat => &FORWARDED,
        49 if is_threat => &REFERRER,
        50 if is_threat => &SENDER,
        52 if is_threat => &RECIPIENT,
        _ => &MESSAGE,
    }
}

/// Returns whether the text begins like `2026/11/22`.
fn is_date(text: &[u8]) -> bool {
    text.len() >= 10
        && text[4] == b'/'
        && text[7] == b'/'
        && text[..4].iter().all(u8::is_ascii_digit)
}
