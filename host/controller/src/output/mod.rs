//! Everything that is printed.

mod json;
mod messages;
mod progress;
mod sink;
mod summary;
mod table;
mod terminal;

pub(crate) use messages::{complain, note};
pub(crate) use progress::{Done, Progress};
pub(crate) use sink::Sink;
pub(crate) use terminal::{clipped, counted, grouped, harmless, sized, wants_colour};
