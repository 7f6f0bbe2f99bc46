//! Output for people and programs.

mod build_report;
mod json;
mod messages;
mod printer;
mod progress;
mod sink;
mod summary;
mod table;
mod terminal;
mod view;

pub(crate) use build_report::BuildReport;
pub(crate) use messages::{complain, note};
pub(crate) use printer::Printer;
pub(crate) use progress::{Done, Progress};
pub(crate) use sink::Sink;
pub(crate) use summary::Summary;
pub(crate) use table::indicator;
pub(crate) use view::{EntryJson, IndicatorJson};
