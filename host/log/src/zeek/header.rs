//! The `#` lines of a Zeek log.

use std::sync::Arc;

use super::{cells, columns::Column, unescape};
use crate::fields::Fields;

/// The header in force: it defines how the following lines are read.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(super) separator: u8,
    pub(super) set_separator: u8,
    pub(super) empty: Vec<u8>,
    pub(super) unset: Vec<u8>,
    pub(super) columns: Arc<[Column]>,
    fields: Arc<Fields>,
}

impl Header {
    /// Zeek's defaults, without columns.
    pub(crate) fn new(fields: &Fields) -> Header {
        Header {
            separator: b'\t',
            set_separator: b',',
            empty: b"(empty)".to_vec(),
            unset: b"-".to_vec(),
            columns: Arc::new([]),
            fields: Arc::new(fields.clone()),
        }
    }

    /// Returns the header after a line, if the line changes it.
    pub(crate) fn changed_by(&self, line: &[u8]) -> Option<Header> {
        let mut header = self.clone();
        // The separator's own line is written before the separator is known, with a blank.
        if let Some(separator) = line.strip_prefix(b"#separator ") {
            header.separator = *unescape(separator.trim_ascii_end()).first()?;
            return Some(header);
        }
        let mut words = cells(self.separator, line);
        let name = words.next()?;
        match name {
            b"#set_separator" => header.set_separator = *unescape(words.next()?).first()?,
            b"#empty_field" => header.empty = unescape(words.next()?).into_owned(),
            b"#unset_field" => header.unset = unescape(words.next()?).into_owned(),
            b"#fields" => {
                header.columns = words.map(|name| Column::named(name, &self.fields)).collect();
            }
            b"#types" => {
                let mut columns = self.columns.to_vec();
                for (column, name) in columns.iter_mut().zip(words) {
                    column.set_type(name, &self.fields);
                }
                header.columns = columns.into();
            }
            _ => return None,
        }
        Some(header)
    }

    /// Returns the wanted columns of a line with their cells.
    pub(super) fn wanted<'h, 'l>(
        &'h self,
        line: &'l [u8],
    ) -> impl Iterator<Item = (&'h Column, &'l [u8])> {
        self.columns
            .iter()
            .zip(cells(self.separator, line))
            .filter(|(column, _)| column.role.is_some())
    }

    /// Returns whether a cell or an element means that there is no value.
    pub(super) fn is_nothing(&self, value: &[u8]) -> bool {
        value.is_empty() || value == self.unset || value == self.empty
    }

    /// Returns a cell's values: the elements of a set or vector, or the cell itself.
    pub(super) fn values<'l>(
        &self,
        column: &Column,
        cell: &'l [u8],
    ) -> impl Iterator<Item = &'l [u8]> {
        let separator = column.is_container.then_some(self.set_separator);
        cell.split(move |byte| Some(*byte) == separator)
    }
}
