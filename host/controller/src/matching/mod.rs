//! Lines in, matches out: what `scan` does with each piece of a log.

mod event;
mod matcher;
mod piece;
mod reader;
mod tally;

#[cfg(test)]
mod tests;

pub(crate) use event::{Event, Found};
pub(crate) use matcher::{Matcher, Setup};
pub(crate) use piece::{Render, Report, Worker};
pub(crate) use reader::{Read, Reader};
pub(crate) use tally::{Examples, Tally};
