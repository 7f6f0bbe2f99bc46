//! The division of records into fields.

use super::record::{End, Record};
use super::row::Fields;
use super::{LineError, unquote};
use crate::preset::{Preset, Split};

/// Divides records into fields.
pub(super) enum Divider {
    /// CSV with one character between fields.
    Csv { record: Box<Record>, delimiter: u8, skip_space: bool },
    /// A text between fields, or one division alone.
    Text(Parts),
}

impl Divider {
    pub(super) fn csv(delimiter: u8) -> Divider {
        Divider::Csv { record: Box::new(Record::new(delimiter)), delimiter, skip_space: false }
    }

    pub(super) fn of(preset: &Preset) -> Divider {
        let quote = match preset.quote.as_deref() {
            None => Some(b'"'),
            Some(quote) => quote.bytes().next(),
        };
        match preset.delimiter.as_deref().unwrap_or(",").as_bytes() {
            [delimiter] if preset.split.is_none() => Divider::Csv {
                record: Box::new(Record::with_quote(*delimiter, quote)),
                delimiter: *delimiter,
                skip_space: preset.skip_space,
            },
            _ => Divider::Text(Parts {
                delimiter: preset.delimiter.clone().unwrap_or_else(|| ",".to_owned()),
                quote: quote.map(char::from),
                split: preset.split,
                parts: Vec::new(),
            }),
        }
    }

    /// Returns whether a blank at the start of a line may be an empty first field.
    pub(super) fn has_tabs(&self) -> bool {
        matches!(self, Divider::Csv { delimiter: b'\t', .. })
    }

    /// Starts a record with a line.
    pub(super) fn start(&mut self, line: &str) -> Result<End, LineError> {
        match self {
            Divider::Csv { record, delimiter, skip_space: true } => {
                record.start(&without_space(line, char::from(*delimiter)))
            }
            Divider::Csv { record, .. } => record.start(line),
            Divider::Text(parts) => {
                parts.read(line);
                Ok(End::Whole)
            }
        }
    }

    pub(super) fn fields(&self) -> &dyn Fields {
        match self {
            Divider::Csv { record, .. } => &**record,
            Divider::Text(parts) => parts,
        }
    }

    /// Divides a header into names.
    pub(super) fn names(&mut self, line: &str) -> Option<Vec<String>> {
        if self.start(line).ok()? == End::OpenQuote {
            return None;
        }
        let count = match self {
            Divider::Csv { record, .. } => record.len(),
            Divider::Text(parts) => parts.parts.len(),
        };
        Some((0..count).map(|place| self.fields().field(place).to_owned()).collect())
    }
}

/// Removes blanks after delimiters, outside of quotes: a quote counts only at the start of a field.
fn without_space(line: &str, delimiter: char) -> String {
    let mut out = String::with_capacity(line.len());
    let (mut is_quoted, mut is_start) = (false, true);
    for c in line.chars() {
        if c == '"' && (is_start || is_quoted) {
            is_quoted = !is_quoted;
        }
        if is_start && !is_quoted && c == ' ' {
            continue;
        }
        is_start = c == delimiter && !is_quoted;
        out.push(c);
    }
    out
}

/// The fields of a record between delimiters of any length.
pub(super) struct Parts {
    /// `ws` is any white space.
    delimiter: String,
    quote: Option<char>,
    split: Option<Split>,
    parts: Vec<String>,
}

impl Parts {
    fn read(&mut self, line: &str) {
        let by = self.delimiter.as_str();
        let parts = match self.split {
            None if by == "ws" => line.split_whitespace().map(unquote).collect(),
            None => line.split(by).map(|part| unquote(part.trim())).collect(),
            Some(Split::First) => self.first(line),
            Some(Split::Last) => match line.rsplit_once(by) {
                Some((rest, last)) => vec![rest, last],
                None => vec![line],
            },
        };
        self.parts = parts.into_iter().map(|part| part.trim().to_owned()).collect();
    }

    /// Divides after the first field, which may be quoted.
    fn first<'l>(&self, line: &'l str) -> Vec<&'l str> {
        let by = self.delimiter.as_str();
        if let Some(quote) = self.quote
            && let Some((first, rest)) =
                line.strip_prefix(quote).and_then(|inner| inner.split_once(quote))
            && let Some(rest) = rest.trim_start().strip_prefix(by)
        {
            return vec![first, rest];
        }
        match line.split_once(by) {
            Some((first, rest)) => vec![first, rest],
            None => vec![line],
        }
    }
}

impl Fields for Parts {
    fn field(&self, place: usize) -> &str {
        self.parts.get(place).map_or("", String::as_str)
    }
}
