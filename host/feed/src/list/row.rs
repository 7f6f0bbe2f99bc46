//! Turns one record, of any form, into an indicator.

use threatsieve_blacklist::{Indicator, Value};

use super::columns::{Column, Columns};
use super::kind::TypeWord;
use super::{LineError, ListOptions, bare, cell};
use crate::text::cut;

/// The result of reading a record.
pub(super) enum Row {
    Indicator(Box<Indicator>),
    /// The record is not meant as an indicator, for this reason.
    Skipped(&'static str),
}

impl Row {
    /// Reads a record. `field` returns the cell at a position.
    pub(super) fn read<'r>(
        columns: &Columns,
        field: &dyn Fn(usize) -> &'r str,
        number: u32,
        options: &ListOptions,
    ) -> Result<Row, LineError> {
        // An empty cell means the same as a missing one.
        let cell = |column| columns.place(column).map(field).filter(|text| !text.is_empty());
        let says = |column, no: bool| cell(column).and_then(cell::flag) == Some(no);
        for (column, no, reason) in [
            (Column::ToIds, false, "to_ids is 0"),
            (Column::Deleted, true, "deleted"),
            (Column::IsActive, false, "not active"),
        ] {
            if says(column, no) {
                return Ok(Row::Skipped(reason));
            }
        }
        let (kind, own) = match cell(Column::Type).map(|word| (word, TypeWord::of(word))) {
            Some((_, TypeWord::NoIndicator)) => {
                return Ok(Row::Skipped("a type that events are not matched for"));
            }
            Some((_, TypeWord::Kind(kind))) => (kind, None),
            Some((word, TypeWord::Own)) => (columns.kind, Some(word)),
            None => (columns.kind, None),
        };
        let text = cell(Column::Value).unwrap_or_default();
        let listed = kind.read(text, options.url_mode)?;
        check_cell(&listed.value)?;
        let port = cell(Column::Port).map(cell::port).transpose()?.flatten();
        Ok(Row::Indicator(Box::new(Indicator {
            confidence: cell(Column::Confidence).map(cell::confidence).transpose()?,
            valid_from: cell(Column::ValidFrom)
                .map(|text| cell::time("valid_from", text))
                .transpose()?,
            valid_until: cell(Column::ValidUntil)
                .map(|text| cell::time("valid_until", text))
                .transpose()?,
            tlp: cell(Column::Tlp).map(cell::tlp).transpose()?,
            name: cell(Column::Name).map(cut),
            types: own.map(cut).into_iter().collect(),
            port: listed.port.or(port).map(|number| options.port(number)),
            ..bare(number, vec![listed.value])
        })))
    }
}

/// Checks that a cell is a value, and not text with a value in it. A URL is rejected only for
/// characters that URLs never contain.
fn check_cell(value: &Value) -> Result<(), LineError> {
    let Value::Url { shown, .. } = value else { return Ok(()) };
    check_url(shown, &['"', '<', '>'])
}

/// Checks that a URL has no white space, control characters or any of `others`.
pub(super) fn check_url(shown: &str, others: &[char]) -> Result<(), LineError> {
    let is_wrong = |c: char| c.is_whitespace() || c.is_control() || others.contains(&c);
    match shown.chars().find(|c| is_wrong(*c)) {
        Some(found) => Err(LineError::Separator { found }),
        None => Ok(()),
    }
}
