//! Columns named by a header line.

use super::record::Column;

/// The columns of a log, in the order of its header.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(super) columns: Vec<(String, Column)>,
}

impl Table {
    /// Makes columns of names. Names that are not in `known` are searched as free text.
    pub(super) fn new<'n>(
        format: &str,
        names: impl Iterator<Item = &'n str>,
        known: &[(&str, Column)],
    ) -> Table {
        let columns = names.map(|name| {
            let column = known.iter().find(|(known, _)| *known == name);
            let column =
                column.map_or_else(|| Column::unknown(format, name), |(_, column)| column.clone());
            (name.to_owned(), column)
        });
        Table { columns: columns.collect() }
    }

    /// Returns the position of a column.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|(known, _)| known == name)
    }
}
