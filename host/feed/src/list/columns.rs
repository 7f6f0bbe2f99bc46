//! The roles of a record's columns: by their names, or as a preset declares them.

use std::collections::BTreeMap;

use super::kind::ValueKind;
use crate::preset::{Condition, Confidence, ConfidenceColumn, Preset, Transform};

/// A column's role in an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Type,
    Port,
    Confidence,
    ValidFrom,
    ValidUntil,
    Tlp,
    Name,
    ToIds,
    Deleted,
    IsActive,
}

impl Column {
    const COUNT: usize = 10;
}

/// The column names, in lower case with `_` between words, and their roles. If several columns have
/// the same role, the first name in this table counts.
const NAMES: [(&str, Column); 19] = [
    ("type", Column::Type),
    ("ioc_type", Column::Type),
    ("indicator_type", Column::Type),
    ("port", Column::Port),
    ("dst_port", Column::Port),
    ("dstport", Column::Port),
    ("confidence", Column::Confidence),
    ("confidence_level", Column::Confidence),
    ("valid_from", Column::ValidFrom),
    ("valid_until", Column::ValidUntil),
    ("tlp", Column::Tlp),
    ("name", Column::Name),
    ("to_ids", Column::ToIds),
    ("deleted", Column::Deleted),
    ("is_deleted", Column::Deleted),
    ("is_active", Column::IsActive),
    ("isactive", Column::IsActive),
    ("toids", Column::ToIds),
    ("active", Column::IsActive),
];

/// The names of columns that contain values.
const VALUES: [(&str, ValueKind); 12] = [
    ("value", ValueKind::Any),
    ("indicator", ValueKind::Any),
    ("ioc_value", ValueKind::Any),
    ("url", ValueKind::Url),
    ("domain", ValueKind::Domain),
    ("hostname", ValueKind::Domain),
    ("ip", ValueKind::Address),
    ("ip_address", ValueKind::Address),
    ("dst_ip", ValueKind::Address),
    ("md5", ValueKind::Hash),
    ("sha1", ValueKind::Hash),
    ("sha256", ValueKind::Hash),
];

/// A column of values.
#[derive(Debug, Clone)]
pub(super) struct ValueColumn {
    pub(super) place: usize,
    /// The kind of the values, unless the type column decides it.
    pub(super) kind: ValueKind,
    /// The columns that belong to this one alone.
    pub(super) port: Option<usize>,
    pub(super) prefix: Option<usize>,
}

/// Parts of a preset with the positions of its columns.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    /// The words of the type column; `None` for the words that are known everywhere.
    pub(super) words: Option<BTreeMap<String, ValueKind>>,
    pub(super) conditions: Vec<(Option<usize>, Condition)>,
    pub(super) rating: Option<(Option<usize>, ConfidenceColumn)>,
    pub(super) null: Vec<String>,
    pub(super) tags: Option<usize>,
    pub(super) transform: Option<Transform>,
}

/// The position of each role in a record.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    places: [Option<usize>; Column::COUNT],
    /// At least one.
    pub(super) values: Vec<ValueColumn>,
    /// `None` if the names alone decided.
    pub(super) declared: Option<Declared>,
}

/// The result of reading a header.
#[derive(Debug)]
pub(super) enum Choice {
    /// The header names one column of values.
    Columns(Box<Columns>),
    /// It names none.
    None,
    /// It names several, and it is unknown which one counts.
    Several(Vec<String>),
}

impl Columns {
    /// Chooses the columns by the names in a header. `wanted` is the column of values that the user
    /// named.
    pub(super) fn choose<S: AsRef<str>>(names: &[S], wanted: Option<&str>) -> Choice {
        let plain: Vec<String> = names.iter().map(|name| plain(name.as_ref())).collect();
        let place = |wanted: &str| plain.iter().position(|name| name == wanted);
        let mut places = [None; Column::COUNT];
        for (name, column) in NAMES {
            let known = &mut places[column as usize];
            *known = known.or_else(|| place(name));
        }
        let value = |wanted: &str| VALUES.iter().find(|(name, _)| *name == wanted);
        let chosen = |place: usize, kind: ValueKind| {
            let values = vec![ValueColumn { place, kind, port: None, prefix: None }];
            Choice::Columns(Box::new(Columns { places, values, declared: None }))
        };
        if let Some(wanted) = wanted {
            let wanted = self::plain(wanted);
            let Some(at) = place(&wanted) else { return Choice::None };
            return chosen(at, value(&wanted).map_or(ValueKind::Any, |(_, kind)| *kind));
        }
        let mut found: Vec<(usize, ValueKind)> =
            VALUES.iter().filter_map(|(name, kind)| Some((place(name)?, *kind))).collect();
        if found.is_empty() {
            // In other records a column of this name may contain a label.
            found.extend(place("ioc").map(|at| (at, ValueKind::Any)));
        }
        if found.len() > 1 && places[Column::Type as usize].is_some() {
            // The type column describes the column whose values may be of any type.
            let general = found.iter().filter(|(_, kind)| *kind == ValueKind::Any);
            if let [one] = general.copied().collect::<Vec<_>>()[..] {
                found = vec![one];
            }
        }
        match found[..] {
            [] => Choice::None,
            [(at, kind)] => chosen(at, kind),
            _ => Choice::Several(found.iter().map(|(at, _)| plain[*at].clone()).collect()),
        }
    }

    /// Finds the columns of a preset by the names in a header. Returns `None` if a column of values
    /// is not among them.
    pub(super) fn declared<S: AsRef<str>>(names: &[S], preset: &Preset) -> Option<Columns> {
        let plain: Vec<String> = names.iter().map(|name| plain(name.as_ref())).collect();
        let place = |wanted: &str| {
            let wanted = self::plain(wanted);
            plain.iter().position(|name| *name == wanted)
        };
        let optional = |wanted: &Option<String>| wanted.as_deref().and_then(place);
        let mut places = [None; Column::COUNT];
        for (name, column) in NAMES {
            if matches!(column, Column::ToIds | Column::Deleted | Column::IsActive) {
                let known = &mut places[column as usize];
                *known = known.or_else(|| place(name));
            }
        }
        places[Column::Type as usize] = optional(&preset.type_column);
        let values = preset.indicators.iter().filter_map(|one| {
            Some(ValueColumn {
                place: place(&one.column)?,
                kind: one.r#type.into(),
                port: optional(&one.port_column),
                prefix: optional(&one.prefix_column),
            })
        });
        let values: Vec<ValueColumn> = values.collect();
        if values.is_empty() {
            return None;
        }
        let words = preset.types.iter().map(|(word, kind)| (word.clone(), (*kind).into()));
        let conditions = preset.r#where.iter();
        let rating = match &preset.confidence {
            Some(Confidence::Column(column)) => Some((place(&column.column), column.clone())),
            _ => None,
        };
        let declared = Declared {
            words: (!preset.types.is_empty()).then(|| words.collect()),
            conditions: conditions.map(|one| (place(&one.column), one.clone())).collect(),
            rating,
            null: preset.null.clone(),
            tags: optional(&preset.tags),
            transform: preset.transform,
        };
        Some(Columns { places, values, declared: Some(declared) })
    }

    /// The names of all columns that a preset uses, each once.
    pub(super) fn used(preset: &Preset) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let indicators = preset.indicators.iter().flat_map(|one| {
            [Some(&one.column), one.port_column.as_ref(), one.prefix_column.as_ref()]
        });
        let confidence = match &preset.confidence {
            Some(Confidence::Column(column)) => Some(&column.column),
            _ => None,
        };
        let given = indicators
            .chain([preset.type_column.as_ref(), preset.tags.as_ref(), confidence])
            .flatten()
            .chain(preset.r#where.iter().map(|one| &one.column))
            .map(String::as_str);
        for name in given.chain(NAMES.iter().map(|(name, _)| *name)) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// The number of columns that were found.
    pub(super) fn count(&self) -> usize {
        let places = self.places.iter().filter(|place| place.is_some()).count();
        let of_values = self.values.iter().map(|value| {
            1 + usize::from(value.port.is_some()) + usize::from(value.prefix.is_some())
        });
        let of_preset = self.declared.as_ref().map_or(0, |declared| {
            let conditions = declared.conditions.iter().filter(|(place, _)| place.is_some());
            let rating = declared.rating.as_ref().is_some_and(|(place, _)| place.is_some());
            conditions.count() + usize::from(rating)
        });
        places + of_values.sum::<usize>() + of_preset
    }

    /// Returns the position of a role in the record.
    pub(super) fn place(&self, column: Column) -> Option<usize> {
        self.places[column as usize]
    }
}

/// The form in which names are compared.
fn plain(name: &str) -> String {
    name.trim().trim_start_matches('#').trim().to_ascii_lowercase().replace([' ', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(header: &str, wanted: Option<&str>) -> String {
        let names: Vec<&str> = header.split(',').collect();
        match Columns::choose(&names, wanted) {
            Choice::Columns(columns) => names[columns.values[0].place].to_owned(),
            Choice::None => "none".to_owned(),
            Choice::Several(names) => format!("several: {}", names.join(" ")),
        }
    }

    #[test]
    fn one_column_of_values_is_chosen() {
        for (header, want) in [
            ("phish_id,url,phish_detail_url", "url"),
            ("Indicator type,Indicator,Description", "Indicator"),
            ("uuid,type,value,comment,to_ids", "value"),
            ("first_seen_utc,ioc_id,ioc_value,ioc_type", "ioc_value"),
            ("first_seen_utc,dst_ip,dst_port,c2_status", "dst_ip"),
            ("ip,ioc", "ip"),
            ("ioc,x", "ioc"),
            ("type,value,url", "value"),
            ("Family,URL,IP,FirstSeen", "several: url ip"),
            ("value,url", "several: value url"),
            ("type,domain,ip", "several: domain ip"),
            ("Address,Tags", "none"),
        ] {
            assert_eq!(chosen(header, None), want, "{header}");
        }
        assert_eq!(chosen("Family,URL,IP", Some("ip")), "IP");
        assert_eq!(chosen("Address,Tags", Some("address")), "Address");
        assert_eq!(chosen("Address,Tags", Some("url")), "none");
    }
}
