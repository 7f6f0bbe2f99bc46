//! The paths that name observables: the list in the module's documentation as code.

use threatsieve_blacklist::{DomainMode, FileHash, Malformed, UrlMode, Value};

use super::Reason;
use crate::pattern::{HashKind, Path, Step};

/// The type of a path's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Domain,
    Ipv4,
    Ipv6,
    /// An end of a connection: an address or a domain.
    Endpoint,
    Url,
    Hash(HashKind),
    Email,
}

/// The observable that a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) kind: Kind,
    /// The number of steps that lead to the object with the value.
    pub(super) object_steps: usize,
    /// True if the path names several values at once, through `[*]`.
    pub(super) many: bool,
}

/// The STIX types of objects that have values.
pub(super) const OWNERS: [&str; 10] = [
    "domain-name",
    "hostname",
    "x-opencti-hostname",
    "ipv4-addr",
    "ipv6-addr",
    "url",
    "email-addr",
    "file",
    "artifact",
    "x509-certificate",
];

/// Returns the observable that a path names, or the reason why it gives no values.
pub(super) fn place(path: &Path) -> Result<Place, Reason> {
    let mut keys = [""; 3];
    if path.steps.len() > keys.len() {
        return Err(elsewhere(path));
    }
    for (key, step) in keys.iter_mut().zip(&path.steps) {
        *key = match step {
            Step::Key(name) => name,
            Step::Any => "[*]",
            Step::Index(_) => return Err(elsewhere(path)),
        };
    }
    let one = |kind, object_steps| Ok(Place { kind, object_steps, many: false });
    match (path.object.as_str(), keys) {
        ("domain-name" | "hostname" | "x-opencti-hostname", ["value", "", ""]) => {
            one(Kind::Domain, 0)
        }
        ("ipv4-addr", ["value", "", ""]) => one(Kind::Ipv4, 0),
        ("ipv6-addr", ["value", "", ""]) => one(Kind::Ipv6, 0),
        ("url", ["value", "", ""]) => one(Kind::Url, 0),
        ("email-addr", ["value", "", ""]) => one(Kind::Email, 0),
        ("network-traffic", ["src_ref" | "dst_ref", "value", ""]) => one(Kind::Endpoint, 1),
        ("email-message", ["from_ref" | "sender_ref", "value", ""]) => one(Kind::Email, 1),
        ("email-message", ["to_refs" | "cc_refs" | "bcc_refs", "[*]", "value"]) => {
            Ok(Place { kind: Kind::Email, object_steps: 2, many: true })
        }
        ("file" | "artifact" | "x509-certificate", ["hashes", name, ""]) => one(hash(name)?, 0),
        ("file", ["content_ref", "hashes", name]) => one(hash(name)?, 1),
        _ => Err(elsewhere(path)),
    }
}

/// Returns whether a path names a file by its name.
pub(super) fn is_file_name(path: &Path) -> bool {
    matches!(path.steps.as_slice(), [Step::Key(key)] if key == "name") && path.object == "file"
}

fn hash(name: &str) -> Result<Kind, Reason> {
    match HashKind::from_name(name) {
        Some(kind @ (HashKind::Md5 | HashKind::Sha1 | HashKind::Sha256)) => Ok(Kind::Hash(kind)),
        _ => Err(Reason::NoObservable),
    }
}

/// The reason for a path that gives no values. A value of an object that is only referenced is an
/// observable, but with a relation that logs do not show.
fn elsewhere(path: &Path) -> Reason {
    let mut referred = false;
    let mut hashes = false;
    for step in &path.steps {
        if let Step::Key(key) = step {
            referred |= key.ends_with("_ref") || key.ends_with("_refs");
            hashes |= key == "hashes";
        }
    }
    let value = matches!(path.steps.last(), Some(Step::Key(key)) if key == "value");
    if referred && (value || hashes) { Reason::Relation } else { Reason::NoObservable }
}

/// Returns a value of a place, and the STIX type of the object with it.
pub(super) fn value(
    path: &Path,
    place: &Place,
    text: &str,
) -> Result<(Value, &'static str), Malformed> {
    Ok(match place.kind {
        Kind::Domain => (Value::domain(text, DomainMode::AtAndBelow)?, name_owner(path)),
        Kind::Ipv4 => {
            (address(text, "an IPv4 address or network", |text| !text.contains(':'))?, "ipv4-addr")
        }
        Kind::Ipv6 => {
            (address(text, "an IPv6 address or network", |text| text.contains(':'))?, "ipv6-addr")
        }
        Kind::Endpoint => match network(text) {
            Ok(found) => found,
            Err(_) => {
                let domain = Value::domain(text, DomainMode::AtAndBelow);
                (domain.map_err(|error| Malformed { expected: ENDPOINT, ..error })?, "domain-name")
            }
        },
        Kind::Url => (Value::url(text, UrlMode::Exact)?, "url"),
        Kind::Hash(kind) => (digest(kind, text)?, hash_owner(path, place)),
        Kind::Email => (Value::email(text)?, "email-addr"),
    })
}

const ENDPOINT: &str = "an IPv4 or IPv6 address, a network or a domain name";

/// Returns a network of a place with addresses.
pub(super) fn subset(
    path: &Path,
    place: &Place,
    text: &str,
) -> Result<(Value, &'static str), Malformed> {
    match place.kind {
        Kind::Ipv4 | Kind::Ipv6 => value(path, place, text),
        Kind::Endpoint => network(text),
        _ => Err(Malformed {
            expected: "a path of addresses before ISSUBSET",
            got: path.to_string(),
        }),
    }
}

/// Returns the names below a domain, from the text of `LIKE '%.domain'`.
pub(super) fn below(
    path: &Path,
    place: &Place,
    text: &str,
) -> Result<(Value, &'static str), Reason> {
    let name = text.strip_prefix("%.").filter(|name| !name.contains(['%', '_']));
    match (place.kind, name) {
        (Kind::Domain | Kind::Endpoint, Some(name)) => Value::domain(name, DomainMode::Below)
            .map(|value| (value, name_owner(path)))
            .map_err(Reason::Unfit),
        _ => Err(Reason::Wildcard),
    }
}

fn network(text: &str) -> Result<(Value, &'static str), Malformed> {
    let value = address(text, "an IPv4 or IPv6 address or network", |_| true)?;
    Ok((value, if text.contains(':') { "ipv6-addr" } else { "ipv4-addr" }))
}

/// Reads an address or a network. STIX has no other ranges.
fn address(
    text: &str,
    expected: &'static str,
    family: fn(&str) -> bool,
) -> Result<Value, Malformed> {
    let value = Value::address(text).map_err(|error| Malformed { expected, ..error })?;
    if text.contains('-') || !family(text) {
        return Err(Malformed { expected, got: text.chars().take(100).collect() });
    }
    Ok(value)
}

/// Reads a digest of this type.
pub(crate) fn digest(kind: HashKind, text: &str) -> Result<Value, Malformed> {
    let expected = match kind {
        HashKind::Md5 => "an MD5 digest in 32 hexadecimal digits",
        HashKind::Sha1 => "a SHA-1 digest in 40 hexadecimal digits",
        _ => "a SHA-256 digest in 64 hexadecimal digits",
    };
    let value = Value::hash(text).map_err(|error| Malformed { expected, ..error })?;
    let fits = matches!(
        (&value, kind),
        (Value::Hash(FileHash::Md5(_)), HashKind::Md5)
            | (Value::Hash(FileHash::Sha1(_)), HashKind::Sha1)
            | (Value::Hash(FileHash::Sha256(_)), HashKind::Sha256)
    );
    if fits {
        Ok(value)
    } else {
        Err(Malformed { expected, got: text.chars().take(100).collect() })
    }
}

/// The owner of a name at the end of a connection is a `domain-name`.
fn name_owner(path: &Path) -> &'static str {
    match path.object.as_str() {
        "hostname" => "hostname",
        "x-opencti-hostname" => "x-opencti-hostname",
        _ => "domain-name",
    }
}

fn hash_owner(path: &Path, place: &Place) -> &'static str {
    match (path.object.as_str(), place.object_steps) {
        (_, 1) | ("artifact", _) => "artifact",
        ("x509-certificate", _) => "x509-certificate",
        _ => "file",
    }
}
