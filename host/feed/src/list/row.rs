//! Turns one record, of any form, into indicators.

use std::fmt::Display;

use base64ct::{Base64, Encoding as _};
use threatsieve_blacklist::{Indicator, Listed, Malformed, Value};

use super::columns::{Column, Columns, ValueColumn};
use super::kind::{TypeWord, ValueKind};
use super::{LineError, ListOptions, Sink, bare, cell};
use crate::preset::{Condition, ConfidenceColumn, Transform};
use crate::text::cut;

/// The fields of a record.
pub(super) trait Fields {
    /// Returns the field at a position; empty if there is none.
    fn field(&self, place: usize) -> &str;

    /// Passes on each item of the field at a position. Only JSON has several.
    fn each(&self, place: usize, item: &mut dyn FnMut(&str)) {
        item(self.field(place));
    }
}

/// Reads a record. Its indicators, or the reason why there are none, go to the sink. `text` is the
/// whole record, for messages.
pub(super) fn read(
    columns: &Columns,
    fields: &dyn Fields,
    number: u32,
    text: &dyn Display,
    sink: &mut Sink<'_>,
) {
    let row = Row { columns, fields, options: sink.options };
    if let Some(reason) = row.skipped() {
        return sink.skip(reason);
    }
    let (kind, own) = match row.kind() {
        Ok(found) => found,
        Err(reason) => return sink.skip(reason),
    };
    let common = match row.common(number, own) {
        Ok(common) => common,
        Err(error) => return sink.reject(number, &text.to_string(), error),
    };
    let mut has_value = false;
    for column in &columns.values {
        fields.each(column.place, &mut |item| {
            let item = row.without_null(item);
            // An empty field is an error only if nothing says that it may be empty.
            if item.is_empty() && columns.declared.is_some() {
                return;
            }
            has_value = true;
            match row.value(column, kind.unwrap_or(column.kind), item) {
                Ok((listed, port)) => {
                    let port = listed.port.or(port).map(|number| sink.options.port(number));
                    let values = vec![listed.value];
                    sink.take(Indicator { port, values, ..common.clone() }, item);
                }
                Err(error) => sink.reject(number, &text.to_string(), error),
            }
        });
    }
    if !has_value {
        sink.skip("no value");
    }
}

struct Row<'r> {
    columns: &'r Columns,
    fields: &'r dyn Fields,
    options: &'r ListOptions,
}

impl<'r> Row<'r> {
    /// Returns a field. An empty one means the same as a missing one.
    fn cell(&self, column: Column) -> Option<&'r str> {
        self.at(self.columns.place(column))
    }

    fn at(&self, place: Option<usize>) -> Option<&'r str> {
        let field = self.without_null(self.fields.field(place?));
        (!field.is_empty()).then_some(field)
    }

    fn without_null<'t>(&self, field: &'t str) -> &'t str {
        let null = self.columns.declared.as_ref().map(|declared| &declared.null);
        match null.is_some_and(|null| null.iter().any(|word| word == field)) {
            true => "",
            false => field,
        }
    }

    /// Returns the reason why the record is not meant as an indicator.
    fn skipped(&self) -> Option<&'static str> {
        let says = |column, no: bool| self.cell(column).and_then(cell::flag) == Some(no);
        for (column, no, reason) in [
            (Column::ToIds, false, "to_ids is 0"),
            (Column::Deleted, true, "deleted"),
            (Column::IsActive, false, "not active"),
        ] {
            if says(column, no) {
                return Some(reason);
            }
        }
        let conditions = &self.columns.declared.as_ref()?.conditions;
        let holds = |(place, condition): &(Option<usize>, Condition)| {
            condition.holds(self.at(*place).unwrap_or_default())
        };
        (!conditions.iter().all(holds)).then_some("the conditions of `where` do not hold")
    }

    /// Returns the kind that the type column names, or the list's own category; the error is the
    /// reason to skip the record.
    fn kind(&self) -> Result<(Option<ValueKind>, Option<&'r str>), &'static str> {
        const OTHER: &str = "a type that events are not matched for";
        let declared = self.columns.declared.as_ref();
        let word = self.cell(Column::Type);
        if let Some(words) = declared.and_then(|declared| declared.words.as_ref()) {
            let kind = word.and_then(|word| words.get(word)).ok_or(OTHER)?;
            return Ok((Some(*kind), None));
        }
        match word.map(|word| (word, TypeWord::of(word))) {
            Some((_, TypeWord::NoIndicator)) => Err(OTHER),
            Some((_, TypeWord::Kind(kind))) => Ok((Some(kind), None)),
            Some((word, TypeWord::Own)) => Ok((None, Some(word))),
            None => Ok((None, None)),
        }
    }

    /// Reads everything but the values.
    fn common(&self, number: u32, own: Option<&str>) -> Result<Indicator, LineError> {
        let time = |column, name| self.cell(column).map(|text| cell::time(name, text)).transpose();
        let declared = self.columns.declared.as_ref();
        let confidence = match declared.and_then(|declared| declared.rating.as_ref()) {
            Some((place, rating)) => {
                self.at(*place).map(|text| rating.read(text)).transpose()?.flatten()
            }
            None => self.cell(Column::Confidence).map(cell::confidence).transpose()?,
        };
        let tags = declared.and_then(|declared| self.at(declared.tags));
        Ok(Indicator {
            confidence,
            valid_from: time(Column::ValidFrom, "valid_from")?,
            valid_until: time(Column::ValidUntil, "valid_until")?,
            tlp: self.cell(Column::Tlp).map(cell::tlp).transpose()?,
            name: self.cell(Column::Name).map(cut),
            types: own.or(tags).map(cut).into_iter().collect(),
            ..bare(number, Vec::new())
        })
    }

    /// Reads a value and its port.
    fn value(
        &self,
        column: &ValueColumn,
        kind: ValueKind,
        item: &str,
    ) -> Result<(Listed, Option<u16>), LineError> {
        let transform = self.columns.declared.as_ref().and_then(|declared| declared.transform);
        let changed = match (transform, self.at(column.prefix)) {
            (Some(transform), _) => Some(transform.of(item)?),
            (None, Some(bits)) => Some(format!("{item}/{bits}")),
            (None, None) => None,
        };
        let text = changed.as_deref().unwrap_or(item);
        let listed = kind.read(text, self.options.url_mode)?;
        check_value(&listed.value)?;
        let port = self.at(column.port).or_else(|| self.cell(Column::Port));
        Ok((listed, port.map(cell::port).transpose()?.flatten()))
    }
}

impl Condition {
    /// Returns whether all tests hold for a field. A field that is not a number is outside of every
    /// range.
    fn holds(&self, field: &str) -> bool {
        let number = || field.parse::<f64>().ok();
        let is_one = |words: &[crate::preset::Scalar]| words.iter().any(|word| word.is(field));
        self.r#in.as_deref().is_none_or(is_one)
            && self.not_in.as_deref().is_none_or(|words| !is_one(words))
            && self.min.is_none_or(|min| number().is_some_and(|number| number >= min as f64))
            && self.max.is_none_or(|max| number().is_some_and(|number| number <= max as f64))
            && self.present.is_none_or(|present| present != field.is_empty())
    }
}

impl ConfidenceColumn {
    /// Reads a confidence; `None` for a word that the preset does not know.
    fn read(&self, text: &str) -> Result<Option<u8>, LineError> {
        if !self.map.is_empty() {
            return Ok(self.map.get(text).copied());
        }
        let [least, most] = self.scale.unwrap_or([0, 100]).map(|end| end as f64);
        let number: f64 = text
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| cell::column("confidence", "a number", text))?;
        let share = ((number - least) / (most - least)).clamp(0.0, 1.0);
        Ok(Some((share * 100.0).round() as u8))
    }
}

impl Transform {
    fn of(self, text: &str) -> Result<String, LineError> {
        match self {
            Transform::Base64 => {
                let wrong = |expected| {
                    LineError::from(Malformed { expected, got: text.chars().take(100).collect() })
                };
                let bytes = Base64::decode_vec(text).map_err(|_| wrong("text in Base64"))?;
                String::from_utf8(bytes).map_err(|_| wrong("UTF-8 in Base64"))
            }
            Transform::DotPrefix => {
                let parts = text.trim_end_matches('.').split('.').count();
                Ok(match text.ends_with('.') && (1..4).contains(&parts) {
                    true => format!("{text}{}/{}", ["0"; 4][parts..].join("."), parts * 8),
                    false => text.to_owned(),
                })
            }
        }
    }
}

/// Checks that a text is a value, and not text with a value in it. A URL is rejected only for
/// characters that URLs never contain.
pub(crate) fn check_value(value: &Value) -> Result<(), LineError> {
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
