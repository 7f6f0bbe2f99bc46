//! Threatsieve's log parsers: bytes in, events and their observables out. No I/O.
//!
//! [`Format::detect`] detects a log's format by its first bytes. A [`Parser`] of that format then
//! reads line after line. It passes on each line's observables for the matcher. For a line that
//! matched it also gives the names of the fields, the time, and the whole event with the names of
//! the Elastic Common Schema. [`Fields`] defines the fields with observables in NDJSON and Zeek
//! events, and a [`Template`] those of lines by a format string. Values are passed on as logged:
//! only the matcher's normaliser decides what they mean.
//!
//! ```
//! use threatsieve_log::{Fields, Format, Parser};
//!
//! let line = b"1795314625.802 5 10.1.2.3 TCP_MISS/404 603 GET http://www.evil.example/a? - \
//!     HIER_DIRECT/192.0.2.7 text/html";
//! let parser = Parser::new(Format::detect(line), &Fields::default());
//! let mut seen = Vec::new();
//! let malformed = parser.named_observables(line, &mut |field, _, value| {
//!     seen.push(format!("{field}={}", String::from_utf8_lossy(value)));
//! });
//! assert_eq!((malformed, seen.len()), (None, 3));
//! assert_eq!(seen[0], "url.original=http://www.evil.example/a?");
//! assert_eq!(parser.event(line)["destination"]["ip"], "192.0.2.7");
//! ```
//!
//! Every function accepts any bytes and returns. Limits: [`MAX_LINE_BYTES`] per line, and 128
//! levels of JSON within wanted fields. The time for a line is proportional to its length.

mod combined;
mod detect;
mod ecs;
mod endpoints;
mod fields;
mod format;
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod lines;
mod malformed;
mod marks;
mod ndjson;
mod observe;
mod parser;
mod ports;
mod records;
mod split;
mod squid;
mod syslog;
mod text;
mod time;
mod zeek;

pub use detect::SAMPLE_BYTES;
pub use fields::{Fields, Use};
pub use format::Format;
pub use malformed::{MAX_LINE_BYTES, MalformedLine};
pub use ndjson::TIMES as TIME_FIELDS;
pub use parser::Parser;
pub use ports::FIELDS as PORT_FIELDS;
pub use records::{Template, TemplateError};
pub use time::parse_time;
