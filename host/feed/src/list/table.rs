//! Lists in CSV with a header (RFC 4180; separated by commas, semicolons or tabs).

use csv_core::{ReadRecordResult, ReaderBuilder, Terminator};
use memchr::memchr;
use threatsieve_blacklist::{DomainMode, Indicator, Timestamp, Tlp, UrlMode, Value};

use super::line::Lines;
use super::{LineError, ListOptions, Reader, bare, unquote};
use crate::FeedError;
use crate::text::cut;
use crate::time::lenient;

/// The columns that are read, by their place in a record.
pub(super) struct Table {
    delimiter: u8,
    value: usize,
    confidence: Option<usize>,
    valid_from: Option<usize>,
    valid_until: Option<usize>,
    tlp: Option<usize>,
    name: Option<usize>,
    kind: Option<usize>,
}

impl Table {
    /// Reads a header; a line that names no column of values is none.
    pub(super) fn from_header(line: &str) -> Option<Table> {
        // Names hold no tabs; one at the start is that of a first column without a name.
        let delimiters: &[u8] = if line.contains('\t') { b"\t" } else { b",;" };
        delimiters.iter().find_map(|&delimiter| {
            let mut record = Record::new(delimiter);
            if record.start(line).ok()? == End::OpenQuote {
                return None;
            }
            // A value that happens to hold a delimiter (`http://evil.com/a;value`) is no header.
            let is_name =
                |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_- ()#".contains(&b));
            if !(0..record.len()).all(|n| is_name(record.field(n))) {
                return None;
            }
            let place = |names: &[&str]| {
                (0..record.len())
                    .find(|&n| names.iter().any(|name| record.field(n).eq_ignore_ascii_case(name)))
            };
            Some(Table {
                delimiter,
                value: place(&["value", "indicator", "ioc"])?,
                confidence: place(&["confidence"]),
                valid_from: place(&["valid_from"]),
                valid_until: place(&["valid_until"]),
                tlp: place(&["tlp"]),
                name: place(&["name"]),
                kind: place(&["type"]),
            })
        })
    }

    /// Reads the records after the header.
    pub(super) fn read(&self, lines: &mut Lines<'_>, reader: &mut Reader<'_>) -> Result<(), FeedError> {
        let mut record = Record::new(self.delimiter);
        while let Some(line) = lines.next()? {
            let Some(trimmed) = reader.text(&line) else { continue };
            // Where tabs part the fields, one at the start is an empty field.
            let first = if self.delimiter == b'\t' { line.text().unwrap_or(trimmed) } else { trimmed };
            let number = line.number;
            match record.start(first) {
                Ok(End::Whole) => self.record(&record, first, number, reader),
                Ok(End::OpenQuote) => {
                    let first = first.to_owned();
                    let mut text = first.clone();
                    if record.go_on(&mut text, lines, reader.options)? {
                        self.record(&record, &text, number, reader);
                    } else {
                        let ListOptions { max_record_lines: lines, max_line_bytes: bytes, .. } =
                            *reader.options;
                        reader.refuse(number, &first, LineError::OpenQuote { lines, bytes });
                    }
                }
                Err(error) => reader.refuse(number, first, error),
            }
        }
        Ok(())
    }

    fn record(&self, record: &Record, text: &str, number: u32, reader: &mut Reader<'_>) {
        match self.indicator(record, number, reader.options.url_mode) {
            Ok(indicator) => reader.take(indicator, record.field(self.value)),
            Err(error) => reader.refuse(number, text, error),
        }
    }

    fn indicator(&self, record: &Record, number: u32, url_mode: UrlMode) -> Result<Indicator, LineError> {
        // An empty field says nothing, as one that is not there.
        let field = |place: Option<usize>| place.map(|n| record.field(n)).filter(|text| !text.is_empty());
        let value = field(Some(self.value)).unwrap_or_default();
        let (value, kind) = typed(value, field(self.kind), url_mode)?;
        Ok(Indicator {
            confidence: field(self.confidence).map(confidence).transpose()?,
            valid_from: field(self.valid_from).map(|text| time("valid_from", text)).transpose()?,
            valid_until: field(self.valid_until).map(|text| time("valid_until", text)).transpose()?,
            tlp: field(self.tlp).map(tlp).transpose()?,
            name: field(self.name).map(cut),
            types: kind.map(cut).into_iter().collect(),
            ..bare(number, vec![value])
        })
    }
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With its record.
    Whole,
    /// Within a quoted field, which goes on in the next line.
    OpenQuote,
}

/// One record's fields.
struct Record {
    delimiter: u8,
    parser: csv_core::Reader,
    text: Vec<u8>,
    text_bytes: usize,
    ends: Vec<usize>,
    fields: usize,
}

impl Record {
    fn new(delimiter: u8) -> Record {
        // Left to itself the parser also ends a record at a carriage return, and what follows in the line would be lost.
        let parser = ReaderBuilder::new().delimiter(delimiter).terminator(Terminator::Any(b'\n')).build();
        Record { delimiter, parser, text: Vec::new(), text_bytes: 0, ends: Vec::new(), fields: 0 }
    }

    /// Starts anew with a line.
    fn start(&mut self, line: &str) -> Result<End, LineError> {
        self.parser.reset();
        (self.text_bytes, self.fields) = (0, 0);
        self.line(line)
    }

    /// Adds the lines that a quoted field goes on over, to `text` too. Where it does not end, as after a quote that nobody meant to open
    /// a field, they are left to be read again: `false`.
    fn go_on(
        &mut self,
        text: &mut String,
        lines: &mut Lines<'_>,
        options: &ListOptions,
    ) -> Result<bool, FeedError> {
        let mut held = Vec::new();
        for _ in 1..options.max_record_lines {
            let Some(line) = lines.next()? else { break };
            held.push(line.hold());
            let Ok(more) = line.text() else { break };
            if text.len() + more.len() >= options.max_line_bytes || self.ends_oddly(more) {
                break;
            }
            text.push('\n');
            text.push_str(more);
            match self.line(more) {
                Ok(End::Whole) => return Ok(true),
                Ok(End::OpenQuote) => {}
                Err(_) => break,
            }
        }
        lines.again(held);
        Ok(false)
    }

    /// Whether the quoted field that goes on over this line ends in it, but no delimiter or line's end follows: then the quote is more
    /// likely another field's first one (RFC 4180 section 2.7 has quotes inside fields doubled).
    fn ends_oddly(&self, line: &str) -> bool {
        let mut rest = line.as_bytes();
        while let Some(quote) = memchr(b'"', rest) {
            rest = &rest[quote + 1..];
            match rest.strip_prefix(b"\"") {
                Some(after) => rest = after,
                None => {
                    let after = rest.trim_ascii_start().first();
                    return rest.first() != Some(&self.delimiter)
                        && after.is_some_and(|b| *b != self.delimiter);
                }
            }
        }
        false
    }

    /// Takes a line and its end. Whether a quote opens a field or is a character in it is for the parser alone to say.
    fn line(&mut self, line: &str) -> Result<End, LineError> {
        let (result, used) = self.feed(line.as_bytes());
        if used < line.len() || !matches!(result, ReadRecordResult::InputEmpty) {
            return Err(LineError::AfterRecord { column: used + 1 });
        }
        match self.feed(b"\n").0 {
            ReadRecordResult::Record => Ok(End::Whole),
            _ => Ok(End::OpenQuote),
        }
    }

    /// Gives bytes to the parser; how many it took.
    fn feed(&mut self, bytes: &[u8]) -> (ReadRecordResult, usize) {
        // An empty input would tell the parser that there is no more.
        if bytes.is_empty() {
            return (ReadRecordResult::InputEmpty, 0);
        }
        // Bytes give at most as many of text and as many fields, and there must always be room for one more.
        self.text.resize(self.text_bytes + bytes.len() + 1, 0);
        self.ends.resize(self.fields + bytes.len() + 1, 0);
        let (result, used, wrote, ended) =
            self.parser.read_record(bytes, &mut self.text[self.text_bytes..], &mut self.ends[self.fields..]);
        self.text_bytes += wrote;
        self.fields += ended;
        (result, used)
    }

    fn len(&self) -> usize {
        self.fields
    }

    /// A field without white space and quotes around it; empty where the record is too short.
    fn field(&self, place: usize) -> &str {
        let ends = &self.ends[..self.fields];
        let start = place.checked_sub(1).map_or(Some(0), |before| ends.get(before).copied());
        let bytes = start.zip(ends.get(place)).and_then(|(start, &end)| self.text.get(start..end));
        unquote(std::str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default().trim())
    }
}

/// The value as its type says; a type that is none of values' (`phishing`) is the indicator's own.
fn typed<'t>(
    text: &str,
    kind: Option<&'t str>,
    url_mode: UrlMode,
) -> Result<(Value, Option<&'t str>), LineError> {
    let Some(kind) = kind else { return Ok((Value::from_list(text, url_mode)?, None)) };
    let value = match kind.to_ascii_lowercase().as_str() {
        "domain" | "domain-name" | "domain_name" | "hostname" | "host" | "fqdn" => {
            let (name, mode) = match text.strip_prefix("*.") {
                Some(name) => (name, DomainMode::Below),
                None => match text.strip_prefix('.') {
                    Some(name) => (name, DomainMode::Tree),
                    None => (text, DomainMode::AtAndBelow),
                },
            };
            Value::domain(name, mode)?
        }
        "ip" | "ipv4" | "ipv6" | "ipv4-addr" | "ipv6-addr" | "ip-dst" | "ip-src" | "cidr" | "address" => {
            Value::address(text)?
        }
        "url" | "uri" => Value::url(text, url_mode)?,
        "md5" | "sha1" | "sha-1" | "sha256" | "sha-256" | "hash" | "md5_hash" | "sha1_hash"
        | "sha256_hash" => Value::hash(text)?,
        "email" | "email-addr" | "email-src" | "email-dst" => Value::email(text)?,
        other if UNMATCHED.contains(&other) => {
            return Err(column("type", "a type of value that events are matched for", kind));
        }
        _ => return Ok((Value::from_list(text, url_mode)?, Some(kind))),
    };
    Ok((value, None))
}

/// Types of values that exports hold and nothing here matches: read as domains, their values would be wrong ones (`evil.dll`).
const UNMATCHED: [&str; 17] = [
    "asn",
    "btc",
    "file-name",
    "filename",
    "imphash",
    "ja3",
    "ja3s",
    "mac-address",
    "mutex",
    "port",
    "registry-key",
    "regkey",
    "sha512",
    "ssdeep",
    "tlsh",
    "user-agent",
    "yara",
];

fn confidence(text: &str) -> Result<u8, LineError> {
    // Programs that keep a column with gaps as floats write `75.0`.
    let whole =
        text.split_once('.').filter(|(_, zeros)| !zeros.is_empty() && zeros.bytes().all(|b| b == b'0'));
    let number = whole.map_or(text, |(number, _)| number);
    let digits = number.bytes().all(|b| b.is_ascii_digit());
    let number = number.parse().ok().filter(|&number: &u8| digits && number <= 100);
    number.ok_or_else(|| column("confidence", "a whole number from 0 to 100, or nothing", text))
}

fn time(name: &'static str, text: &str) -> Result<Timestamp, LineError> {
    lenient(text).ok_or_else(|| column(name, "a date `YYYY-MM-DD` or date and time as in RFC 3339", text))
}

fn tlp(text: &str) -> Result<Tlp, LineError> {
    let name = text.get(..4).filter(|start| start.eq_ignore_ascii_case("TLP:")).map_or(text, |_| &text[4..]);
    Tlp::from_name(name.trim())
        .ok_or_else(|| column("tlp", "a TLP level (CLEAR, WHITE, GREEN, AMBER, AMBER+STRICT, RED)", text))
}

fn column(column: &'static str, expected: &'static str, got: &str) -> LineError {
    LineError::Column { column, expected, got: cut(got) }
}
