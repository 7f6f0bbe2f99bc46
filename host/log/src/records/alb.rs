//! Access logs of AWS load balancers: Application Load Balancer, Classic Load Balancer, and the TLS
//! log of Network Load Balancer.

use threatsieve_blacklist::observable::Kind;

use super::record::{
    BODY_BYTES, Clock, Column, DESTINATION_IP, DESTINATION_PORT, MESSAGE, Record, SOURCE_IP,
    SOURCE_PORT, STATUS, USER_AGENT,
};
use crate::format::Format;
use crate::malformed::MalformedLine;
use crate::split::Quoted;
use crate::time;

/// The first field of an Application Load Balancer's line.
const TYPES: [&[u8]; 6] = [b"http", b"https", b"h2", b"grpcs", b"ws", b"wss"];

static BALANCER: Column = Column::plain("alb.name");
static SERVER_NAME: Column = Column::value("tls.client.server_name", Kind::Host);
static REDIRECT: Column = Column::value("alb.redirect_url", Kind::Url);
static RECEIVED: Column = Column::number("http.request.bytes");

/// The fields' positions from the time on.
mod at {
    pub(super) const BALANCER: usize = 1;
    pub(super) const CLIENT: usize = 2;
    pub(super) const TARGET: usize = 3;
    pub(super) const TIMES: std::ops::Range<usize> = 4..7;
    pub(super) const STATUS: usize = 7;
    pub(super) const RECEIVED: usize = 9;
    pub(super) const SENT: usize = 10;
    pub(super) const REQUEST: usize = 11;
    pub(super) const AGENT: usize = 12;
    /// Only Application Load Balancers have it, and all after it.
    pub(super) const SERVER_NAME: usize = 17;
    pub(super) const REDIRECT: usize = 22;
}

/// The fields' positions in the log of Network Load Balancer, from the time on.
mod at_network {
    pub(super) const CLIENT: usize = 3;
    pub(super) const TARGET: usize = 4;
    pub(super) const SERVER_NAME: usize = 15;
}

fn wrong(position: usize, field: &'static str, expected: &'static str) -> MalformedLine {
    MalformedLine::Field { format: Format::Alb, position, field, expected }
}

pub(super) fn read<'a>(line: &'a [u8], record: &mut Record<'a>) -> Result<(), MalformedLine> {
    let first = crate::split::word(line).0;
    let is_network = first == b"tls";
    let skipped = if is_network { 2 } else { usize::from(TYPES.contains(&first)) };
    let mut walk = Quoted::new(line);
    let mut fields = walk.by_ref().skip(skipped);
    let time = fields.next().filter(|time| {
        time.first().is_some_and(u8::is_ascii_digit)
            && std::str::from_utf8(time).is_ok_and(|time| time::iso(time).is_some())
    });
    let time = time.ok_or(wrong(1 + skipped, "time", "a time in ISO 8601"))?;
    let mut rest: Vec<&[u8]> = Vec::with_capacity(32);
    rest.push(time);
    rest.extend(fields);
    if walk.is_cut {
        return Err(wrong(rest.len() + skipped + 1, "quoted field", "a closing quote"));
    }
    record.clock = Clock::Iso(time.into());
    record.push(&BALANCER, rest.get(at::BALANCER).copied().unwrap_or_default());
    match is_network {
        true => network(&rest, record),
        false => application(&rest, skipped, record),
    }
}

fn application<'a>(
    fields: &[&'a [u8]],
    skipped: usize,
    record: &mut Record<'a>,
) -> Result<(), MalformedLine> {
    if fields.len() <= at::AGENT {
        let (expected, got) = (at::AGENT + 1 + skipped, fields.len() + skipped);
        return Err(MalformedLine::TooFewFields { format: Format::Alb, expected, got });
    }
    let are_times = fields[at::TIMES]
        .iter()
        .all(|time| time.iter().all(|byte| byte.is_ascii_digit() || b".-".contains(byte)));
    if !are_times {
        return Err(wrong(at::TIMES.start + 1 + skipped, "processing times", "three numbers"));
    }
    record.endpoint(&SOURCE_IP, &SOURCE_PORT, fields[at::CLIENT]);
    record.endpoint(&DESTINATION_IP, &DESTINATION_PORT, fields[at::TARGET]);
    record.push(&STATUS, fields[at::STATUS]);
    record.push(&RECEIVED, fields[at::RECEIVED]);
    record.push(&BODY_BYTES, fields[at::SENT]);
    record.request(fields[at::REQUEST].trim_ascii());
    record.push(&USER_AGENT, fields[at::AGENT]);
    for (number, field) in fields.iter().enumerate().skip(at::AGENT + 1) {
        let column = match number {
            at::SERVER_NAME => &SERVER_NAME,
            at::REDIRECT => &REDIRECT,
            _ => &MESSAGE,
        };
        record.push(column, *field);
    }
    Ok(())
}

fn network<'a>(fields: &[&'a [u8]], record: &mut Record<'a>) -> Result<(), MalformedLine> {
    if fields.len() <= at_network::SERVER_NAME {
        let (expected, got) = (at_network::SERVER_NAME + 3, fields.len() + 2);
        return Err(MalformedLine::TooFewFields { format: Format::Alb, expected, got });
    }
    record.endpoint(&SOURCE_IP, &SOURCE_PORT, fields[at_network::CLIENT]);
    record.endpoint(&DESTINATION_IP, &DESTINATION_PORT, fields[at_network::TARGET]);
    for (number, field) in fields.iter().enumerate().skip(at_network::TARGET + 1) {
        let is_name = number == at_network::SERVER_NAME;
        record.push(if is_name { &SERVER_NAME } else { &MESSAGE }, *field);
    }
    Ok(())
}
