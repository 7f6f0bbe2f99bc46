//! What a scan counts besides matches.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Examples kept of each kind of trouble: enough to see what it is.
const EXAMPLES: usize = 3;

/// Something that went wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Example {
    pub(crate) file: Arc<str>,
    pub(crate) line: u64,
    pub(crate) reason: String,
    /// The line's start.
    pub(crate) text: String,
}

/// Lines with the same trouble: how many, and the first few.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Examples {
    pub(crate) count: u64,
    pub(crate) first: Vec<Example>,
}

impl Examples {
    /// Counts one; the example is made only if it is kept.
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

/// What was met in some lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) lines: u64,
    /// Events that matched.
    pub(crate) events: u64,
    /// Lines that are not of the log's format.
    pub(crate) malformed: Examples,
    /// Lines of which only the first part was looked at.
    pub(crate) cut: Examples,
    /// Lines that the matcher gave no answer for.
    pub(crate) unchecked: Examples,
    /// Matches that an allow-list suppressed, by its entry.
    pub(crate) suppressed: u64,
    /// Partial matches that were not asked for.
    pub(crate) partial: u64,
    /// Matches without an indicator that counts: by validity, confidence, marking, or `--exact`.
    pub(crate) outside_policy: u64,
    /// Lines with a match that are older than what is looked at.
    pub(crate) too_old: u64,
    /// CONNECT requests, which log no path.
    pub(crate) connects: u64,
    /// Lines by format.
    pub(crate) formats: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Adds what was met after this.
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
