//! Apache's `LogFormat`.

use threatsieve_blacklist::observable::Kind;

use super::{Column, Meaning, Role, Template, TemplateError, Variable, header};
use crate::fields::Group::Ecs;

pub(super) fn compile(text: &str) -> Result<Template, TemplateError> {
    let text = of_directive(text);
    let mut template = Template::default();
    let mut literal = Vec::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('%') {
        literal.extend_from_slice(&plain(&rest[..at]));
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("%%") {
            literal.push(b'%');
            rest = after;
            continue;
        }
        let written = directive(rest)
            .ok_or_else(|| TemplateError::Directive(rest.chars().take(20).collect()))?;
        rest = &rest[written.len()..];
        let variable = variable(written)?;
        if written.ends_with('t') && !written.contains('{') {
            // The time has its own brackets.
            literal.push(b'[');
            template.pieces.push((std::mem::take(&mut literal), variable));
            literal.push(b']');
        } else {
            template.pieces.push((std::mem::take(&mut literal), variable));
        }
    }
    literal.extend_from_slice(&plain(rest));
    template.tail = literal;
    match template.pieces.is_empty() {
        true => Err(TemplateError::NoVariable),
        false => Ok(template),
    }
}

/// Returns the string of a whole directive, `LogFormat "..." NAME`.
fn of_directive(text: &str) -> String {
    let Some(rest) = text.strip_prefix("LogFormat") else { return text.to_owned() };
    let Some(inner) = rest.trim_start().strip_prefix('"') else { return rest.trim().to_owned() };
    let end = crate::split::closing_quote(inner.as_bytes()).unwrap_or(inner.len());
    inner[..end].to_owned()
}

/// Undoes the escapes of the configuration: `\"` and `\t`.
fn plain(text: &str) -> Vec<u8> {
    crate::split::unescaped(text.as_bytes()).into_owned()
}

/// Returns the directive at the start of the text: `%h`, `%>s`, `%!200,304{Referer}i`.
fn directive(text: &str) -> Option<&str> {
    let is_modifier = |byte: u8| byte.is_ascii_digit() || b"<>!,".contains(&byte);
    let mut end = 1 + text.bytes().skip(1).take_while(|byte| is_modifier(*byte)).count();
    if text[end..].starts_with('{') {
        end += text[end..].find('}')? + 1;
    }
    // `%^FB` and the like have three letters.
    let letters = if text[end..].starts_with('^') { 3 } else { 1 };
    let end = end + letters;
    text.get(..end).filter(|written| written.ends_with(|last: char| last.is_ascii_alphabetic()))
}

fn variable(written: &str) -> Result<Variable, TemplateError> {
    let letter = written.chars().next_back().unwrap_or_default();
    let argument = written.split_once('{').and_then(|(_, rest)| Some(rest.rsplit_once('}')?.0));
    if let Some(name) = argument {
        let name_in_lower_case = name.to_ascii_lowercase();
        return Ok(match letter {
            'i' => {
                let written = format!("%{{{name_in_lower_case}}}i");
                header(written, &name_in_lower_case, "apache")
            }
            't' => time(written, name),
            'x' if name.eq_ignore_ascii_case("SSL_TLS_SNI") => {
                of(written, Column::value("tls.client.server_name", Kind::Host))
            }
            'h' => of(written, Column::value("source.ip", Kind::Address)),
            _ => of(written, Column::unknown("apache", name)),
        });
    }
    let column = match letter {
        'h' => {
            let column = Column::plain("source.ip");
            return Ok(Variable { meaning: Meaning::Client, ..of(written, column) });
        }
        'a' => Column::value("source.ip", Kind::Address),
        'A' => Column::value("server.ip", Kind::Address),
        'v' | 'V' => Column::new("url.domain", Role::UrlHost(Ecs)),
        'p' => Column::numbered("destination.port", Role::UrlPort(Ecs)),
        'U' => {
            let column = Column::new("url.path", Role::UrlPath(Ecs));
            return Ok(Variable { starts: Some(b'/'), ..of(written, column) });
        }
        'q' => {
            let column = Column::new("url.query", Role::UrlQuery(Ecs));
            return Ok(Variable { starts: Some(b'?'), ..of(written, column) });
        }
        'r' => {
            let column = Column::plain("http.request.line");
            return Ok(Variable { meaning: Meaning::Request, ..of(written, column) });
        }
        't' => {
            let meaning = Meaning::Time("%d/%b/%Y:%H:%M:%S %z".to_owned());
            return Ok(Variable { meaning, ..of(written, Column::plain("apache.time")) });
        }
        'm' => Column::plain("http.request.method"),
        's' => Column::number("http.response.status_code"),
        'b' | 'B' => Column::number("http.response.body.bytes"),
        'O' => Column::number("http.response.bytes"),
        'I' => Column::number("http.request.bytes"),
        'u' => Column::text("user.name"),
        _ => Column::unknown("apache", written.trim_start_matches('%')),
    };
    Ok(of(written, column))
}

fn of(written: &str, column: Column) -> Variable {
    Variable { written: written.to_owned(), column, meaning: Meaning::Value, starts: None }
}

/// The time in a form of its own: `%{%d/%b/%Y}t`, `%{msec}t`, `%{begin:%H:%M}t`.
fn time(written: &str, form: &str) -> Variable {
    let form = form.strip_prefix("begin:").or_else(|| form.strip_prefix("end:")).unwrap_or(form);
    let column = Column::plain("apache.time");
    let meaning = match form {
        "sec" | "msec" | "usec" => Meaning::Epoch,
        "msec_frac" | "usec_frac" => Meaning::Value,
        "" => Meaning::Time("[%d/%b/%Y:%H:%M:%S %z]".to_owned()),
        _ => Meaning::Time(form.to_owned()),
    };
    Variable { meaning, ..of(written, column) }
}
