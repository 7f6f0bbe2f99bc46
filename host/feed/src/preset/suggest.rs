//! Suggestions of presets for tables that nothing else recognises.

use std::sync::Arc;

use super::{Format, Header, Preset, Presets};
use crate::list::{ListForm, ListOptions, ListReport, read_list};

/// The number of lines that a preset must fit.
const LINES: usize = 20;
/// The most presets that are suggested.
const SUGGESTED: usize = 5;

impl Presets {
    /// Returns names of presets whose columns are those of an input: by its header, or because they
    /// fit each of its first lines.
    pub(crate) fn suggest(&self, start: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(start);
        // The last line may be cut.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines: Vec<&str> = whole.lines().filter(|line| super::is_data(line)).collect();
        let lines = &lines[..lines.len().min(LINES)];
        let all = self.all();
        let forms = all.iter().flat_map(|feed| &feed.forms);
        let mut names: Vec<String> =
            forms.filter(|form| form.fits(lines)).map(|form| form.name.clone()).collect();
        names.dedup();
        names.truncate(SUGGESTED);
        names
    }
}

impl Preset {
    /// Returns whether all lines are records with the columns of this preset.
    fn fits(&self, lines: &[&str]) -> bool {
        let by = self.delimiter.as_deref().unwrap_or(",");
        let is_table = self.format == Format::Csv && self.split.is_none() && by != "ws";
        let Header::Names(names) = &self.header else {
            return is_table && lines.first().is_some_and(|header| self.has_header(header, by));
        };
        let has_fields = |line: &&str| line.split(by).count() == names.len();
        if !is_table || names.len() < 2 || lines.is_empty() || !lines.iter().all(has_fields) {
            return false;
        }
        let options = ListOptions {
            form: ListForm::Declared(Arc::new(self.clone())),
            ..ListOptions::default()
        };
        let text = lines.join("\n");
        // A word of a header may look like a name of one label.
        let mut values = 0;
        let mut count = |_, listed: &str| {
            values += usize::from(listed.contains(['.', ':']) || listed.len() >= 32);
        };
        let report = read_list(text.as_bytes(), &options, &mut count, &mut |_| {});
        let is_clean = |report: ListReport| report.rejected == 0 && report.skipped.is_empty();
        report.is_ok_and(is_clean) && values >= lines.len()
    }

    /// Returns whether a header names all columns of this preset, as they are written.
    fn has_header(&self, header: &str, by: &str) -> bool {
        let names: Vec<&str> = header.split(by).map(|name| name.trim().trim_matches('"')).collect();
        let values = self.indicators.iter().map(|one| &one.column);
        let mut columns = values.chain(&self.type_column).chain(&self.tags);
        columns.all(|column| names.contains(&column.as_str()))
    }
}
