//! Lines by a format string: `log_format` of nginx, or `LogFormat` of Apache.
//!
//! A [`Template`] is a sequence of variables with fixed text between them. Each value ends where
//! the text after its variable begins. In quotes, an escaped quote does not end it.

mod apache;
mod nginx;

use std::borrow::Cow;

use memchr::memmem;

use super::record::{Clock, Column, FORWARDED_IP, MESSAGE, Record, SOURCE_IP};
use crate::fields::Role;
use crate::host;
use crate::malformed::MalformedLine;
use crate::split::{closing_quote, unescaped};
use threatsieve_blacklist::observable::Kind;

/// The longest format string, in bytes.
const MAX_BYTES: usize = 16 * 1024;
/// The most variables in a format string.
const MAX_VARIABLES: usize = 256;

static SOURCE_DOMAIN: Column = Column::value("source.domain", Kind::Host);

/// A format string of nginx or Apache.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// The text before each variable, and the variable.
    pieces: Vec<(Vec<u8>, Variable)>,
    /// The text after the last variable.
    tail: Vec<u8>,
}

/// The reason why a text is not a format string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is neither a variable of nginx nor a directive of Apache.
    #[error("expected variables of nginx (`$remote_addr`) or Apache (`%h`), got none")]
    NoVariable,
    /// Values cannot be told apart.
    #[error("expected text between `{0}` and `{1}`: their values cannot be told apart")]
    Adjacent(String, String),
    /// A directive of Apache ends early or is not known.
    #[error("expected a directive of Apache's LogFormat, got `{0}`")]
    Directive(String),
    /// A variable of nginx has no name.
    #[error("expected the name of a variable after `$`, got {0:?}")]
    Name(String),
    /// The text is too long.
    #[error("expected at most {MAX_BYTES} bytes and {MAX_VARIABLES} variables")]
    TooLong,
}

/// A variable of a format string.
#[derive(Debug, Clone)]
struct Variable {
    /// The variable as written, for messages.
    written: String,
    column: Column,
    meaning: Meaning,
    /// The first byte of each value that is not empty.
    starts: Option<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    Value,
    /// A client: an address, or a name if the server resolves addresses.
    Client,
    /// Addresses with commas and blanks between them.
    List,
    /// Method, target and protocol.
    Request,
    Iso,
    /// Seconds, milliseconds or microseconds since 1970.
    Epoch,
    /// A part of the time, in this form of strftime.
    Time(String),
}

impl Template {
    /// Reads a format string, alone or as the whole directive (`log_format main '...';`,
    /// `LogFormat "..." combined`).
    pub fn new(text: &str) -> Result<Template, TemplateError> {
        if text.len() > MAX_BYTES {
            return Err(TemplateError::TooLong);
        }
        let text = text.trim();
        let mut template = if nginx::is_format(text) {
            nginx::compile(text)?
        } else if text.contains('%') {
            apache::compile(text)?
        } else {
            return Err(TemplateError::NoVariable);
        };
        if template.pieces.len() > MAX_VARIABLES {
            return Err(TemplateError::TooLong);
        }
        template.check_neighbours()?;
        template.choose_url();
        Ok(template)
    }

    /// Rejects variables whose values cannot be told apart.
    fn check_neighbours(&self) -> Result<(), TemplateError> {
        for pair in self.pieces.windows(2) {
            let [(_, first), (between, second)] = pair else { continue };
            if between.is_empty() && second.starts.is_none() {
                let (first, second) = (first.written.clone(), second.written.clone());
                return Err(TemplateError::Adjacent(first, second));
            }
        }
        Ok(())
    }

    /// Chooses the host of the request's URL, and notes whether the log has its query.
    fn choose_url(&mut self) {
        let is_host = |variable: &Variable| matches!(variable.column.role, Some(Role::UrlHost(_)));
        let rank = |variable: &Variable| match variable.written.as_str() {
            "$http_host" | "%{host}i" => 0,
            "$host" | "%V" => 1,
            _ => 2,
        };
        let variables = || self.pieces.iter().map(|(_, variable)| variable);
        let best = variables().filter(|variable| is_host(variable)).map(rank).min();
        let has_query =
            variables().any(|variable| matches!(variable.column.role, Some(Role::UrlQuery(_))));
        for (_, variable) in &mut self.pieces {
            match variable.column.role {
                Some(Role::UrlHost(_)) if Some(rank(variable)) != best => {
                    variable.column.role = Some(Role::Value(Kind::Host));
                }
                Some(Role::UrlPath(group)) if !has_query => {
                    variable.column.role = Some(Role::UrlPathOnly(group));
                }
                _ => {}
            }
        }
    }

    /// Adds the fields of a line to a record.
    pub(super) fn read<'a>(
        &'a self,
        line: &'a [u8],
        record: &mut Record<'a>,
    ) -> Result<(), MalformedLine> {
        let mut at = 0;
        let mismatch =
            |at: usize, variable: usize| MalformedLine::Template { column: at + 1, variable };
        if self.pieces.is_empty() {
            return Err(mismatch(0, 0));
        }
        let mut time = (String::new(), Vec::new());
        let mut values: Vec<&'a [u8]> = Vec::with_capacity(self.pieces.len());
        let mut number = 0;
        while number < self.pieces.len() {
            let before = &self.pieces[number].0;
            if !line[at..].starts_with(before) {
                return Err(mismatch(at, number));
            }
            at += before.len();
            // Neighbours without text between them are one value at first.
            let mut next = number + 1;
            while next < self.pieces.len() && self.pieces[next].0.is_empty() {
                next += 1;
            }
            let after = self.pieces.get(next).map_or(&self.tail, |(text, _)| text);
            let is_list = self.pieces[number].1.meaning == Meaning::List;
            let end = end(line, at, before, after, is_list).ok_or_else(|| mismatch(at, next))?;
            let mut value = &line[at..end];
            for neighbour in number + 1..next {
                let starts = self.pieces[neighbour].1.starts;
                let split = value.iter().position(|byte| Some(*byte) == starts);
                let (own, rest) = value.split_at(split.unwrap_or(value.len()));
                values.push(own);
                value = rest;
            }
            values.push(value);
            at = end;
            number = next;
        }
        if !line[at..].starts_with(&self.tail) {
            return Err(mismatch(at, number));
        }
        for ((_, variable), value) in self.pieces.iter().zip(values) {
            variable.add(value, record, &mut time);
        }
        if !time.0.is_empty() {
            record.clock = Clock::Form(Cow::Owned(time.0), time.1.into());
        }
        record.push(&MESSAGE, &line[at + self.tail.len()..]);
        Ok(())
    }
}

/// Returns the end of the value at a position: the start of the text after it.
fn end(line: &[u8], at: usize, before: &[u8], after: &[u8], is_list: bool) -> Option<usize> {
    let rest = &line[at..];
    if after.is_empty() {
        return Some(line.len());
    }
    if before.ends_with(b"\"") && after.starts_with(b"\"") {
        let mut from = 0;
        while let Some(found) = closing_quote(&rest[from..]) {
            if rest[from + found..].starts_with(after) {
                return Some(at + from + found);
            }
            from += found + 1;
        }
        return None;
    }
    let mut from = 0;
    loop {
        let found = from + memmem::find(&rest[from..], after)?;
        // The blank of `10.0.0.1, 10.0.0.2 : 10.0.0.3` ends no list.
        let value = &rest[..found];
        let goes_on = is_list
            && after[0] == b' '
            && (value.ends_with(b",")
                || value.ends_with(b" :")
                || rest[found..].starts_with(b" : "));
        if !goes_on {
            return Some(at + found);
        }
        from = found + 1;
    }
}

impl Variable {
    fn add<'a>(&'a self, value: &'a [u8], record: &mut Record<'a>, time: &mut (String, Vec<u8>)) {
        match &self.meaning {
            Meaning::Value => record.push(&self.column, unescaped(value)),
            Meaning::List => record.push(&self.column, without_colons(unescaped(value))),
            Meaning::Client => {
                let is_name = host::kind(value) == Kind::Host;
                record.push(if is_name { &SOURCE_DOMAIN } else { &SOURCE_IP }, value);
            }
            Meaning::Request => record.request(unescaped(value)),
            Meaning::Iso => record.clock = Clock::Iso(value.into()),
            Meaning::Epoch => record.clock = Clock::Epoch(value),
            Meaning::Time(form) => {
                let (forms, texts) = time;
                forms.push_str(form);
                forms.push(' ');
                texts.extend_from_slice(value);
                texts.push(b' ');
            }
        }
    }
}

/// Replaces the colons between groups of servers (`$upstream_addr`) by commas.
fn without_colons(list: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if memmem::find(&list, b" : ").is_none() {
        return list;
    }
    let mut list = list.into_owned();
    let colons: Vec<usize> = memmem::find_iter(&list, b" : ").collect();
    colons.into_iter().for_each(|at| list[at + 1] = b',');
    Cow::Owned(list)
}

/// A field for addresses that a request was forwarded for.
fn forwarded(written: &str) -> Variable {
    Variable {
        written: written.to_owned(),
        column: FORWARDED_IP.clone(),
        meaning: Meaning::List,
        starts: None,
    }
}

/// The meaning of a header of the request, by its name in lower case with `-`.
fn header(written: String, name: &str, server: &str) -> Variable {
    use crate::fields::Group::Ecs;
    let column = match name {
        "host" => Column::new("url.domain", Role::UrlHost(Ecs)),
        "referer" => Column::value("http.request.referrer", Kind::Url),
        "user-agent" => Column::text("user_agent.original"),
        "x-forwarded-for" | "x-real-ip" | "cf-connecting-ip" | "true-client-ip" | "forwarded"
        | "x-client-ip" => return forwarded(&written),
        _ => Column::unknown(server, name),
    };
    Variable { written, column, meaning: Meaning::Value, starts: None }
}

#[cfg(test)]
mod tests;
