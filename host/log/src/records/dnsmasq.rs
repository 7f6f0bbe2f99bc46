//! The log of dnsmasq and Pi-hole (`log-queries`).
//!
//! After the program's name: `query[TYPE] NAME from ADDRESS`, `forwarded NAME to ADDRESS`, and
//! `reply`, `cached`, `config`, `gravity blocked` and others as `... NAME is VALUE`. With
//! `log-queries=extra` a serial number and `ADDRESS/PORT` come first.

use std::sync::LazyLock;

use memchr::memchr;
use memchr::memmem::{self, Finder};

use super::record::{
    ANSWER, Column, DESTINATION_IP, DESTINATION_PORT, MESSAGE, QUESTION, QUESTION_TYPE, Record,
    SOURCE_IP, SOURCE_PORT,
};
use crate::format::Format;
use crate::malformed::MalformedLine;
use crate::split::{word, words};
use crate::syslog;

/// The number of bytes before the message: time, host and program.
const MAX_FRONT: usize = 256;

const NAME: &[u8] = b"dnsmasq";
static FIND_NAME: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(NAME));

static VERB: Column = Column::text("event.action");

pub(super) fn read<'a>(line: &'a [u8], record: &mut Record<'a>) -> Result<(), MalformedLine> {
    let (front, message) = split(line).ok_or(MalformedLine::Field {
        format: Format::Dnsmasq,
        position: 1,
        field: "program",
        expected: "`dnsmasq[process]:`",
    })?;
    record.push(&MESSAGE, front);
    let message = extra(message, record);
    let (verb, rest) = word(message);
    if let Some(kind) = verb.strip_prefix(b"query[").and_then(|kind| kind.strip_suffix(b"]"))
        && let Some(from) = memmem::rfind(rest, b" from ")
    {
        record.push(&VERB, &b"query"[..]);
        record.push(&QUESTION_TYPE, kind);
        record.push(&QUESTION, &rest[..from]);
        record.push(&SOURCE_IP, rest[from + b" from ".len()..].trim_ascii());
        return Ok(());
    }
    if verb == b"forwarded"
        && let Some(to) = memmem::rfind(rest, b" to ")
    {
        record.push(&VERB, verb);
        record.push(&QUESTION, &rest[..to]);
        // A port other than 53 follows a `#`.
        let server = rest[to + b" to ".len()..].trim_ascii();
        let hash = memchr(b'#', server).unwrap_or(server.len());
        record.push(&DESTINATION_IP, &server[..hash]);
        record.push(&DESTINATION_PORT, server.get(hash + 1..).unwrap_or_default());
        return Ok(());
    }
    if let Some(is) = memmem::find(message, b" is ")
        && let Some(blank) = memchr::memrchr(b' ', &message[..is])
    {
        record.push(&VERB, &message[..blank]);
        record.push(&QUESTION, &message[blank + 1..is]);
        record.push(&ANSWER, &message[is + b" is ".len()..]);
        return Ok(());
    }
    record.push(&MESSAGE, message);
    Ok(())
}

/// Reads the serial number and the client that `log-queries=extra` adds, and returns the rest.
fn extra<'a>(message: &'a [u8], record: &mut Record<'a>) -> &'a [u8] {
    let (serial, rest) = word(message);
    if serial.is_empty() || !serial.iter().all(u8::is_ascii_digit) {
        return message;
    }
    let (client, rest) = word(rest);
    let Some(slash) = memchr(b'/', client) else { return message };
    let is_query = rest.starts_with(b"query[");
    // The query itself names the client again.
    if !is_query {
        record.push(&SOURCE_IP, &client[..slash]);
    }
    record.push(&SOURCE_PORT, &client[slash + 1..]);
    rest
}

/// Splits a line after the program's name.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let front = &line[..line.len().min(MAX_FRONT)];
    let end = FIND_NAME.find(front)? + NAME.len();
    let mut rest = &line[end..];
    if let Some(after) = rest.strip_prefix(b"-") {
        // `dnsmasq-dhcp`, `dnsmasq-tftp`.
        rest = &after[after.iter().take_while(|byte| byte.is_ascii_lowercase()).count()..];
    }
    if let Some(inner) = rest.strip_prefix(b"[") {
        rest = &inner[memchr(b']', inner)? + 1..];
    }
    if let Some(message) = rest.strip_prefix(b": ") {
        return Some(line.split_at(line.len() - message.len()));
    }
    // RFC 5424 has the name without a colon.
    let (header, message) = syslog::split(line)?;
    (words(header).any(|word| word == NAME)).then_some((header, message))
}
