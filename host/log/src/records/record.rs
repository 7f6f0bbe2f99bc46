//! The fields of one line.

use std::borrow::Cow;

use threatsieve_blacklist::indicator::Timestamp;
use threatsieve_blacklist::observable::Kind;

use crate::fields::{Group, Role};
use crate::{combined, host, time};

/// A field of a format.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// The name in ECS, or one below the format's name.
    pub(crate) name: Cow<'static, str>,
    pub(crate) role: Option<Role>,
    pub(crate) is_number: bool,
}

impl Column {
    pub(crate) const fn new(name: &'static str, role: Role) -> Column {
        Column { name: Cow::Borrowed(name), role: Some(role), is_number: false }
    }

    pub(crate) const fn value(name: &'static str, kind: Kind) -> Column {
        Column::new(name, Role::Value(kind))
    }

    /// A field that is searched as free text.
    pub(crate) const fn text(name: &'static str) -> Column {
        Column::new(name, Role::Text)
    }

    /// A field without observables.
    pub(crate) const fn plain(name: &'static str) -> Column {
        Column { name: Cow::Borrowed(name), role: None, is_number: false }
    }

    /// A number with a role.
    pub(crate) const fn numbered(name: &'static str, role: Role) -> Column {
        Column { name: Cow::Borrowed(name), role: Some(role), is_number: true }
    }

    /// A number.
    pub(crate) const fn number(name: &'static str) -> Column {
        Column { name: Cow::Borrowed(name), role: None, is_number: true }
    }

    /// A field without an ECS name, searched as free text.
    pub(crate) fn unknown(format: &str, name: &str) -> Column {
        Column {
            name: Cow::Owned(format!("{format}.{name}")),
            role: Some(Role::Text),
            is_number: false,
        }
    }
}

pub(crate) static SOURCE_IP: Column = Column::value("source.ip", Kind::Address);
pub(crate) static SOURCE_PORT: Column = Column::number("source.port");
pub(crate) static SOURCE_NAT_IP: Column = Column::value("source.nat.ip", Kind::Address);
pub(crate) static DESTINATION_IP: Column = Column::value("destination.ip", Kind::Address);
pub(crate) static DESTINATION_PORT: Column = Column::number("destination.port");
pub(crate) static DESTINATION_NAT_IP: Column = Column::value("destination.nat.ip", Kind::Address);
pub(crate) static FORWARDED_IP: Column = Column::value("network.forwarded_ip", Kind::Address);
pub(crate) static QUESTION: Column = Column::value("dns.question.name", Kind::Host);
pub(crate) static QUESTION_TYPE: Column = Column::plain("dns.question.type");
pub(crate) static QUESTION_CLASS: Column = Column::plain("dns.question.class");
pub(crate) static ANSWER: Column = Column::value("dns.answers.data", Kind::Any);
pub(crate) static METHOD: Column = Column::plain("http.request.method");
pub(crate) static HTTP_VERSION: Column = Column::plain("http.version");
pub(crate) static STATUS: Column = Column::number("http.response.status_code");
pub(crate) static BODY_BYTES: Column = Column::number("http.response.body.bytes");
pub(crate) static URL: Column = Column::new("url.original", Role::UrlTarget(Group::Ecs));
pub(crate) static REQUEST_LINE: Column = Column::text("http.request.line");
pub(crate) static USER_AGENT: Column = Column::text("user_agent.original");
pub(crate) static TRANSPORT: Column = Column::plain("network.transport");
pub(crate) static ACTION: Column = Column::plain("event.action");
/// Text around a line's fields.
pub(crate) static MESSAGE: Column = Column::text("message");

/// The text of an event's time.
#[derive(Debug, Default)]
pub(crate) enum Clock<'a> {
    #[default]
    Unknown,
    /// RFC 3339 and similar forms.
    Iso(Cow<'a, [u8]>),
    /// The number of units since 1970.
    Epoch(&'a [u8]),
    /// A form of strftime, and the text.
    Form(Cow<'a, str>, Cow<'a, [u8]>),
}

impl Clock<'_> {
    pub(crate) fn time(&self) -> Option<Timestamp> {
        match self {
            Clock::Unknown => None,
            Clock::Iso(text) => time::iso(std::str::from_utf8(text).ok()?),
            Clock::Epoch(text) => match time::epoch(text) {
                // Larger numbers have other units than seconds.
                Some(time) if text.len() <= "1795314625.123456".len() && is_seconds(text) => {
                    Some(time)
                }
                _ => time::number(std::str::from_utf8(text).ok()?.parse().ok()?),
            },
            Clock::Form(form, text) => time::by_form(form, text),
        }
    }
}

fn is_seconds(text: &[u8]) -> bool {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count() <= "1795314625".len()
}

/// The fields of a line, in their order.
#[derive(Debug, Default)]
pub(crate) struct Record<'a> {
    pub(crate) cells: Vec<(&'a Column, Cow<'a, [u8]>)>,
    pub(crate) clock: Clock<'a>,
}

impl<'a> Record<'a> {
    /// Adds a field, unless it is empty or `-`.
    pub(crate) fn push(&mut self, column: &'a Column, value: impl Into<Cow<'a, [u8]>>) {
        let value = value.into();
        if !value.is_empty() && *value != *b"-" {
            self.cells.push((column, value));
        }
    }

    /// Adds an address and the port after its last colon.
    pub(crate) fn endpoint(&mut self, ip: &'a Column, port: &'a Column, value: &'a [u8]) {
        let (address, number) = with_port(value);
        self.push(ip, address);
        self.push(port, number);
    }

    /// Adds the parts of a request line: method, target and protocol.
    pub(crate) fn request(&mut self, line: impl Into<Cow<'a, [u8]>>) {
        match line.into() {
            Cow::Borrowed(line) => self.request_parts(line, Cow::Borrowed),
            Cow::Owned(line) => self.request_parts(&line, |part| Cow::Owned(part.to_vec())),
        }
    }

    fn request_parts<'l>(&mut self, line: &'l [u8], keep: impl Fn(&'l [u8]) -> Cow<'a, [u8]>) {
        let (method, target, protocol) = combined::request(line);
        let is_url = target.starts_with(b"/") || host::is_absolute(target);
        if is_url || method == b"CONNECT" && !target.is_empty() {
            self.push(&METHOD, keep(method));
            self.push(&URL, keep(target));
            self.push(&HTTP_VERSION, keep(protocol.strip_prefix(b"HTTP/").unwrap_or_default()));
        } else {
            self.push(&REQUEST_LINE, keep(line));
        }
    }
}

/// Splits an address, in brackets or not, from the port after its last colon.
pub(crate) fn with_port(value: &[u8]) -> (&[u8], &[u8]) {
    let (address, port) = match memchr::memrchr(b':', value) {
        Some(colon) if !value.ends_with(b"]") => (&value[..colon], &value[colon + 1..]),
        _ => (value, &b""[..]),
    };
    let inner = address.strip_prefix(b"[").and_then(|address| address.strip_suffix(b"]"));
    (inner.unwrap_or(address), port)
}
