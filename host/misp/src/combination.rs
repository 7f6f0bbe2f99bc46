//! Conjunctions as objects of MISP, or as patterns of STIX where no object fits.
//!
//! MISP cannot say that only all values of an object together are bad: its exports take each
//! attribute with `to_ids` alone. MISP's converter of STIX does the same. Names of files never have
//! `to_ids`, because alone they say nothing.

use std::fmt::Write;

use threatsieve_blacklist::{
    AddressRange, Conjunction, ConjunctionPart, DomainMode, FileHash, Value,
};

use crate::form::{DELIVERY, Form, NETWORK, Reason, domain, hash_kind, one_network, pattern, url};
use crate::template::{DOMAIN_IP, FILE, Template, URL};

/// The attributes of a conjunction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Combined {
    /// An object of this template.
    Object(&'static Template, Vec<Part>),
    /// One attribute with a pattern.
    Pattern(Form),
}

/// An attribute of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    pub(crate) relation: &'static str,
    pub(crate) form: Form,
    /// The value alone may mark an event as bad. Names of files do not.
    pub(crate) is_telling: bool,
}

/// Returns the object or the pattern of a conjunction.
pub(crate) fn combine(conjunction: &Conjunction) -> Result<Combined, Reason> {
    let parts = conjunction.parts();
    for (template, part) in [
        (&DOMAIN_IP, domain_ip as fn(&ConjunctionPart) -> Option<Part>),
        (&FILE, file),
        (&URL, url_of),
    ] {
        if let Some(parts) = parts.iter().map(part).collect::<Option<Vec<Part>>>()
            && fits(template, &parts)
        {
            return Ok(Combined::Object(template, parts));
        }
    }
    pattern(pattern_text(conjunction)?).map(Combined::Pattern)
}

/// Returns whether relations that a template has once occur at most once.
fn fits(template: &Template, parts: &[Part]) -> bool {
    let many: &[&str] = match &*template.name {
        "domain-ip" => &["domain", "ip"],
        "file" => &["filename"],
        _ => &["ip"],
    };
    let count = |relation| parts.iter().filter(|part| part.relation == relation).count();
    let is_url = template.name == URL.name;
    parts.iter().all(|part| many.contains(&part.relation) || count(part.relation) == 1)
        && (!is_url || count("url") == 1)
}

fn domain_ip(part: &ConjunctionPart) -> Option<Part> {
    match part {
        ConjunctionPart::Value(Value::Domain(name, mode)) => named(name, *mode, "hostname"),
        ConjunctionPart::Value(Value::Address(range)) => ip(range),
        _ => None,
    }
}

fn url_of(part: &ConjunctionPart) -> Option<Part> {
    match part {
        ConjunctionPart::Value(value @ Value::Url { .. }) => {
            Some(Part { relation: "url", form: url(value).ok()?, is_telling: true })
        }
        ConjunctionPart::Value(Value::Domain(name, mode)) => named(name, *mode, "host"),
        ConjunctionPart::Value(Value::Address(range)) => ip(range),
        _ => None,
    }
}

fn named(name: &str, mode: DomainMode, exact: &'static str) -> Option<Part> {
    let form = domain(name, mode, None).ok()?;
    let relation = if form.kind == "domain" { "domain" } else { exact };
    Some(Part { relation, form, is_telling: true })
}

fn ip(range: &AddressRange) -> Option<Part> {
    let form = Form { kind: "ip-dst", category: NETWORK, value: one_network(range)? };
    Some(Part { relation: "ip", form, is_telling: true })
}

fn file(part: &ConjunctionPart) -> Option<Part> {
    let (kind, value, is_telling) = match part {
        ConjunctionPart::Value(Value::Hash(hash)) => (hash_kind(hash), hash.to_string(), true),
        ConjunctionPart::FileName(name) if is_plain(name) => ("filename", name.to_string(), false),
        _ => return None,
    };
    Some(Part { relation: kind, form: Form { kind, category: DELIVERY, value }, is_telling })
}

/// Returns whether MISP stores the name of a file unchanged. It trims values.
fn is_plain(name: &str) -> bool {
    name.trim() == name && !name.contains(char::is_control) && crate::form::check_text(name).is_ok()
}

/// Writes the conjunction in the grammar of STIX 2.1, as one observation.
fn pattern_text(conjunction: &Conjunction) -> Result<String, Reason> {
    let mut text = String::from("[");
    for (number, part) in conjunction.parts().iter().enumerate() {
        if number > 0 {
            text.push_str(" AND ");
        }
        match part {
            ConjunctionPart::FileName(name) => comparison(&mut text, "file:name =", name),
            ConjunctionPart::Value(value) => part_text(&mut text, value)?,
        }
    }
    text.push(']');
    Ok(text)
}

fn part_text(text: &mut String, value: &Value) -> Result<(), Reason> {
    match value {
        Value::Domain(name, DomainMode::Below) => {
            comparison(text, "domain-name:value LIKE", &format!("%.{name}"));
        }
        Value::Domain(name, _) => comparison(text, "domain-name:value =", name),
        Value::Url { shown, .. } => comparison(text, "url:value =", shown),
        Value::Email(address) => comparison(text, "email-addr:value =", address),
        Value::Hash(hash) => {
            let name = match hash {
                FileHash::Md5(_) => "file:hashes.MD5 =",
                FileHash::Sha1(_) => "file:hashes.'SHA-1' =",
                FileHash::Sha256(_) => "file:hashes.'SHA-256' =",
            };
            comparison(text, name, &hash.to_string());
        }
        Value::Address(range) => address_text(text, range)?,
        Value::All(_) => return Err(Reason::Combination),
    }
    Ok(())
}

/// Writes an address, a network, or a range as alternatives.
fn address_text(text: &mut String, range: &AddressRange) -> Result<(), Reason> {
    let networks = range.networks();
    if networks.len() > crate::form::MAX_NETWORKS {
        return Err(Reason::TooManyNetworks);
    }
    let path = if range.first().is_ipv4() { "ipv4-addr:value" } else { "ipv6-addr:value" };
    let many = networks.len() > 1;
    text.push_str(if many { "(" } else { "" });
    for (number, network) in networks.iter().enumerate() {
        text.push_str(if number > 0 { " OR " } else { "" });
        let is_one = network.first() == network.last();
        let operator = if is_one { "=" } else { "ISSUBSET" };
        comparison(text, &format!("{path} {operator}"), &network.to_string());
    }
    text.push_str(if many { ")" } else { "" });
    Ok(())
}

fn comparison(text: &mut String, left: &str, literal: &str) {
    // Writing to a string cannot fail.
    let _ = write!(text, "{left} '");
    for c in literal.chars() {
        if matches!(c, '\'' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;
    use threatsieve_blacklist::UrlMode;

    fn combined(values: &[&str], names: &[&str]) -> String {
        let value = |text: &&str| {
            let value = match text.strip_prefix('=') {
                Some(name) => Value::domain(name, DomainMode::Exact),
                None => Value::from_list(text, UrlMode::Exact),
            };
            ConjunctionPart::Value(value.unwrap())
        };
        let name = |text: &&str| ConjunctionPart::FileName((*text).into());
        let parts = values.iter().map(value).chain(names.iter().map(name)).collect();
        match combine(&Conjunction::new(parts).unwrap()) {
            Ok(Combined::Object(template, parts)) => {
                let shown = parts.iter().map(|part| {
                    let mark = if part.is_telling { "" } else { "?" };
                    format!(" {}{mark}={}", part.relation, part.form.value)
                });
                format!("{}:{}", template.name, shown.collect::<String>())
            }
            Ok(Combined::Pattern(form)) => form.value,
            Err(reason) => format!("{reason:?}"),
        }
    }

    #[test]
    fn conjunctions_are_objects_where_one_fits() {
        const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";
        const OTHER: &str = "d41d8cd98f00b204e9800998ecf8427f";
        for (values, names, want) in [
            (&["a.com", "10.1.2.3"][..], &[][..], "domain-ip: domain=a.com ip=10.1.2.3"),
            (&["=a.com", "10.0.0.0/8"], &[], "domain-ip: hostname=a.com ip=10.0.0.0/8"),
            (
                &["=a.com", "=b.com"],
                &[],
                "[domain-name:value = 'a.com' AND domain-name:value = 'b.com']",
            ),
            (
                &[MD5],
                &["a.exe", "b.exe"],
                &format!("file: md5={MD5} filename?=a.exe filename?=b.exe"),
            ),
            (
                &[MD5, OTHER],
                &[],
                &format!("[file:hashes.MD5 = '{MD5}' AND file:hashes.MD5 = '{OTHER}']"),
            ),
            (
                &[MD5],
                &["a\n.exe"],
                &format!("[file:hashes.MD5 = '{MD5}' AND file:name = 'a\n.exe']"),
            ),
            (
                &["http://a.com/x", "a.com", "10.1.2.3"],
                &[],
                "url: domain=a.com ip=10.1.2.3 url=http://a.com/x",
            ),
            (
                &["http://a.com/it's"],
                &["C:\\a.exe"],
                "[url:value = 'http://a.com/it\\'s' AND file:name = 'C:\\\\a.exe']",
            ),
            (
                &["*.a.com", "10.1.2.1-10.1.2.3"],
                &[],
                "[domain-name:value LIKE '%.a.com' AND (ipv4-addr:value = '10.1.2.1' OR \
                 ipv4-addr:value ISSUBSET '10.1.2.2/31')]",
            ),
            (
                &["a.com", "u@b.com"],
                &[],
                "[domain-name:value = 'a.com' AND email-addr:value = 'u@b.com']",
            ),
            (&["a.com"], &["\u{1f600}"], "FourByteCharacter"),
        ] {
            assert_eq!(combined(values, names), want);
        }
    }
}
