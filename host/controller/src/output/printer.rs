//! Prints the results of a scan in the form that the arguments ask for.

use std::io;
use std::ops::ControlFlow;

use super::json::write_json;
use super::sink::Sink;
use super::table::{table_head, write_coloured_rows, write_plain_rows};
use super::terminal::wants_colour;
use crate::cli::Output;
use crate::pipeline::{Collect, Report, Tally};
use crate::text::escape_controls;

/// Prints reports in order.
pub(crate) struct Printer {
    asked: Output,
    sink: Sink,
    colour: bool,
    /// The scan stops at the first match.
    first_is_enough: bool,
    tally: Tally,
    /// The number of the log whose name was printed last.
    named: Option<u64>,
    failed: Option<anyhow::Error>,
}

impl Printer {
    pub(crate) fn new(asked: Output, first_is_enough: bool) -> anyhow::Result<Printer> {
        Ok(Printer {
            asked,
            sink: Sink::stdout()?,
            colour: wants_colour(&io::stdout()),
            first_is_enough,
            tally: Tally::default(),
            named: None,
            failed: None,
        })
    }

    /// Returns the function that writes events, or `None` if events are only counted.
    pub(crate) fn render(&self) -> Option<Collect<Vec<u8>>> {
        match self.asked {
            Output::Json => Some(write_json),
            Output::Table if self.colour => Some(write_coloured_rows),
            Output::Table => Some(write_plain_rows),
            Output::Count | Output::FilesWithMatches | Output::Quiet => None,
        }
    }

    /// Prints a report. Returns `Break` if nothing more needs to be printed.
    pub(crate) fn print(&mut self, report: Report<Vec<u8>>) -> ControlFlow<()> {
        let is_first = self.tally.events == 0;
        let has_matches = report.tally.events > 0;
        let text = match self.asked {
            Output::Table if has_matches && is_first => {
                [table_head(self.colour).into_bytes(), report.collected].concat()
            }
            Output::FilesWithMatches if has_matches && self.named != Some(report.source.number) => {
                self.named = Some(report.source.number);
                format!("{}\n", escape_controls(&report.source.name)).into_bytes()
            }
            _ => report.collected,
        };
        self.tally.merge(report.tally);
        if let Err(error) = self.sink.write(&text) {
            self.failed = Some(error);
        }
        let enough = self.first_is_enough && self.tally.events > 0;
        match enough || self.failed.is_some() || self.sink.is_closed() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// Prints the count, if only that is asked for. Fails if an earlier write failed.
    pub(crate) fn finish(&mut self) -> anyhow::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.asked == Output::Count {
            self.sink.write(format!("{}\n", self.tally.events).as_bytes())?;
        }
        Ok(())
    }

    /// The counts of all reports so far.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Returns whether the summary is to be printed.
    pub(crate) fn wants_summary(&self) -> bool {
        self.asked != Output::Quiet && !self.sink.is_closed()
    }
}
