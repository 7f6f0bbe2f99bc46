//! Which named fields of NDJSON and Zeek events hold observables, and of which kind.

use threatsieve_blacklist::observable::Kind;

/// What a field's value is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// An observable of that kind.
    Value(Kind),
    /// Free text, searched for observables.
    Text,
    /// An observable host, and the host of the request's URL.
    UrlHost(Group),
    /// The request's URL: an observable when absolute, else path and query below the host.
    UrlTarget(Group),
    /// The path of the request's URL.
    UrlPath(Group),
    /// The query of the request's URL, without its `?`.
    UrlQuery(Group),
    /// The port of the request's URL.
    UrlPort(Group),
}

/// Fields that describe one URL together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Suricata's `http`.
    Eve = 0,
    /// ECS `url`.
    Ecs = 1,
    /// Zeek's http.log; also plain names like `host` and `uri` in anyone's JSON.
    Zeek = 2,
}

/// Groups there are.
pub(crate) const GROUPS: usize = 3;

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// The fields to look at in NDJSON and Zeek logs, by their dotted names.
///
/// A name stands for nested objects and for literal dots alike: `destination.ip` is found in `{"destination":{"ip":...}}` and in
/// `{"destination.ip":...}`. Where a field holds an array, each element counts.
#[derive(Debug, Clone)]
pub struct Fields {
    pub(crate) list: Vec<Field>,
    /// Whether every Zeek column of an address type counts, whatever its name.
    pub(crate) zeek_addresses: bool,
}

impl Fields {
    /// These fields alone. Known names keep their kind, others take whatever form their values have.
    pub fn named<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Fields {
        let none = Fields { list: Vec::new(), zeek_addresses: false };
        names.into_iter().fold(none, |fields, name| {
            let name = name.as_ref();
            let role = default_role(name).unwrap_or(Role::Value(Kind::Any));
            fields.push(name, role)
        })
    }

    /// One field more.
    pub fn with(self, name: &str, kind: Kind) -> Fields {
        self.push(name, Role::Value(kind))
    }

    fn push(mut self, name: &str, role: Role) -> Fields {
        self.list.retain(|field| field.name != name);
        self.list.push(Field { name: name.to_owned(), role });
        self
    }
}

/// ECS, Suricata EVE, Zeek, Sysmon by way of Winlogbeat, CloudTrail, and the names web servers' JSON logs mostly use. What describes
/// the reporting machine (`host.*`, `observer.*`) or an earlier match (`threat.*`) is left out.
impl Default for Fields {
    fn default() -> Fields {
        let list = DEFAULTS
            .iter()
            .flat_map(|(role, names)| {
                names.iter().map(|name| Field { name: (*name).to_owned(), role: *role })
            })
            .collect();
        Fields { list, zeek_addresses: true }
    }
}

fn default_role(name: &str) -> Option<Role> {
    DEFAULTS.iter().find(|(_, names)| names.contains(&name)).map(|(role, _)| *role)
}

const DEFAULTS: &[(Role, &[&str])] = &[
    (Role::Value(Kind::Address), ADDRESSES),
    (Role::Value(Kind::Host), HOSTS),
    (Role::Value(Kind::Url), URLS),
    (Role::Value(Kind::Hash), HASHES),
    (Role::Value(Kind::Email), EMAILS),
    (Role::Value(Kind::Any), ANY),
    (Role::Text, TEXT),
    (Role::UrlHost(Group::Eve), &["http.hostname"]),
    (Role::UrlTarget(Group::Eve), &["http.url"]),
    (Role::UrlPort(Group::Eve), &["http.http_port"]),
    (Role::UrlHost(Group::Ecs), &["url.domain"]),
    (Role::UrlTarget(Group::Ecs), &["url.original", "url.full"]),
    (Role::UrlPath(Group::Ecs), &["url.path"]),
    (Role::UrlQuery(Group::Ecs), &["url.query"]),
    (Role::UrlPort(Group::Ecs), &["url.port"]),
    (Role::UrlHost(Group::Zeek), &["host", "http_host"]),
    (Role::UrlTarget(Group::Zeek), &["uri", "request_uri"]),
    (Role::UrlPort(Group::Zeek), &["id.resp_p"]),
];

const ADDRESSES: &[&str] = &[
    // ECS
    "source.ip",
    "source.nat.ip",
    "destination.ip",
    "destination.nat.ip",
    "client.ip",
    "client.nat.ip",
    "server.ip",
    "server.nat.ip",
    "dns.resolved_ip",
    "network.forwarded_ip",
    "related.ip",
    // Suricata
    "src_ip",
    "dest_ip",
    "dns.grouped.A",
    "dns.grouped.AAAA",
    "dhcp.assigned_ip",
    "dhcp.client_ip",
    // Zeek
    "id.orig_h",
    "id.resp_h",
    "tx_hosts",
    "rx_hosts",
    "x_originating_ip",
    "assigned_addr",
    "san.ip",
    // Web servers
    "remote_addr",
    "remote_ip",
    "client_ip",
    "clientip",
    "dst_ip",
    "httpRequest.clientIp",
    "httpRequest.remoteIp",
    // Sysmon
    "winlog.event_data.DestinationIp",
    "winlog.event_data.SourceIp",
];

const HOSTS: &[&str] = &[
    // ECS; an `address` is a name or an address.
    "source.domain",
    "source.address",
    "destination.domain",
    "destination.address",
    "client.domain",
    "client.address",
    "server.domain",
    "server.address",
    "dns.question.name",
    "dns.answers.name",
    "tls.client.server_name",
    "tls.server.x509.alternative_names",
    "tls.server.x509.subject.common_name",
    "x509.alternative_names",
    "related.hosts",
    // Suricata
    "dns.rrname",
    "dns.query.rrname",
    "dns.queries.rrname",
    "dns.answer.rrname",
    "dns.answers.rrname",
    "dns.grouped.CNAME",
    "dns.grouped.NS",
    "dns.grouped.MX",
    "dns.grouped.PTR",
    "tls.sni",
    "tls.subjectaltname",
    "quic.sni",
    "smtp.helo",
    // Zeek
    "query",
    "server_name",
    "san.dns",
    "helo",
    // CloudTrail: an address, or the name of an AWS service
    "sourceIPAddress",
    "Records.sourceIPAddress",
    "tlsDetails.clientProvidedHostHeader",
    "Records.tlsDetails.clientProvidedHostHeader",
    // Web servers
    "domain",
    "hostname",
    "server_addr",
    // Sysmon
    "winlog.event_data.DestinationHostname",
    "winlog.event_data.QueryName",
];

const URLS: &[&str] = &[
    "http.request.referrer",
    "http.http_refer",
    "http.redirect",
    "email.url",
    "referrer",
    "referer",
    "http_referer",
    "http_referrer",
    "san.uri",
    "httpRequest.requestUrl",
    "httpRequest.referer",
];

const HASHES: &[&str] = &[
    // ECS
    "file.hash.md5",
    "file.hash.sha1",
    "file.hash.sha256",
    "process.hash.md5",
    "process.hash.sha1",
    "process.hash.sha256",
    "process.parent.hash.md5",
    "process.parent.hash.sha1",
    "process.parent.hash.sha256",
    "dll.hash.md5",
    "dll.hash.sha1",
    "dll.hash.sha256",
    "email.attachments.file.hash.md5",
    "email.attachments.file.hash.sha1",
    "email.attachments.file.hash.sha256",
    "tls.server.hash.md5",
    "tls.server.hash.sha1",
    "tls.server.hash.sha256",
    "tls.client.hash.md5",
    "tls.client.hash.sha1",
    "tls.client.hash.sha256",
    "hash.md5",
    "hash.sha1",
    "hash.sha256",
    "related.hash",
    // Suricata
    "fileinfo.md5",
    "fileinfo.sha1",
    "fileinfo.sha256",
    "files.md5",
    "files.sha1",
    "files.sha256",
    "tls.fingerprint",
    "email.body_md5",
    // Zeek
    "md5",
    "sha1",
    "sha256",
    "fingerprint",
    "cert_chain_fps",
    "client_cert_chain_fps",
];

const EMAILS: &[&str] = &[
    // ECS
    "email.from.address",
    "email.to.address",
    "email.cc.address",
    "email.bcc.address",
    "email.sender.address",
    "email.reply_to.address",
    "source.user.email",
    "destination.user.email",
    "user.email",
    // Suricata
    "email.from",
    "email.to",
    "email.cc",
    "email.reply_to",
    "smtp.mail_from",
    "smtp.rcpt_to",
    // Zeek
    "mailfrom",
    "rcptto",
    "from",
    "to",
    "cc",
    "reply_to",
    "san.email",
];

const ANY: &[&str] = &[
    // Answers hold addresses, names or text, by the record's type.
    "dns.answers.data",
    "dns.answers.rdata",
    "dns.answer.rdata",
    "dns.rdata",
    "answers",
    "http.xff",
    "proxied",
    "path",
    "src",
    "dst",
    "seen.indicator",
    "ip",
    "url",
];

const TEXT: &[&str] =
    &["message", "msg", "log", "sub", "winlog.event_data.Hashes", "winlog.event_data.QueryResults"];
