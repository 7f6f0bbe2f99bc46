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
    /// The extended log format of the W3C with its `#Fields:` header: IIS, CloudFront, Exchange.
    W3c,
    /// HAProxy's logs of HTTP and TCP.
    Haproxy,
    /// Access logs of AWS load balancers.
    Alb,
    /// AWS VPC flow logs.
    VpcFlow,
    /// BIND's query log.
    Bind,
    /// Unbound's log of queries and replies.
    Unbound,
    /// The log of dnsmasq and Pi-hole.
    Dnsmasq,
    /// The packet filter's log of pfSense and OPNsense.
    Filterlog,
    /// FortiGate's pairs of keys and values.
    Fortinet,
    /// PAN-OS's CSV.
    PaloAlto,
    /// Lines by a format string of nginx or Apache ([`Template`](crate::Template)).
    Custom,
    /// One value per line.
    Lines,
    /// Free text: values are found anywhere in a line.
    Text,
}

impl Format {
    /// All formats, in the order of the variants.
    pub const ALL: [Format; 17] = [
        Format::Squid,
        Format::Combined,
        Format::Ndjson,
        Format::Zeek,
        Format::W3c,
        Format::Haproxy,
        Format::Alb,
        Format::VpcFlow,
        Format::Bind,
        Format::Unbound,
        Format::Dnsmasq,
        Format::Filterlog,
        Format::Fortinet,
        Format::PaloAlto,
        Format::Custom,
        Format::Lines,
        Format::Text,
    ];

    /// The names of the formats that need no format string, as in `--log-format`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let formats = Format::ALL.into_iter().filter(|format| *format != Format::Custom);
        formats.map(Format::name)
    }

    /// The format's name, as in `--log-format`.
    pub fn name(self) -> &'static str {
        match self {
            Format::Squid => "squid",
            Format::Combined => "combined",
            Format::Ndjson => "ndjson",
            Format::Zeek => "zeek",
            Format::W3c => "w3c",
            Format::Haproxy => "haproxy",
            Format::Alb => "alb",
            Format::VpcFlow => "vpc-flow",
            Format::Bind => "bind",
            Format::Unbound => "unbound",
            Format::Dnsmasq => "dnsmasq",
            Format::Filterlog => "filterlog",
            Format::Fortinet => "fortinet",
            Format::PaloAlto => "paloalto",
            Format::Custom => "custom",
            Format::Lines => "lines",
            Format::Text => "text",
        }
    }

    /// Returns the format with this name.
    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }
}
