//! A problem of a configuration, shown with its line.

use std::fmt::Write as _;
use std::ops::Range;

use crate::text::escape_controls;

/// One problem.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    /// Bytes of the file.
    pub(crate) span: Range<usize>,
    /// The setting, as `feeds.partner.url`; empty for errors of TOML itself.
    pub(crate) key: String,
    pub(crate) text: String,
    /// The span may cover a secret.
    pub(crate) hidden: bool,
}

/// Renders all problems in the order of the file: for each `FILE:LINE:COLUMN: KEY: ...`, its line,
/// and carets under the fault.
pub(crate) fn render(file: &str, text: &str, problems: &mut [Problem]) -> String {
    problems.sort_by_key(|problem| problem.span.start);
    let blocks: Vec<String> =
        problems.iter().map(|problem| render_one(file, text, problem)).collect();
    blocks.join("\n")
}

fn render_one(file: &str, text: &str, problem: &Problem) -> String {
    let start = text.floor_char_boundary(problem.span.start.min(text.len()));
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let number = text[..line_start].matches('\n').count() + 1;
    let column = text[line_start..start].chars().count() + 1;
    let mut block = format!("{file}:{number}:{column}: ");
    if !problem.key.is_empty() {
        _ = write!(block, "{}: ", problem.key);
    }
    _ = write!(block, "{}", problem.text);
    let shown = masked(line, line_start, problem);
    if shown.chars().count() <= 200 {
        // A fault at the end of the line lies behind the shown text.
        let end = problem.span.end.clamp(start, start.max(line_start + line.len()));
        let carets = text[start..text.floor_char_boundary(end)].chars().count().max(1);
        let margin = number.to_string();
        let blank = " ".repeat(margin.len());
        _ = write!(
            block,
            "\n{blank} |\n{margin} | {shown}\n{blank} | {}{}",
            " ".repeat(column - 1),
            "^".repeat(carets)
        );
    }
    escape_lines(&block)
}

/// Returns the line with dots for all values except the faulty one: another may be a secret.
fn masked(line: &str, line_start: usize, problem: &Problem) -> String {
    let is_key = |c: char| c.is_ascii_alphanumeric() || " \t_-.".contains(c);
    let key_end = match line.find('=') {
        Some(at) if line[..at].chars().all(is_key) => at + 1,
        _ if line.starts_with('[') => line.len(),
        _ => 0,
    };
    let mask = |(at, c): (usize, char)| {
        let at_fault = problem.span.contains(&(line_start + at)) && !problem.hidden;
        match c {
            _ if c.is_whitespace() => ' ',
            _ if at < key_end || at_fault => c,
            _ => '·',
        }
    };
    line.char_indices().map(mask).collect()
}

fn escape_lines(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(escape_controls).collect();
    lines.join("\n")
}
