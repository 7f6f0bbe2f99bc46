//! The kinds of values that hold others: lists, tables, and arrays of tables.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::definition::Table;
use super::kinds::{Describe, Kind, or_problem};
use super::reader::{Place, Reader};
use super::shown::kind_of;
use crate::text::clipped;

/// A list of values of one kind.
#[derive(Debug)]
pub(super) struct List<K> {
    of: K,
    /// The items' kind in the plural.
    plural: &'static str,
    may_be_empty: bool,
}

pub(super) const fn list<K>(of: K, plural: &'static str) -> List<K> {
    List { of, plural, may_be_empty: true }
}

pub(super) const fn non_empty_list<K>(of: K, plural: &'static str) -> List<K> {
    List { of, plural, may_be_empty: false }
}

impl<K: Describe> Describe for List<K> {
    fn name(&self) -> String {
        let least = if self.may_be_empty { "" } else { ", at least one" };
        format!("list of {}{least}", self.plural)
    }

    fn expected(&self) -> String {
        format!("a list of {}", self.plural)
    }

    fn holds_urls(&self) -> bool {
        self.of.holds_urls()
    }

    fn table(&self) -> Option<&'static Table> {
        self.of.table()
    }
}

impl<'a, K: Kind<'a>> Kind<'a> for List<K> {
    type Value = Vec<K::Value>;

    fn read(&self, place: &Place<'a>, value: &Spanned<DeValue<'a>>) -> Option<Vec<K::Value>> {
        let list = match value.get_ref() {
            DeValue::Array(list) => list,
            // The URL may hold credentials.
            other if self.holds_urls() => {
                let got = kind_of(other);
                place.hidden_problem(format!("expected {}, got {got}", self.expected()));
                return None;
            }
            _ => return or_problem(place, value, &self.expected(), None),
        };
        if list.is_empty() && !self.may_be_empty {
            place.problem(format!("expected at least one {}, got an empty list", self.of.name()));
            return None;
        }
        // All items are read, for the problems of each.
        let read = |(at, item): (usize, _)| {
            let item: &Spanned<DeValue<'a>> = item;
            self.of.read(&place.item(at, item.span()), item)
        };
        let items: Vec<Option<K::Value>> = list.iter().enumerate().map(read).collect();
        items.into_iter().collect()
    }
}

/// A table.
#[derive(Debug)]
pub(super) struct TableOf(pub(super) &'static Table);

impl Describe for TableOf {
    fn name(&self) -> String {
        "table".to_owned()
    }

    fn table(&self) -> Option<&'static Table> {
        Some(self.0)
    }
}

impl<'a> Kind<'a> for TableOf {
    type Value = Reader<'a>;

    fn read(&self, place: &Place<'a>, value: &Spanned<DeValue<'a>>) -> Option<Reader<'a>> {
        let table = table_in(place, value)?;
        Some(Reader::new(place.clone(), self.0, table))
    }
}

/// The table that a value is; anything else is a problem.
pub(super) fn table_in<'v, 'a>(
    place: &Place<'_>,
    value: &'v Spanned<DeValue<'a>>,
) -> Option<&'v DeTable<'a>> {
    let DeValue::Table(table) = value.get_ref() else {
        place.hidden_problem(format!("expected a table, got {}", kind_of(value.get_ref())));
        return None;
    };
    Some(table)
}

/// An array of tables. Their places are named after their `name`, or after their number where they
/// have none.
#[derive(Debug)]
pub(super) struct TablesOf(pub(super) &'static Table);

impl Describe for TablesOf {
    fn name(&self) -> String {
        "array of tables".to_owned()
    }

    fn expected(&self) -> String {
        format!("an array of tables ({})", self.0.heading)
    }

    fn table(&self) -> Option<&'static Table> {
        Some(self.0)
    }
}

impl<'a> Kind<'a> for TablesOf {
    type Value = Vec<Reader<'a>>;

    fn read(&self, place: &Place<'a>, value: &Spanned<DeValue<'a>>) -> Option<Vec<Reader<'a>>> {
        let Some(list) = value.get_ref().as_array() else {
            let got = kind_of(value.get_ref());
            place.hidden_problem(format!("expected {}, got {got}", self.expected()));
            return None;
        };
        let mut readers = Vec::new();
        for (at, item) in list.iter().enumerate() {
            let mut item_place = place.item(at, item.span());
            let Some(table) = table_in(&item_place, item) else { continue };
            if let Some(name) = table.get("name").and_then(|name| name.get_ref().as_str()) {
                item_place.key = format!("{}.{}", place.key, clipped(name.as_bytes(), 60));
            }
            readers.push(Reader::new(item_place, self.0, table));
        }
        Some(readers)
    }
}
