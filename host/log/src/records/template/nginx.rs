//! nginx's `log_format`.

use threatsieve_blacklist::observable::Kind;

use super::{Column, Meaning, Role, Template, TemplateError, Variable, forwarded, header};
use crate::fields::Group::Ecs;

/// Returns whether a text has variables of nginx.
pub(super) fn is_format(text: &str) -> bool {
    text.starts_with("log_format")
        || text.match_indices('$').any(|(at, _)| name(&text[at + 1..]).is_some())
}

/// Returns the name after a `$`, and the bytes that it takes.
fn name(text: &str) -> Option<(&str, usize)> {
    if let Some(inner) = text.strip_prefix('{') {
        let end = inner.find('}')?;
        return (end > 0).then(|| (&inner[..end], end + 2));
    }
    let end = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    (end > 0).then(|| (&text[..end], end))
}

pub(super) fn compile(text: &str) -> Result<Template, TemplateError> {
    let text = of_directive(text);
    let mut template = Template::default();
    let mut literal = Vec::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('$') {
        literal.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        let Some((name, len)) = name(rest) else {
            return Err(TemplateError::Name(rest.chars().take(20).collect()));
        };
        rest = &rest[len..];
        // `$uri$is_args$args`: the query and its `?` are one value.
        let is_query = template
            .pieces
            .last()
            .is_some_and(|(_, last): &(_, Variable)| last.written == "$is_args");
        if is_query && literal.is_empty() && matches!(name, "args" | "query_string") {
            continue;
        }
        template.pieces.push((std::mem::take(&mut literal), variable(name)));
    }
    literal.extend_from_slice(rest.as_bytes());
    template.tail = literal;
    match template.pieces.is_empty() {
        true => Err(TemplateError::NoVariable),
        false => Ok(template),
    }
}

/// Returns the string of a whole directive, `log_format NAME [escape=...] '...' '...';`.
fn of_directive(text: &str) -> String {
    let Some(rest) = text.strip_prefix("log_format") else { return text.to_owned() };
    let mut out = String::new();
    let mut quote = None;
    for letter in rest.chars() {
        match quote {
            Some(open) if letter == open => quote = None,
            Some(_) => out.push(letter),
            None if matches!(letter, '\'' | '"') => quote = Some(letter),
            None => {}
        }
    }
    out
}

fn variable(name: &str) -> Variable {
    let written = format!("${name}");
    if let Some(of_request) = name.strip_prefix("http_") {
        return header(written, &of_request.replace('_', "-"), "nginx");
    }
    let value = |column| (column, Meaning::Value, None);
    let (column, meaning, starts) = match name {
        "remote_addr" => value(Column::value("source.ip", Kind::Address)),
        "remote_port" => value(Column::number("source.port")),
        "remote_user" => value(Column::text("user.name")),
        "realip_remote_addr" | "proxy_protocol_addr" | "proxy_add_x_forwarded_for" => {
            return forwarded(&written);
        }
        "server_addr" => value(Column::value("server.ip", Kind::Address)),
        "server_port" => value(Column::numbered("destination.port", Role::UrlPort(Ecs))),
        "host" | "server_name" => value(Column::new("url.domain", Role::UrlHost(Ecs))),
        "ssl_server_name" | "ssl_preread_server_name" => {
            value(Column::value("tls.client.server_name", Kind::Host))
        }
        "proxy_host" => value(Column::value("nginx.proxy_host", Kind::Host)),
        "upstream_addr" => {
            (Column::value("nginx.upstream_addr", Kind::Address), Meaning::List, None)
        }
        "request" => (Column::plain("http.request.line"), Meaning::Request, None),
        "request_method" => value(Column::plain("http.request.method")),
        "scheme" => value(Column::plain("url.scheme")),
        "request_uri" => {
            (Column::new("url.original", Role::UrlTarget(Ecs)), Meaning::Value, Some(b'/'))
        }
        "uri" | "document_uri" => {
            (Column::new("url.path", Role::UrlPath(Ecs)), Meaning::Value, Some(b'/'))
        }
        "is_args" => (Column::new("url.query", Role::UrlQuery(Ecs)), Meaning::Value, Some(b'?')),
        "args" | "query_string" => value(Column::new("url.query", Role::UrlQuery(Ecs))),
        "status" => value(Column::number("http.response.status_code")),
        "body_bytes_sent" => value(Column::number("http.response.body.bytes")),
        "bytes_sent" => value(Column::number("http.response.bytes")),
        "request_length" => value(Column::number("http.request.bytes")),
        "time_local" => {
            let form = "%d/%b/%Y:%H:%M:%S %z".to_owned();
            (Column::plain("nginx.time_local"), Meaning::Time(form), None)
        }
        "time_iso8601" => (Column::plain("nginx.time_iso8601"), Meaning::Iso, None),
        "msec" => (Column::plain("nginx.msec"), Meaning::Epoch, None),
        _ if name.starts_with("upstream_") => (Column::unknown("nginx", name), Meaning::List, None),
        _ => value(Column::unknown("nginx", name)),
    };
    Variable { written, column, meaning, starts }
}
