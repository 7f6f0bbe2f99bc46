//! Values in one form for other programs, however the source wrote them.

use super::listed::has_scheme;
use super::{AddressRange, DomainMode, Value};
use crate::image::EntryType;
use crate::normalise::normal_authority;

impl Value {
    /// The type of entry that the value becomes; `None` for a conjunction.
    pub fn entry_type(&self) -> Option<EntryType> {
        use super::FileHash::{Md5, Sha1, Sha256};
        Some(match self {
            Value::Domain(..) => EntryType::Domain,
            Value::Address(range) if range.first().is_ipv4() => EntryType::Ipv4,
            Value::Address(_) => EntryType::Ipv6,
            Value::Url { .. } => EntryType::Url,
            Value::Hash(Md5(_)) => EntryType::Md5,
            Value::Hash(Sha1(_)) => EntryType::Sha1,
            Value::Hash(Sha256(_)) => EntryType::Sha256,
            Value::Email(_) => EntryType::Email,
            Value::All(_) => return None,
        })
    }

    /// The value in normal form: a name or address in lower case, or a URL with scheme and host in
    /// lower case (`http://` if the source has no scheme) and the rest as given. A range becomes as
    /// many CIDR blocks as necessary. A conjunction is shown with all its parts.
    pub fn normal_forms(&self) -> Vec<String> {
        match self {
            Value::Domain(name, _) => vec![name.to_string()],
            Value::Address(range) => range.networks().iter().map(ToString::to_string).collect(),
            Value::Url { shown, .. } => vec![normal_url(shown)],
            Value::Hash(hash) => vec![hash.to_string()],
            Value::Email(email) => vec![email.to_string()],
            Value::All(parts) => vec![parts.to_string()],
        }
    }

    /// The names that a domain covers, if the source says it: `true` is the name and all below it.
    pub fn is_subtree(&self) -> Option<bool> {
        match self {
            Value::Domain(_, DomainMode::Exact) => Some(false),
            Value::Domain(_, DomainMode::Below | DomainMode::Tree) => Some(true),
            _ => None,
        }
    }
}

impl AddressRange {
    /// Splits the range into networks, in ascending order: at most 62 for IPv4 and 254 for IPv6.
    pub fn networks(&self) -> Vec<AddressRange> {
        crate::compile::networks(self)
    }
}

fn normal_url(shown: &str) -> String {
    let (scheme, rest) = match shown.split_once("://") {
        Some((scheme, rest)) if has_scheme(shown) => (scheme.to_ascii_lowercase(), rest),
        _ => ("http".to_owned(), shown.strip_prefix("//").unwrap_or(shown)),
    };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    format!("{scheme}://{}{rest}", normal_authority(authority))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UrlMode;

    fn forms(text: &str) -> String {
        Value::from_list(text, UrlMode::Exact).unwrap().normal_forms().join(" ")
    }

    #[test]
    fn urls_keep_all_but_the_case_of_scheme_and_host() {
        for (text, want) in [
            (
                "HTTP://BAD-two.top:8080/Gate.php?x=%41#F",
                "http://bad-two.top:8080/Gate.php?x=%41#F",
            ),
            ("bad-two.top/gate", "http://bad-two.top/gate"),
            ("http://45.66.77.117", "http://45.66.77.117"),
            ("https://b\u{fc}cher-bad.top/x", "https://xn--bcher-bad-q9a.top/x"),
            ("http://User:Pw@Evil.com/x", "http://User:Pw@evil.com/x"),
            ("http://[2001:DB8::1]:81/x", "http://[2001:db8::1]:81/x"),
            ("hxxp://Evil[.]com?x", "http://evil.com?x"),
        ] {
            assert_eq!(forms(text), want);
        }
    }

    #[test]
    fn ranges_are_networks() {
        for (text, want) in [
            ("45.66.77.0-45.66.77.63", "45.66.77.0/26"),
            ("93.94.95.10-93.94.95.12", "93.94.95.10/31 93.94.95.12"),
            ("1.2.3.4/24", "1.2.3.0/24"),
            ("::-::2", "::/127 ::2"),
        ] {
            assert_eq!(forms(text), want);
        }
    }
}
