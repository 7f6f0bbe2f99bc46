//! Unbound's log of queries and replies (`log-queries`, `log-replies`, `log-local-actions`).
//!
//! `[time] unbound[pid:thread] info: ADDRESS NAME TYPE CLASS ...`. A local action or a policy zone
//! puts words before the address, and `@port` after it.

use std::sync::LazyLock;

use memchr::memchr;
use memchr::memmem::{self, Finder};

use super::record::{
    Clock, Column, MESSAGE, QUESTION, QUESTION_CLASS, QUESTION_TYPE, Record, SOURCE_IP, SOURCE_PORT,
};
use crate::format::Format;
use crate::malformed::MalformedLine;
use crate::split::words;

/// The number of bytes before the message: time, host, program and severity.
const MAX_FRONT: usize = 256;
/// The number of words before the client's address.
const MAX_WORDS: usize = 8;
const CLASSES: [&[u8]; 5] = [b"IN", b"CH", b"HS", b"NONE", b"ANY"];

static FIND_PROGRAM: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"unbound"));

static RCODE: Column = Column::plain("dns.response_code");

pub(super) fn read<'a>(line: &'a [u8], record: &mut Record<'a>) -> Result<(), MalformedLine> {
    let (front, message) = split(line).ok_or(MalformedLine::Field {
        format: Format::Unbound,
        position: 1,
        field: "program",
        expected: "`unbound[process:thread] severity:`",
    })?;
    if let Some(inner) = front.strip_prefix(b"[")
        && let Some(end) = memchr(b']', inner)
        && inner[..end].iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
    {
        record.clock = Clock::Epoch(&inner[..end]);
    } else {
        record.push(&MESSAGE, front);
    }
    let fields: Vec<&[u8]> = words(message).take(MAX_WORDS + 5).collect();
    let found =
        fields.windows(4).position(|window| is_address(window[0]) && CLASSES.contains(&window[3]));
    let Some(at) = found else {
        record.push(&MESSAGE, message);
        return Ok(());
    };
    for word in &fields[..at] {
        record.push(&MESSAGE, *word);
    }
    let end = memchr(b'@', fields[at]).unwrap_or(fields[at].len());
    record.push(&SOURCE_IP, &fields[at][..end]);
    record.push(&SOURCE_PORT, fields[at].get(end + 1..).unwrap_or_default());
    record.push(&QUESTION, fields[at + 1]);
    record.push(&QUESTION_TYPE, fields[at + 2]);
    record.push(&QUESTION_CLASS, fields[at + 3]);
    if let Some(code) = fields.get(at + 4) {
        record.push(&RCODE, *code);
    }
    Ok(())
}

/// Splits a line after its severity.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let front = &line[..line.len().min(MAX_FRONT)];
    let program = FIND_PROGRAM.find(front)?;
    let marks =
        [&b" info: "[..], b" query: ", b" reply: ", b" notice: ", b" warning: ", b" error: "];
    let end = marks
        .iter()
        .filter_map(|mark| memmem::find(&front[program..], mark).map(|at| at + mark.len()))
        .min()?;
    Some(line.split_at(program + end))
}

/// Returns whether a word is an address, with or without `@port`.
fn is_address(word: &[u8]) -> bool {
    let end = memchr(b'@', word).unwrap_or(word.len());
    let address = &word[..end];
    address.iter().all(|byte| byte.is_ascii_hexdigit() || b".:%".contains(byte))
        && (memchr(b':', address).is_some()
            || memchr::memchr_iter(b'.', address).count() == 3
                && address.last().is_some_and(u8::is_ascii_digit))
}
