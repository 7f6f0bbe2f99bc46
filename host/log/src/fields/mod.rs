//! The fields of NDJSON and Zeek events that contain observables, and the kinds of these.

mod known;

use std::sync::Arc;

use threatsieve_blacklist::observable::Kind;

use crate::records::Template;
use known::KNOWN;

/// The use of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// An observable of this kind.
    Value(Kind),
    /// Free text, searched for observables.
    Text,
    /// An observable host, and the host of the request's URL.
    UrlHost(Group),
    /// The request's URL: an observable if it is absolute, otherwise the path and query after the
    /// host.
    UrlTarget(Group),
    /// The request line with the request's URL: method, target and protocol.
    UrlRequest(Group),
    /// The path of the request's URL.
    UrlPath(Group),
    /// The path of the request's URL, in a log without queries.
    UrlPathOnly(Group),
    /// The query of the request's URL, without its `?`.
    UrlQuery(Group),
    /// The port of the request's URL.
    UrlPort(Group),
}

/// Fields that together describe one URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Suricata's `http`.
    Eve = 0,
    /// ECS `url`, and the names of log formats that no JSON event has together with it.
    Ecs = 1,
    /// Zeek's http.log, and plain names such as `host` and `uri` in any JSON.
    Zeek = 2,
}

/// The number of groups.
pub(crate) const GROUPS: usize = 3;

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// The use of a field, for callers that look its values up elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Each value is an observable of this kind.
    Value(Kind),
    /// The name or path of a file, which counts only together with other values.
    FileName,
    /// A text with any number of observables in it.
    Text,
    /// A part of a URL, which says nothing without its host.
    Part,
}

/// The fields to read: in NDJSON and Zeek logs by their dotted names, in lines of
/// [`Format::Custom`](crate::Format::Custom) by a format string.
///
/// A name means nested objects as well as literal dots: `destination.ip` is found in
/// `{"destination":{"ip":...}}` and in `{"destination.ip":...}`. If a field is an array, each
/// element counts.
#[derive(Debug, Clone)]
pub struct Fields {
    pub(crate) list: Vec<Field>,
    /// True if every Zeek column of an address type counts, whatever its name.
    pub(crate) zeek_addresses: bool,
    /// The format string of custom lines; empty if there is none.
    pub(crate) template: Arc<Template>,
}

impl Fields {
    /// Only these fields. Known names keep their kind. For others the form of each value decides.
    pub fn named<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Fields {
        let none = Fields { list: Vec::new(), zeek_addresses: false, template: Arc::default() };
        names.into_iter().fold(none, |fields, name| {
            let name = name.as_ref();
            let role = default_role(name).unwrap_or(Role::Value(Kind::Any));
            fields.push(name, role)
        })
    }

    /// These fields, and lines of [`Format::Custom`](crate::Format::Custom) by a format string.
    pub fn with_template(self, template: Template) -> Fields {
        Fields { template: Arc::new(template), ..self }
    }

    /// The fields with their use.
    pub fn uses(&self) -> impl Iterator<Item = (&str, Use)> {
        self.list.iter().map(|field| {
            let is = match field.role {
                Role::Value(Kind::FileName) => Use::FileName,
                Role::Value(kind) => Use::Value(kind),
                Role::UrlHost(_) => Use::Value(Kind::Host),
                Role::UrlTarget(_) => Use::Value(Kind::Url),
                Role::Text | Role::UrlRequest(_) => Use::Text,
                Role::UrlPath(_) | Role::UrlPathOnly(_) | Role::UrlQuery(_) | Role::UrlPort(_) => {
                    Use::Part
                }
            };
            (field.name.as_str(), is)
        })
    }

    fn push(mut self, name: &str, role: Role) -> Fields {
        self.list.retain(|field| field.name != name);
        self.list.push(Field { name: name.to_owned(), role });
        self
    }
}

/// ECS, Suricata EVE, Zeek, Sysmon through Winlogbeat, CloudTrail, and the usual names in JSON logs
/// of web servers. Fields about the reporting machine (`host.*`, `observer.*`) or an earlier match
/// (`threat.*`) are excluded.
impl Default for Fields {
    fn default() -> Fields {
        let list = KNOWN
            .iter()
            .flat_map(|(role, names)| {
                names.iter().map(|name| Field { name: (*name).to_owned(), role: *role })
            })
            .collect();
        Fields { list, zeek_addresses: true, template: Arc::default() }
    }
}

fn default_role(name: &str) -> Option<Role> {
    KNOWN.iter().find(|(_, names)| names.contains(&name)).map(|(role, _)| *role)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/logs.md names each known field, in the row of its kind.
    #[test]
    fn each_known_field_is_documented() {
        let page = include_str!("../../../../docs/logs.md");
        for (_, names) in KNOWN {
            for name in *names {
                assert!(page.contains(&format!("`{name}`")), "docs/logs.md does not name `{name}`");
            }
        }
    }

    #[test]
    fn each_known_field_has_one_role() {
        let mut names: Vec<&str> =
            KNOWN.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
