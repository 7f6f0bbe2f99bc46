//! BIND's query log (`category queries`), and other messages about clients (`rpz`, `responses`).
//!
//! `[time] [category:] [severity:] client [@0x...] ADDRESS#PORT [(name)]: [view NAME:] query: NAME
//! CLASS TYPE FLAGS (SERVER)`.

use std::sync::LazyLock;

use memchr::memchr;
use memchr::memmem::{self, Finder};

use super::record::{
    Clock, DESTINATION_IP, MESSAGE, QUESTION, QUESTION_CLASS, QUESTION_TYPE, Record, SOURCE_IP,
    SOURCE_PORT,
};
use crate::format::Format;
use crate::malformed::MalformedLine;
use crate::split::{word, words};

/// The number of bytes before `client`: time, category and severity.
const MAX_FRONT: usize = 96;

const CLIENT: &[u8] = b"client ";
static FIND_CLIENT: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(CLIENT));

fn wrong(position: usize, field: &'static str, expected: &'static str) -> MalformedLine {
    MalformedLine::Field { format: Format::Bind, position, field, expected }
}

pub(super) fn read<'a>(line: &'a [u8], record: &mut Record<'a>) -> Result<(), MalformedLine> {
    let front = &line[..line.len().min(MAX_FRONT)];
    let at = FIND_CLIENT.find(front).ok_or(wrong(1, "client", "`client`"))?;
    let front = front[..at].trim_ascii_end();
    let (first, after) = word(front);
    let (second, categories) = word(after);
    let categories = if is_date(first) {
        record.clock = Clock::Form(
            "%d-%b-%Y %H:%M:%S%.f".into(),
            (&front[..first.len() + 1 + second.len()]).into(),
        );
        categories
    } else if first.first().is_some_and(u8::is_ascii_digit) {
        record.clock = Clock::Iso(first.into());
        after
    } else {
        front
    };
    if !words(categories).all(|word| word.ends_with(b":")) {
        return Err(wrong(1, "category", "a time, a category and a severity at most"));
    }
    let rest = &line[at + CLIENT.len()..];
    let rest = if rest.starts_with(b"@") { word(rest).1 } else { rest };
    let (client, rest) = word(rest);
    let client = client.strip_suffix(b":").unwrap_or(client);
    let hash = memchr(b'#', client).ok_or(wrong(3, "client", "an address, `#` and a port"))?;
    record.push(&SOURCE_IP, &client[..hash]);
    record.push(&SOURCE_PORT, &client[hash + 1..]);
    let (name, message) = match word(rest) {
        (name, message) if name.starts_with(b"(") => (Some(name), message),
        _ => (None, rest),
    };
    let query = [&b"query: "[..], b"response: "]
        .iter()
        .find_map(|mark| Some(&message[memmem::find(message, mark)? + mark.len()..]));
    let Some(query) = query else {
        if let Some(name) = name {
            let name = name.strip_suffix(b":").unwrap_or(name);
            record.push(&QUESTION, &name[1..name.len().saturating_sub(1).max(1)]);
        }
        record.push(&MESSAGE, message);
        return Ok(());
    };
    let (name, rest) = word(query);
    let (class, rest) = word(rest);
    let (kind, rest) = word(rest);
    if kind.is_empty() {
        return Err(wrong(5, "query", "a name, a class and a type"));
    }
    record.push(&QUESTION, name);
    record.push(&QUESTION_CLASS, class);
    record.push(&QUESTION_TYPE, kind);
    let server = words(rest).last().and_then(|word| word.strip_prefix(b"(")?.strip_suffix(b")"));
    record.push(&DESTINATION_IP, server.unwrap_or_default());
    Ok(())
}

/// Returns whether a word is like `22-Nov-2026`.
fn is_date(word: &[u8]) -> bool {
    word.len() == "22-Nov-2026".len() && word[2] == b'-' && word[6] == b'-'
}
