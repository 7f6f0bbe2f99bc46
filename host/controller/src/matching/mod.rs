//! Lines in, matches out: what is done with each piece of a log, whether it is scanned or followed.

mod event;
mod headers;
mod matcher;
mod piece;
mod reader;
mod tally;

#[cfg(test)]
mod tests;

pub(crate) use event::Event;
pub(crate) use headers::after_headers;
pub(crate) use matcher::{Matcher, Times};
pub(crate) use piece::{Collect, Collected, End, Piece, Report, Source, Worker};
pub(crate) use reader::{Read, Reader, Recycled};
pub(crate) use tally::{Example, Examples, Tally};
