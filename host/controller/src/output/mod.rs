//! Everything that is printed.

mod build_report;
mod json;
mod messages;
mod printer;
mod progress;
mod sink;
mod summary;
mod table;
mod terminal;
mod time;
mod view;

pub(crate) use build_report::BuildReport;
pub(crate) use json::safe_json;
pub(crate) use messages::{complain, note};
pub(crate) use printer::Printer;
pub(crate) use progress::{Done, Progress};
pub(crate) use sink::Sink;
pub(crate) use summary::Summary;
pub(crate) use table::indicator;
pub(crate) use terminal::{clipped, counted, grouped, harmless, sized};
pub(crate) use threatsieve_flag::moment;
pub(crate) use time::Rfc3339;
pub(crate) use view::{EntryJson, IndicatorJson};
