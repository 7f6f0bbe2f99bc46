//! Values as attributes of MISP: type, category, and the text that MISP stores unchanged.

use std::net::IpAddr;

use threatsieve_blacklist::{AddressRange, DomainMode, FileHash, Port, Value};

use crate::text::{MAX_VALUE_BYTES, is_stored};

/// The most networks that one range of addresses becomes. A range of IPv4 addresses needs at most
/// 62; only one of IPv6 can need more.
pub const MAX_NETWORKS: usize = 64;

/// The category of what is seen on the network.
pub(crate) const NETWORK: &str = "Network activity";
/// The category of what is delivered: files, and senders of mail.
pub(crate) const DELIVERY: &str = "Payload delivery";
/// The default category of patterns.
const INSTALLATION: &str = "Payload installation";

/// A value as an attribute holds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Form {
    pub(crate) kind: &'static str,
    pub(crate) category: &'static str,
    pub(crate) value: String,
}

/// The reason why a value cannot be an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Reason {
    /// `*.x`.
    #[error("MISP has no type for only the hosts below a name")]
    BelowOnly,
    /// A public suffix such as `zip`.
    #[error("MISP refuses a name of one label")]
    OneLabel,
    /// A label that IDNA rejects, or a top-level domain of one character.
    #[error("MISP refuses a name with other characters than a-z, 0-9, `-`, `_` and `.`")]
    NameCharacters,
    /// A domain part without a dot.
    #[error("MISP refuses an email address whose domain is one label")]
    EmailDomain,
    /// A character beyond U+FFFF.
    #[error("MISP stores a character beyond U+FFFF as `?`")]
    FourByteCharacter,
    /// A value beyond the limit.
    #[error("MISP refuses a value longer than 65,535 bytes")]
    TooLong,
    /// A range of addresses that needs too many networks. The first ones are converted.
    #[error("MISP has no ranges, and this one needs more than {MAX_NETWORKS} networks")]
    TooManyNetworks,
    /// A conjunction that cannot be written as a pattern.
    #[error("MISP has no object or pattern for this combination")]
    Combination,
}

/// Returns the attributes of a value that is no conjunction, and the reason why a part of it cannot
/// be one.
pub(crate) fn forms(value: &Value, port: Option<Port>) -> (Vec<Form>, Option<Reason>) {
    let form = match value {
        Value::Address(range) => return address(range, port),
        Value::Domain(name, mode) => domain(name, *mode, port),
        // A URL has its port in itself.
        Value::Url { .. } => url(value),
        Value::Hash(hash) => {
            Ok(Form { kind: hash_kind(hash), category: DELIVERY, value: hash.to_string() })
        }
        Value::Email(address) => email(address),
        Value::All(_) => Err(Reason::Combination),
    };
    match form {
        Ok(form) => (vec![form], None),
        Err(reason) => (Vec::new(), Some(reason)),
    }
}

/// A name that stands for all hosts below it, too, is a `domain`, and an exact one a `hostname`:
/// MISP's exports for network sensors match names below a `domain`, and nothing but a `hostname`.
/// A name with a port is a `hostname|port`, since MISP has no `domain|port`.
pub(crate) fn domain(name: &str, mode: DomainMode, port: Option<Port>) -> Result<Form, Reason> {
    check_name(name)?;
    let form = |kind, value| Ok(Form { kind, category: NETWORK, value });
    match (mode, port) {
        (DomainMode::Below, _) => Err(Reason::BelowOnly),
        (_, Some(port)) => form("hostname|port", format!("{name}|{}", port.number)),
        (DomainMode::Exact, None) => form("hostname", name.to_owned()),
        (DomainMode::AtAndBelow | DomainMode::Tree, None) => form("domain", name.to_owned()),
    }
}

/// Checks a name by MISP's rule: two labels or more of letters, digits, `-` and `_`, and a last
/// label of two characters or more.
fn check_name(name: &str) -> Result<(), Reason> {
    let Some((_, last)) = name.rsplit_once('.') else { return Err(Reason::OneLabel) };
    let is_usual = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if name.bytes().all(is_usual) && last.len() >= 2 && !last.contains('_') {
        Ok(())
    } else {
        Err(Reason::NameCharacters)
    }
}

/// Addresses are `ip-dst`: observed clients connect to them. Indicators do not say whether an
/// address is an attack's source, and MISP's importer of STIX chooses the same.
fn address(range: &AddressRange, port: Option<Port>) -> (Vec<Form>, Option<Reason>) {
    let form = |kind, value| Form { kind, category: NETWORK, value };
    if let (Some(port), true) = (port, range.first() == range.last()) {
        return (vec![form("ip-dst|port", format!("{range}|{}", port.number))], None);
    }
    // A network with a port has no type in MISP. It is sent without the port, and the comment says
    // it.
    let networks = range.networks();
    let reason = (networks.len() > MAX_NETWORKS).then_some(Reason::TooManyNetworks);
    let kept = networks.iter().take(MAX_NETWORKS);
    (kept.map(|network| form("ip-dst", network.to_string())).collect(), reason)
}

/// The one network that a range is, as MISP writes it.
pub(crate) fn one_network(range: &AddressRange) -> Option<String> {
    range.prefix_bits().map(|_| range.to_string())
}

pub(crate) fn url(value: &Value) -> Result<Form, Reason> {
    // MISP refangs `[.]` anywhere in a URL.
    let text = value.normal_forms().concat().replace("[.]", ".");
    check_text(&text)?;
    Ok(Form { kind: "url", category: NETWORK, value: text })
}

/// Addresses of mail are `email-src`: senders, in lower case, as MISP stores them.
fn email(address: &str) -> Result<Form, Reason> {
    if !address.rsplit_once('@').is_some_and(|(_, domain)| domain.contains('.')) {
        return Err(Reason::EmailDomain);
    }
    check_text(address)?;
    Ok(Form { kind: "email-src", category: DELIVERY, value: address.to_lowercase() })
}

pub(crate) fn hash_kind(hash: &FileHash) -> &'static str {
    match hash {
        FileHash::Md5(_) => "md5",
        FileHash::Sha1(_) => "sha1",
        FileHash::Sha256(_) => "sha256",
    }
}

/// A pattern of STIX 2.
pub(crate) fn pattern(text: String) -> Result<Form, Reason> {
    check_text(&text)?;
    Ok(Form { kind: "stix2-pattern", category: INSTALLATION, value: text })
}

/// Checks that MISP stores a text unchanged.
pub(crate) fn check_text(text: &str) -> Result<(), Reason> {
    if text.len() > MAX_VALUE_BYTES {
        return Err(Reason::TooLong);
    }
    if text.chars().all(is_stored) { Ok(()) } else { Err(Reason::FourByteCharacter) }
}

/// Returns whether two values of a type are the same to MISP. It writes some addresses another way.
pub(crate) fn same_value(kind: &str, one: &str, other: &str) -> bool {
    one == other || (kind.starts_with("ip-") && canonical_address(one) == canonical_address(other))
}

/// Returns an address in Rust's spelling, with its network's length or its port. Another text stays
/// as it is.
pub(crate) fn canonical_address(text: &str) -> String {
    let end = text.find(['/', '|']).unwrap_or(text.len());
    let (address, rest) = text.split_at(end);
    match (address.parse::<IpAddr>(), rest) {
        (Ok(address), "/32") if address.is_ipv4() => address.to_string(),
        (Ok(address), rest) => format!("{address}{rest}"),
        (Err(_), _) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use threatsieve_blacklist::{Listed, UrlMode};

    fn read(text: &str) -> String {
        let listed = Listed::parse(text, UrlMode::Exact).unwrap();
        let port = listed.port.map(|number| Port { number, is_matched: false });
        let (forms, reason) = forms(&listed.value, port);
        let mut shown: Vec<String> =
            forms.iter().map(|form| format!("{} {}", form.kind, form.value)).collect();
        shown.extend(reason.map(|reason| format!("{reason:?}")));
        shown.join(", ")
    }

    #[test]
    fn values_have_the_types_of_misp() {
        for (text, want) in [
            ("Evil.com.", "domain evil.com"),
            ("www.evil.com", "domain www.evil.com"),
            ("b\u{fc}cher.example", "domain xn--bcher-kva.example"),
            ("_dmarc.evil.example", "domain _dmarc.evil.example"),
            ("*.evil.com", "BelowOnly"),
            ("zip", "OneLabel"),
            ("evil.com:8080", "hostname|port evil.com|8080"),
            ("198.51.100.7", "ip-dst 198.51.100.7"),
            ("198.51.100.7/32", "ip-dst 198.51.100.7"),
            ("198.51.100.7/24", "ip-dst 198.51.100.0/24"),
            ("198.51.100.7:443", "ip-dst|port 198.51.100.7|443"),
            ("2001:DB8::0001", "ip-dst 2001:db8::1"),
            ("2001:db8::/32", "ip-dst 2001:db8::/32"),
            ("[2001:db8::1]:80", "ip-dst|port 2001:db8::1|80"),
            ("::ffff:198.51.100.7", "ip-dst 198.51.100.7"),
            ("198.51.100.1-198.51.100.3", "ip-dst 198.51.100.1, ip-dst 198.51.100.2/31"),
            ("hxxp://Evil[.]com/A?b", "url http://evil.com/A?b"),
            ("evil.com/path", "url http://evil.com/path"),
            ("http://evil.com/a[.]b", "url http://evil.com/a.b"),
            ("http://evil.com/\u{1f600}", "FourByteCharacter"),
            ("D41D8CD98F00B204E9800998ECF8427E", "md5 d41d8cd98f00b204e9800998ecf8427e"),
            ("User@Evil.Example", "email-src user@evil.example"),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }

    #[test]
    fn a_range_of_too_many_networks_is_reported() {
        let (first, last) = ("::1".parse().unwrap(), "ff::fffe".parse().unwrap());
        let range = AddressRange::new(first, last).unwrap();
        let (forms, reason) = forms(&Value::Address(range), None);
        assert_eq!((forms.len(), reason), (MAX_NETWORKS, Some(Reason::TooManyNetworks)));
    }

    #[test]
    fn exact_names_are_hostnames() {
        let form = |name: &str, mode| domain(name, mode, None);
        assert_eq!(form("evil.com", DomainMode::Exact).unwrap().kind, "hostname");
        assert_eq!(form("evil.com", DomainMode::Tree).unwrap().kind, "domain");
        assert_eq!(form("evil.x", DomainMode::Exact), Err(Reason::NameCharacters));
        assert_eq!(form("ev~il.com", DomainMode::Exact), Err(Reason::NameCharacters));
    }

    #[test]
    fn addresses_compare_by_their_meaning() {
        assert!(same_value("ip-dst", "2001:db8::1", "2001:0db8:0::1"));
        assert!(same_value("ip-dst|port", "::1.2.3.4|80", "::102:304|80"));
        assert!(!same_value("ip-dst", "10.0.0.0/8", "10.0.0.0/9"));
        assert!(!same_value("ip-dst", "x", "y"));
        assert!(!same_value("domain", "a.com", "A.com"));
    }
}
