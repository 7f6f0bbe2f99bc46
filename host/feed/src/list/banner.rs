//! Comments that tell the kind of a list.

/// The meaning of a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Banner {
    /// The list may be empty from time to time.
    MayBeEmpty,
    /// The list is of this kind, which contains no indicators.
    Foreign(&'static str),
}

/// Parts of comments as their publishers write them.
const KNOWN: [(&str, Banner); 8] = [
    ("abuse.ch Feodo Tracker", Banner::MayBeEmpty),
    ("abuse.ch SSLBL Botnet C2 IP", Banner::MayBeEmpty),
    ("# END 0 entries", Banner::MayBeEmpty),
    ("# Number of entries: 0", Banner::MayBeEmpty),
    (
        "SSLBL JA3 Fingerprint",
        Banner::Foreign("JA3 fingerprints of TLS clients, which are not file digests"),
    ),
    (
        "SSL Certificate Blacklist",
        Banner::Foreign("digests of TLS certificates, which are not file digests"),
    ),
    (
        "===BEGIN ICANN DOMAINS===",
        Banner::Foreign("the Public Suffix List, whose names belong to everybody"),
    ),
    (
        "===BEGIN PRIVATE DOMAINS===",
        Banner::Foreign("the Public Suffix List, whose names belong to everybody"),
    ),
];

impl Banner {
    /// Recognises a comment.
    pub(super) fn of(comment: &str) -> Option<Banner> {
        KNOWN.iter().find(|(part, _)| comment.contains(part)).map(|(_, banner)| *banner)
    }
}
