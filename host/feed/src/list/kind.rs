//! The kind of a record's value: by the word in its type column, or by the name of its own column.

use threatsieve_blacklist::value::has_scheme;
use threatsieve_blacklist::{AddressRange, Listed, Malformed, UrlMode, Value};

use crate::preset::Kind;

/// The way in which a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueKind {
    /// The value's form decides.
    Any,
    Domain,
    /// An address, network or range, with or without a port.
    Address,
    Url,
    Hash,
    Email,
    /// A host and its port: `a:p`, or as in MISP `a|p`.
    HostPort,
    /// MISP's `domain|ip`: the name counts. The address is only where it once pointed.
    NameAndAddress,
    /// MISP's `filename|sha256`: the digest counts.
    NameAndHash,
}

/// The meaning of a word in a type column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TypeWord {
    /// The value is read like this.
    Kind(ValueKind),
    /// Events are not matched for values of this type.
    NoIndicator,
    /// Not a type of values, but the list's own category, such as `phishing`.
    Own,
}

impl TypeWord {
    /// Reads a word as written by STIX, MISP, OTX, Zeek, abuse.ch and others, in any case.
    pub(crate) fn of(text: &str) -> TypeWord {
        let word = text.trim().to_ascii_lowercase().replace(['_', ' '], "-");
        let word = word.strip_prefix("intel::").unwrap_or(&word);
        let kind = match word {
            "domain" | "domain-name" | "hostname" | "host" | "fqdn" => ValueKind::Domain,
            "ip" | "ipv4" | "ipv6" | "ipv4-addr" | "ipv6-addr" | "ip-dst" | "ip-src" | "cidr"
            | "address" | "addr" | "subnet" | "network" | "ip-address" | "ip-range" => {
                ValueKind::Address
            }
            "ip:port" | "ip-dst|port" | "ip-src|port" | "hostname|port" | "domain|port" => {
                ValueKind::HostPort
            }
            "url" | "uri" => ValueKind::Url,
            "md5" | "sha1" | "sha-1" | "sha256" | "sha-256" | "hash" | "file-hash" | "md5-hash"
            | "sha1-hash" | "sha256-hash" | "filehash-md5" | "filehash-sha1"
            | "filehash-sha256" => ValueKind::Hash,
            "email" | "email-addr" | "email-address" | "email-src" | "email-dst" => {
                ValueKind::Email
            }
            "domain|ip" => ValueKind::NameAndAddress,
            "filename|md5" | "filename|sha1" | "filename|sha256" | "malware-sample" => {
                ValueKind::NameAndHash
            }
            word if NO_INDICATOR.binary_search(&word).is_ok() => return TypeWord::NoIndicator,
            // Pairs and new types of known families that MISP adds from time to time.
            word if word.contains('|')
                || PREFIXES.iter().any(|prefix| word.starts_with(prefix)) =>
            {
                return TypeWord::NoIndicator;
            }
            _ => return TypeWord::Own,
        };
        TypeWord::Kind(kind)
    }
}

impl From<Kind> for ValueKind {
    fn from(kind: Kind) -> ValueKind {
        match kind {
            Kind::Auto => ValueKind::Any,
            Kind::Ipv4Addr | Kind::Ipv6Addr => ValueKind::Address,
            Kind::IpPort => ValueKind::HostPort,
            Kind::DomainName => ValueKind::Domain,
            Kind::Url => ValueKind::Url,
            Kind::File => ValueKind::Hash,
            Kind::EmailAddr => ValueKind::Email,
            Kind::PairLeftDomain => ValueKind::NameAndAddress,
            Kind::PairRightFile => ValueKind::NameAndHash,
        }
    }
}

impl ValueKind {
    /// Reads a value and its port.
    pub(crate) fn read(self, text: &str, url: UrlMode) -> Result<Listed, Malformed> {
        let alone = |value: Value| Listed { value, port: None };
        match self {
            ValueKind::Any => Listed::parse(text, url),
            // Some lists have addresses, URLs, or hosts with ports, in a column of domains.
            ValueKind::Domain => match Value::listed_domain(text) {
                Ok(value) => Ok(alone(value)),
                Err(_) if has_scheme(text) => Value::url(text, url).map(alone),
                Err(error) => Listed::host(text).map_err(|_| error),
            },
            ValueKind::Address => match AddressRange::parse(text.trim()) {
                Some(range) => Ok(alone(Value::Address(range))),
                None => match Listed::host(text) {
                    Ok(listed @ Listed { value: Value::Address(_), .. }) => Ok(listed),
                    _ => Value::address(text).map(alone),
                },
            },
            ValueKind::Url => Value::url(text, url).map(alone),
            ValueKind::Hash => Value::hash(text).map(alone),
            ValueKind::Email => Value::email(text).map(alone),
            ValueKind::HostPort => match text.rsplit_once('|') {
                Some((host, port)) if host.contains(':') => {
                    Listed::host(&format!("[{host}]:{port}"))
                }
                Some((host, port)) => Listed::host(&format!("{host}:{port}")),
                None => Listed::host(text),
            },
            ValueKind::NameAndAddress => {
                let name = text.split_once('|').map_or(text, |(name, _)| name);
                Value::listed_domain(name).map(alone)
            }
            ValueKind::NameAndHash => {
                let hash = text.rsplit_once('|').map_or(text, |(_, hash)| hash);
                Value::hash(hash).map(alone)
            }
        }
    }
}

/// The beginnings of types that we do not match, in MISP and others.
const PREFIXES: [&str; 14] = [
    "cert-",
    "dkim",
    "filename-",
    "github-",
    "hassh",
    "ja3",
    "ja4",
    "passenger-",
    "payment-",
    "pgp-",
    "telfhash",
    "visa-",
    "whois-",
    "x509-",
];

/// Types of values in exports for which events are not matched, sorted. Reading their values by
/// form would give wrong entries (`evil.dll`, the path of a file, the link to a report).
const NO_INDICATOR: [&str; 135] = [
    "anonymised",
    "as",
    "asn",
    "attachment",
    "authentihash",
    "autonomous-system",
    "bank-account-nr",
    "bic",
    "bin",
    "boolean",
    "bro",
    "btc",
    "campaign-id",
    "campaign-name",
    "categorization",
    "cc-number",
    "cdhash",
    "cert-hash",
    "certificate",
    "chrome-extension-id",
    "command-line",
    "comment",
    "community-id",
    "cookie",
    "counter",
    "country",
    "country-of-residence",
    "cpe",
    "cve",
    "dash",
    "datetime",
    "device-name",
    "directory",
    "dns-soa-email",
    "email-attachment",
    "email-body",
    "email-header",
    "email-message",
    "email-message-id",
    "email-mime-boundary",
    "email-reply-to",
    "email-subject",
    "email-thread-index",
    "email-x-mailer",
    "eppn",
    "favicon-mmh3",
    "file-name",
    "file-path",
    "filehash-imphash",
    "filehash-pehash",
    "filehash-sha512",
    "filename",
    "filepath",
    "first-name",
    "float",
    "full-name",
    "gender",
    "hex",
    "http-method",
    "iban",
    "identity-card-number",
    "impfuzzy",
    "imphash",
    "integer",
    "ip-geolocation",
    "jabber-id",
    "jarm",
    "kusto-query",
    "last-name",
    "link",
    "mac-address",
    "mac-eui-64",
    "malware-family",
    "malware-type",
    "middle-name",
    "mime-type",
    "mobile-application-id",
    "mutex",
    "named-pipe",
    "nationality",
    "netname",
    "nids",
    "onion-key",
    "other",
    "password",
    "pattern-filename",
    "pattern-in-file",
    "pattern-in-memory",
    "pattern-in-traffic",
    "pdb",
    "pehash",
    "phone-number",
    "port",
    "process",
    "prtn",
    "pubkey-hash",
    "redress-number",
    "registry-key",
    "regkey",
    "script",
    "sha224",
    "sha3-256",
    "sha384",
    "sha512",
    "sigma",
    "size-in-bytes",
    "snort",
    "software",
    "ssdeep",
    "ssh-fingerprint",
    "stix2-pattern",
    "target-email",
    "target-external",
    "target-location",
    "target-machine",
    "target-org",
    "target-user",
    "text",
    "threat-actor",
    "tlsh",
    "ttp",
    "twitter-id",
    "url-path",
    "user-account",
    "user-agent",
    "user-name",
    "vhash",
    "vulnerability",
    "weakness",
    "windows-scheduled-task",
    "windows-service-displayname",
    "windows-service-name",
    "xmr",
    "yara",
    "zeek",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found() {
        assert!(NO_INDICATOR.is_sorted(), "{:?}", NO_INDICATOR.windows(2).find(|w| w[0] > w[1]));
        for (word, want) in [
            ("Domain", TypeWord::Kind(ValueKind::Domain)),
            ("Intel::ADDR", TypeWord::Kind(ValueKind::Address)),
            ("FileHash-SHA256", TypeWord::Kind(ValueKind::Hash)),
            ("ip:port", TypeWord::Kind(ValueKind::HostPort)),
            ("CVE", TypeWord::NoIndicator),
            ("Intel::CERT_HASH", TypeWord::NoIndicator),
            ("FilePath", TypeWord::NoIndicator),
            ("x509-fingerprint-sha1", TypeWord::NoIndicator),
            ("regkey|value", TypeWord::NoIndicator),
            ("YARA", TypeWord::NoIndicator),
            ("phishing", TypeWord::Own),
        ] {
            assert_eq!(TypeWord::of(word), want, "{word}");
        }
    }

    #[test]
    fn pairs_are_split() {
        let read = |kind: ValueKind, text: &str| match kind.read(text, UrlMode::Exact) {
            Ok(Listed { value, port }) => format!("{value} {port:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(read(ValueKind::HostPort, "93.94.95.92|4444"), "93.94.95.92 Some(4444)");
        assert_eq!(read(ValueKind::HostPort, "2001:db8::1|443"), "2001:db8::1 Some(443)");
        assert_eq!(read(ValueKind::HostPort, "c2.evil.com:80"), "c2.evil.com Some(80)");
        assert_eq!(read(ValueKind::NameAndAddress, "evil.com|1.2.3.4"), "evil.com None");
        let hash = "094e15cfc2adf9a0aecebf65f6f6a169";
        assert_eq!(
            read(ValueKind::NameAndHash, &format!("a|b.exe|{hash}")),
            format!("{hash} None")
        );
    }
}
