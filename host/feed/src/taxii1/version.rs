//! The two versions of TAXII 1 and the HTTP headers of each.

/// A version of TAXII 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TAXII 1.0, whose collections are called feeds.
    V10,
    /// TAXII 1.1.
    V11,
}

const MEDIA_TYPE: &str = "application/xml";
const HTTP: &str = "urn:taxii.mitre.org:protocol:http:1.0";
const HTTPS: &str = "urn:taxii.mitre.org:protocol:https:1.0";

impl Version {
    /// Both versions, the newer one first.
    pub const ALL: [Version; 2] = [Version::V11, Version::V10];

    /// Returns the XML namespace of the version's messages.
    pub fn namespace(self) -> &'static str {
        match self {
            Version::V10 => "http://taxii.mitre.org/messages/taxii_xml_binding-1",
            Version::V11 => "http://taxii.mitre.org/messages/taxii_xml_binding-1.1",
        }
    }

    /// Returns the prefix that written messages bind to the namespace. It is the usual one, which
    /// careless servers may expect.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Version::V10 => "taxii",
            Version::V11 => "taxii_11",
        }
    }

    /// Returns the id of the version's message binding, as `X-TAXII-Content-Type` names it.
    pub fn message_binding(self) -> &'static str {
        match self {
            Version::V10 => "urn:taxii.mitre.org:message:xml:1.0",
            Version::V11 => "urn:taxii.mitre.org:message:xml:1.1",
        }
    }

    /// Returns the id of the version's services, as `X-TAXII-Services` names it.
    pub fn services(self) -> &'static str {
        match self {
            Version::V10 => "urn:taxii.mitre.org:services:1.0",
            Version::V11 => "urn:taxii.mitre.org:services:1.1",
        }
    }

    /// Returns the version with this message binding.
    pub fn of_message_binding(id: &str) -> Option<Version> {
        Version::ALL.into_iter().find(|version| version.message_binding() == id.trim())
    }

    pub(super) fn of_namespace(namespace: &str) -> Option<Version> {
        Version::ALL.into_iter().find(|version| version.namespace() == namespace)
    }

    /// Returns the id of the protocol, HTTP with or without encryption.
    pub fn protocol(is_https: bool) -> &'static str {
        if is_https { HTTPS } else { HTTP }
    }

    /// Returns the HTTP headers of a request, which is always a POST. All are required: a server
    /// may answer 406 if `Accept` is missing (TAXII HTTP Protocol Binding 1.0, section 3).
    pub fn headers(self, is_https: bool) -> [(&'static str, &'static str); 6] {
        [
            ("Content-Type", MEDIA_TYPE),
            ("Accept", MEDIA_TYPE),
            ("X-TAXII-Content-Type", self.message_binding()),
            ("X-TAXII-Accept", self.message_binding()),
            ("X-TAXII-Services", self.services()),
            ("X-TAXII-Protocol", Version::protocol(is_https)),
        ]
    }
}
