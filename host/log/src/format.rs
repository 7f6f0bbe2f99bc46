//! The formats of log lines.

/// A format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Squid's native access log (`access_log ... squid`), also of Squid 2 and with appended
    /// fields.
    Squid,
    /// The common and combined formats of Apache, nginx and Squid, also with a virtual host in
    /// front.
    Combined,
    /// One JSON object per line: ECS, Suricata EVE, Zeek's JSON, CloudTrail.
    Ndjson,
    /// Zeek's tab-separated logs with their `#fields` headers.
    Zeek,
    /// One value per line.
    Lines,
    /// Free text: values are found anywhere in a line.
    Text,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 6] = [
        Format::Squid,
        Format::Combined,
        Format::Ndjson,
        Format::Zeek,
        Format::Lines,
        Format::Text,
    ];

    /// The format's name, as in `--log-format`.
    pub fn name(self) -> &'static str {
        match self {
            Format::Squid => "squid",
            Format::Combined => "combined",
            Format::Ndjson => "ndjson",
            Format::Zeek => "zeek",
            Format::Lines => "lines",
            Format::Text => "text",
        }
    }

    /// Returns the format with this name.
    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }
}
