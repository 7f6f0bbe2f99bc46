//! The columns of a Zeek log: their types, roles and ECS names.

use serde_json::Value;
use threatsieve_blacklist::observable::Kind;

use super::{Header, unescape};
use crate::fields::{Fields, Role};

/// A column as `#fields` and `#types` describe it.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(super) name: String,
    /// `addr`, `set[string]`, ...; empty before a `#types` line.
    type_name: String,
    /// A cell may hold several values.
    pub(super) is_container: bool,
    pub(super) role: Option<Role>,
    pub(super) ecs: Option<&'static str>,
}

impl Column {
    pub(super) fn named(name: &[u8], fields: &Fields) -> Column {
        let name = String::from_utf8_lossy(name).into_owned();
        let ecs = ecs_name(&name);
        let role = fields.list.iter().find(|field| field.name == name).map(|field| field.role);
        let is_container = CONTAINERS.contains(&&*name);
        Column { name, type_name: String::new(), is_container, role, ecs }
    }

    pub(super) fn set_type(&mut self, type_name: &[u8], fields: &Fields) {
        self.type_name = String::from_utf8_lossy(type_name).into_owned();
        self.is_container = self.type_name.contains('[');
        let element = self
            .type_name
            .split_once('[')
            .map_or(&*self.type_name, |(_, inner)| inner.trim_end_matches(']'));
        if element == "addr" && fields.zeek_addresses && self.role.is_none() {
            self.role = Some(Role::Value(Kind::Address));
        }
    }

    /// The field name for observables of this column.
    pub(super) fn field(&self) -> &str {
        self.ecs.unwrap_or(&self.name)
    }

    /// Converts a cell to JSON, by the column's type.
    pub(super) fn json(&self, header: &Header, cell: &[u8]) -> Value {
        if self.is_container {
            if cell == header.empty {
                return Value::Array(Vec::new());
            }
            return header.values(self, cell).map(text).collect();
        }
        if cell == header.empty {
            return Value::from("");
        }
        const NANOSECONDS: f64 = 1e9;
        let plain = std::str::from_utf8(cell).unwrap_or_default();
        let number = match &*self.type_name {
            "count" | "int" | "port" => plain.parse::<i64>().ok().map(Value::from),
            // ECS has durations in nanoseconds.
            "interval" if self.ecs == Some("event.duration") => plain
                .parse::<f64>()
                .ok()
                .map(|seconds| Value::from((seconds * NANOSECONDS).round() as i64)),
            "double" | "interval" => plain.parse::<f64>().ok().map(Value::from),
            "bool" => Some(Value::from(cell == b"T")),
            _ => None,
        };
        number.unwrap_or_else(|| text(cell))
    }
}

fn text(value: &[u8]) -> Value {
    Value::from(String::from_utf8_lossy(&unescape(value)))
}

/// The columns with several values in Zeek's own logs, for logs without a `#types` line.
const CONTAINERS: &[&str] = &[
    "answers",
    "tx_hosts",
    "rx_hosts",
    "rcptto",
    "to",
    "cc",
    "path",
    "proxied",
    "san.dns",
    "san.ip",
    "san.uri",
    "san.email",
];

/// The ECS name of a column of Zeek's own logs.
fn ecs_name(column: &str) -> Option<&'static str> {
    ECS.iter().find(|(name, _)| *name == column).map(|(_, ecs)| *ecs)
}

const ECS: &[(&str, &str)] = &[
    ("id.orig_h", "source.ip"),
    ("id.orig_p", "source.port"),
    ("id.resp_h", "destination.ip"),
    ("id.resp_p", "destination.port"),
    ("uid", "event.id"),
    ("duration", "event.duration"),
    ("proto", "network.transport"),
    ("service", "network.protocol"),
    ("orig_bytes", "source.bytes"),
    ("orig_pkts", "source.packets"),
    ("orig_l2_addr", "source.mac"),
    ("resp_bytes", "destination.bytes"),
    ("resp_pkts", "destination.packets"),
    ("resp_l2_addr", "destination.mac"),
    ("query", "dns.question.name"),
    ("qtype_name", "dns.question.type"),
    ("qclass_name", "dns.question.class"),
    ("rcode_name", "dns.response_code"),
    ("answers", "dns.answers.data"),
    ("method", "http.request.method"),
    ("host", "url.domain"),
    ("uri", "url.original"),
    ("referrer", "http.request.referrer"),
    ("user_agent", "user_agent.original"),
    ("status_code", "http.response.status_code"),
    ("request_body_len", "http.request.body.bytes"),
    ("response_body_len", "http.response.body.bytes"),
    ("username", "user.name"),
    ("server_name", "tls.client.server_name"),
    ("md5", "file.hash.md5"),
    ("sha1", "file.hash.sha1"),
    ("sha256", "file.hash.sha256"),
    ("mime_type", "file.mime_type"),
    ("filename", "file.name"),
    ("tx_hosts", "server.ip"),
    ("rx_hosts", "client.ip"),
    ("mailfrom", "email.from.address"),
    ("rcptto", "email.to.address"),
    ("cc", "email.cc.address"),
    ("reply_to", "email.reply_to.address"),
    ("subject", "email.subject"),
    ("msg_id", "email.message_id"),
    ("from", "email.sender.address"),
    ("san.dns", "x509.alternative_names"),
];
