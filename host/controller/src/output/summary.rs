//! The summary of a scan, printed once at its end on standard error.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use crate::indicators::Rejections;
use crate::pipeline::{Examples, Tally};
use crate::text::{counted, escape_controls, grouped, sized};

/// The facts of a summary.
pub(crate) struct Summary<'a> {
    pub(crate) tally: &'a Tally,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    /// Entries of folders that were skipped.
    pub(crate) skipped: u64,
    /// Number of URLs in the blacklist. CONNECT requests cannot match them.
    pub(crate) listed_urls: u64,
    /// The rejections of the lists and feeds that were compiled for this scan.
    pub(crate) rejections: &'a Rejections,
    pub(crate) suffixes_made_exact: u64,
}

impl Summary<'_> {
    /// Prints the summary. Errors are ignored: if standard error is closed, nobody reads it.
    pub(crate) fn print(&self) {
        let _ = io::stderr().lock().write_all(self.text().as_bytes());
    }

    fn text(&self) -> String {
        let tally = self.tally;
        let formats = tally.formats.keys().copied().collect::<Vec<_>>().join(", ");
        let mut text = format!(
            "threatsieve: {} matched of {} ({} in {}, {:.2} s{}{})\n",
            counted(tally.events, "event", "events"),
            counted(tally.lines, "line", "lines"),
            sized(self.bytes),
            counted(self.files, "file", "files"),
            self.elapsed.as_secs_f64(),
            if formats.is_empty() { "" } else { ", read as " },
            formats,
        );
        self.trouble(&mut text);
        self.not_counted(&mut text);
        self.indicators(&mut text);
        text
    }

    /// Lines that were not checked, or not in full.
    fn trouble(&self, text: &mut String) {
        let tally = self.tally;
        let lines = |examples: &Examples, what: &str| match examples.count {
            1 => format!("1 {what} line"),
            count => format!("{} {what} lines", grouped(count)),
        };
        listed(
            text,
            &lines(&tally.unchecked, "unchecked"),
            "the matcher gave no answer for",
            &tally.unchecked,
        );
        listed(
            text,
            &lines(&tally.malformed, "malformed"),
            "not of the log's format",
            &tally.malformed,
        );
        listed(
            text,
            &lines(&tally.cut, "overlong"),
            "matched in their first part only",
            &tally.cut,
        );
        if self.skipped > 0 {
            let entries = counted(self.skipped, "folder entry", "folder entries");
            _ = writeln!(
                text,
                "  {entries} skipped: hidden, a link to a folder, or no regular file"
            );
        }
    }

    /// Matches that do not count.
    fn not_counted(&self, text: &mut String) {
        let tally = self.tally;
        let mut say = |count: u64, one: &str, many: &str, why: &str| {
            if count > 0 {
                _ = writeln!(text, "  {} {why}", counted(count, one, many));
            }
        };
        say(tally.suppressed, "match", "matches", "suppressed by the allow-list");
        say(
            tally.partial,
            "partial match",
            "partial matches",
            "not counted: a URL listed with a query in a log that leaves queries out, or a word \
             that may be a file's name; --partial counts them",
        );
        say(
            tally.outside_policy,
            "match",
            "matches",
            "not counted: no indicator valid at the event's time (--at sets another) and within \
             --min-confidence, --max-tlp and --exact",
        );
        if self.listed_urls > 0 && tally.connects > 0 {
            let (urls, connects) = (self.listed_urls, tally.connects);
            _ = writeln!(
                text,
                "  {} on {}, which log no path",
                counted(
                    urls,
                    "listed URL could not be matched",
                    "listed URLs could not be matched"
                ),
                counted(connects, "CONNECT request", "CONNECT requests"),
            );
        }
    }

    /// Rejected and skipped parts of lists and feeds.
    fn indicators(&self, text: &mut String) {
        for (kind, count) in &self.rejections.values {
            _ = writeln!(
                text,
                "  {} rejected: {kind}",
                counted(*count, "indicator value", "indicator values")
            );
        }
        for (kind, count) in &self.rejections.patterns {
            _ = writeln!(
                text,
                "  {} not or not fully reduced: {kind}",
                counted(*count, "STIX pattern", "STIX patterns")
            );
        }
        for (reason, count) in &self.rejections.skipped {
            _ = writeln!(text, "  {} skipped: {reason}", counted(*count, "record", "records"));
        }
        if self.suffixes_made_exact > 0 {
            let suffixes = counted(self.suffixes_made_exact, "public suffix", "public suffixes");
            _ = writeln!(text, "  {suffixes} matched exactly, without the names below");
        }
        if !self.rejections.values.is_empty() || !self.rejections.patterns.is_empty() {
            text.push_str("  (threatsieve build --rejected FILE lists them)\n");
        }
    }
}

fn listed(text: &mut String, lines: &str, what: &str, examples: &Examples) {
    if examples.count == 0 {
        return;
    }
    _ = writeln!(
        text,
        "  {lines} ({what}){}",
        if examples.count > 3 { ", the first ones:" } else { ":" }
    );
    for example in &examples.first {
        let (file, line, reason) = (escape_controls(&example.file), example.line, &example.reason);
        _ = writeln!(text, "    {file}:{line}: {}: {}", escape_controls(reason), example.text);
    }
}
