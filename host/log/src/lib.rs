//! Threatsieve's log parsers: bytes in, events and their observables out. No I/O.
//!
//! [`Format::detect`] tells a log's format from its first bytes. A [`Parser`] of that format then takes line after line: it hands over
//! each line's observables for the matcher, and of a line that matched also the fields' names, the whole event with the names of the
//! Elastic Common Schema, and its time. [`Fields`] says where NDJSON and Zeek events hold observables. Values are handed over as they
//! stand in the line: what they mean is decided by the matcher's normaliser alone.
//!
//! ```
//! use threatsieve_log::{Fields, Format, Parser};
//!
//! let line = b"1795314625.802 5 10.1.2.3 TCP_MISS/404 603 GET http://www.evil.example/a? - HIER_DIRECT/192.0.2.7 text/html";
//! let parser = Parser::new(Format::detect(line), &Fields::default());
//! let mut seen = Vec::new();
//! let malformed = parser.observables(line, &mut |kind, value| seen.push((kind, value.to_vec())));
//! assert_eq!((malformed, seen.len()), (None, 3));
//! assert_eq!(parser.observable(line, 0), Some(("url.original".into(), "http://www.evil.example/a?".into())));
//! assert_eq!(parser.event(line)["destination"]["ip"], "192.0.2.7");
//! ```
//!
//! Every function takes any bytes and returns. Limits: [`MAX_LINE_BYTES`] a line, 128 levels of JSON within wanted fields; the time for a line is
//! proportional to its length.

mod check;
mod combined;
mod detect;
mod ecs;
mod endpoints;
mod fields;
mod format;
mod host;
mod lines;
mod malformed;
mod marks;
mod ndjson;
mod observe;
mod parser;
mod ports;
mod squid;
mod syslog;
mod text;
mod time;
mod zeek;

pub use check::check;
pub use detect::SAMPLE_BYTES;
pub use fields::Fields;
pub use format::Format;
pub use malformed::{MAX_LINE_BYTES, MalformedLine};
pub use parser::Parser;
pub use time::moment;
