//! The counts of a scan.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Number of examples that are kept for each kind of problem.
const EXAMPLES: usize = 3;

/// A line with a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Example {
    pub(crate) file: Arc<str>,
    pub(crate) line: u64,
    pub(crate) reason: String,
    /// The start of the line.
    pub(crate) text: String,
}

/// Lines with the same problem: their number, and the first few.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Examples {
    pub(crate) count: u64,
    pub(crate) first: Vec<Example>,
}

impl Examples {
    /// Counts a line. The example is made only if it is kept.
    pub(crate) fn add(&mut self, example: impl FnOnce() -> Example) {
        self.count += 1;
        if self.first.len() < EXAMPLES {
            self.first.push(example());
        }
    }

    fn merge(&mut self, later: Examples) {
        self.count += later.count;
        let room = EXAMPLES - self.first.len();
        self.first.extend(later.first.into_iter().take(room));
    }
}

/// The counts for some lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) lines: u64,
    /// Number of events that matched.
    pub(crate) events: u64,
    /// Lines that do not fit the log's format.
    pub(crate) malformed: Examples,
    /// Lines of which only the first part was checked, because they are too long.
    pub(crate) cut: Examples,
    /// Lines that the matcher gave no answer for.
    pub(crate) unchecked: Examples,
    /// Number of matches that the allow-list suppressed.
    pub(crate) suppressed: u64,
    /// Number of partial matches that the policy excludes.
    pub(crate) partial: u64,
    /// Number of matches without an indicator that counts, because of validity, confidence,
    /// marking, or `--exact`.
    pub(crate) outside_policy: u64,
    /// Number of lines with a match that are too old to count.
    pub(crate) too_old: u64,
    /// Number of CONNECT requests, which log no path.
    pub(crate) connects: u64,
    /// Number of lines by format.
    pub(crate) formats: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Adds the counts of later lines.
    pub(crate) fn merge(&mut self, later: Tally) {
        self.lines += later.lines;
        self.events += later.events;
        self.malformed.merge(later.malformed);
        self.cut.merge(later.cut);
        self.unchecked.merge(later.unchecked);
        self.suppressed += later.suppressed;
        self.partial += later.partial;
        self.outside_policy += later.outside_policy;
        self.too_old += later.too_old;
        self.connects += later.connects;
        for (format, lines) in later.formats {
            *self.formats.entry(format).or_default() += lines;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_examples_are_kept_in_order() {
        let example =
            |line| Example { file: "a".into(), line, reason: String::new(), text: String::new() };
        let mut all = Tally::default();
        for piece in 0..3 {
            let mut tally = Tally { lines: 10, ..Tally::default() };
            tally.malformed.add(|| example(2 * piece));
            tally.malformed.add(|| example(2 * piece + 1));
            all.merge(tally);
        }
        assert_eq!((all.lines, all.malformed.count), (30, 6));
        assert_eq!(all.malformed.first.iter().map(|e| e.line).collect::<Vec<_>>(), [0, 1, 2]);
    }
}
