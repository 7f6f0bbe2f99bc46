//! Properties that have no equivalent, and the reasons.

const NOT_READ: &str = "the service did not read it";
const FRAMEWORK: &str = "a setting of the Java framework";
const NOT_ENFORCED: &str = "the service did not enforce it";
const LINES: &str = "log lines have the form of this program; see `format` of [logging]";

const REASONS: [(&str, &str); 14] = [
    ("mtc.baseurl", "the program starts rounds by itself, and needs no URL of its own"),
    ("mtc.processtype.validvalues", NOT_ENFORCED),
    ("stixtransclient.source.collection.validvalues", NOT_ENFORCED),
    ("stixtransclient.output.type.misp", NOT_READ),
    ("stixtransclient.destination.directory", NOT_READ),
    ("stixtransclient.client.basedir", "it is used to find files"),
    ("stixtransclient.poll.url", "of an earlier version; `stixtransclient.poll.baseurl` is used"),
    ("bin.filepath", "of an earlier version: nothing is run"),
    ("mtc.tracking.schemafile", "the tracking file has its own schema"),
    ("stixtransclient.misp.url", "MISP's state is asked at the URL that packages are sent to"),
    ("server.ssl.key-alias", "the keystore must have one private key only"),
    ("server.ssl.key-password", "the password of a keystore is that of its key, too"),
    ("server.ssl.hostname.verify", "host names are always verified"),
    ("2way.ssl.auth", "a client certificate is shown if the server asks for it"),
];

const GROUPS: [(&str, &str); 6] = [
    ("spring.", FRAMEWORK),
    ("server.error.", FRAMEWORK),
    ("management.", FRAMEWORK),
    ("logging.pattern.", LINES),
    ("logging.level.", "there is one level for the whole program"),
    ("logging.", "see [logging] and docs/reference.md"),
];

/// Returns why a property has no equivalent.
pub(super) fn why(key: &str) -> &'static str {
    let known = REASONS.iter().find(|(name, _)| *name == key);
    let group = || GROUPS.iter().find(|(start, _)| key.starts_with(start));
    known.or_else(group).map_or("neither this program nor the service knows it", |(_, why)| why)
}
