//! The roles of a record's columns, by their names.

use super::kind::ValueKind;

/// A column's role in an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Value,
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
    const COUNT: usize = 11;
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

/// The position of each role in a record.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    places: [Option<usize>; Column::COUNT],
    /// The kind of the value, unless the type column decides it.
    pub(super) kind: ValueKind,
}

/// The result of reading a header.
#[derive(Debug)]
pub(super) enum Choice {
    /// The header names one column of values.
    Columns(Columns),
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
        if let Some(wanted) = wanted {
            let wanted = self::plain(wanted);
            let Some(at) = place(&wanted) else { return Choice::None };
            places[Column::Value as usize] = Some(at);
            let kind = value(&wanted).map_or(ValueKind::Any, |(_, kind)| *kind);
            return Choice::Columns(Columns { places, kind });
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
            [(at, kind)] => {
                places[Column::Value as usize] = Some(at);
                Choice::Columns(Columns { places, kind })
            }
            _ => Choice::Several(found.iter().map(|(at, _)| plain[*at].clone()).collect()),
        }
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
            Choice::Columns(columns) => names[columns.place(Column::Value).unwrap()].to_owned(),
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
