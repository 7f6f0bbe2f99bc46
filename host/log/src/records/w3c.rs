//! The extended log format of the W3C: IIS, CloudFront, Windows Firewall, Exchange, ProxySG.
//!
//! A line `#Fields:` names the columns of the lines after it. It comes again when the server
//! restarts. Columns are separated by blanks, by tabs (CloudFront) or by commas (Exchange). Times
//! are UTC.

use std::borrow::Cow;

use memchr::memchr;
use threatsieve_blacklist::observable::Kind;

use super::record::{Clock, Column, Record};
use super::table::Table;
use crate::fields::{Group, Role};
use crate::format::Format;
use crate::malformed::MalformedLine;
use crate::split::{Quoted, csv, words};

const FIELDS: &[u8] = b"#Fields:";
const DATE: &[u8] = b"#Date:";

const KNOWN: &[(&str, Column)] = &[
    ("date", Column::plain("w3c.date")),
    ("time", Column::plain("w3c.time")),
    ("date-time", Column::plain("w3c.date_time")),
    ("c-ip", Column::value("source.ip", Kind::Address)),
    ("c-port", Column::number("source.port")),
    ("src-ip", Column::value("source.ip", Kind::Address)),
    ("src-port", Column::number("source.port")),
    ("client-ip", Column::value("client.ip", Kind::Address)),
    ("client-hostname", Column::value("client.domain", Kind::Host)),
    ("c-dns", Column::value("source.domain", Kind::Host)),
    ("s-ip", Column::value("destination.ip", Kind::Address)),
    ("dst-ip", Column::value("destination.ip", Kind::Address)),
    ("dst-port", Column::number("destination.port")),
    ("server-ip", Column::value("server.ip", Kind::Address)),
    ("server-hostname", Column::value("server.domain", Kind::Host)),
    ("r-ip", Column::value("destination.ip", Kind::Address)),
    ("r-port", Column::number("destination.port")),
    ("r-host", Column::value("destination.domain", Kind::Host)),
    ("r-dns", Column::value("destination.domain", Kind::Host)),
    ("x-forwarded-for", Column::value("network.forwarded_ip", Kind::Address)),
    ("cs(x-forwarded-for)", Column::value("network.forwarded_ip", Kind::Address)),
    ("original-client-ip", Column::value("network.forwarded_ip", Kind::Address)),
    ("s-port", Column::numbered("destination.port", Role::UrlPort(Group::Ecs))),
    ("cs-uri-port", Column::numbered("url.port", Role::UrlPort(Group::Ecs))),
    ("cs-host", Column::new("url.domain", Role::UrlHost(Group::Ecs))),
    ("cs(host)", Column::new("url.domain", Role::UrlHost(Group::Ecs))),
    ("x-host-header", Column::new("url.domain", Role::UrlHost(Group::Ecs))),
    ("cs-uri", Column::new("url.original", Role::UrlTarget(Group::Ecs))),
    ("cs-uri-stem", Column::new("url.path", Role::UrlPath(Group::Ecs))),
    ("cs-uri-path", Column::new("url.path", Role::UrlPath(Group::Ecs))),
    ("cs-uri-query", Column::new("url.query", Role::UrlQuery(Group::Ecs))),
    ("cs(referer)", Column::value("http.request.referrer", Kind::Url)),
    ("cs(user-agent)", Column::text("user_agent.original")),
    ("cs-method", Column::plain("http.request.method")),
    ("cs-username", Column::text("user.name")),
    ("sc-status", Column::number("http.response.status_code")),
    ("sc-bytes", Column::number("http.response.bytes")),
    ("cs-bytes", Column::number("http.request.bytes")),
    ("sender-address", Column::value("email.from.address", Kind::Email)),
    ("recipient-address", Column::value("email.to.address", Kind::Email)),
    ("return-path", Column::value("email.sender.address", Kind::Email)),
];

/// The header in force.
#[derive(Debug, Default)]
pub(crate) struct Header {
    table: Table,
    /// The columns of date and time, or of both in one.
    date: Option<usize>,
    time: Option<usize>,
    method: Option<usize>,
    is_csv: bool,
    /// The date of the header, for logs whose lines have only a time.
    day: Vec<u8>,
    names: String,
}

/// Returns whether a line names columns.
pub(crate) fn is_header(line: &[u8]) -> bool {
    line.get(..FIELDS.len()).is_some_and(|start| start.eq_ignore_ascii_case(FIELDS))
}

impl Header {
    /// Returns the header after a line, if the line changes it.
    pub(super) fn changed_by(&self, line: &[u8]) -> Option<Header> {
        if let Some(date) = line.strip_prefix(DATE) {
            let day = date.trim_ascii().get(.."2026-11-22".len())?.to_vec();
            return (self.needs_day() && day != self.day)
                .then(|| Header { day, ..Header::named(&self.names) });
        }
        if !is_header(line) {
            return None;
        }
        let names = String::from_utf8_lossy(&line[FIELDS.len()..]);
        Some(Header { day: self.day.clone(), ..Header::named(names.trim()) })
    }

    fn needs_day(&self) -> bool {
        self.date.is_none()
    }

    fn named(line: &str) -> Header {
        let is_csv = line.contains(',');
        let separates = |letter: char| match is_csv {
            true => letter == ',',
            false => letter.is_ascii_whitespace(),
        };
        let names: Vec<String> = line
            .split(separates)
            .map(|name| name.trim().to_ascii_lowercase())
            .filter(|name| !name.is_empty())
            .collect();
        let mut table = Table::new("w3c", names.iter().map(String::as_str), KNOWN);
        // A host in the request counts for its URL, not the server's own.
        if table.position("x-host-header").is_some()
            && let Some(at) = table.position("cs(host)")
        {
            table.columns[at].1.role = Some(Role::Value(Kind::Host));
        }
        if table.position("cs-uri-query").is_none() {
            for (_, column) in &mut table.columns {
                if let Some(Role::UrlPath(group)) = column.role {
                    column.role = Some(Role::UrlPathOnly(group));
                }
            }
        }
        let one = table.position("date-time").or_else(|| table.position("datetime"));
        Header {
            date: one.or_else(|| table.position("date")),
            time: one.or_else(|| table.position("time")),
            method: table.position("cs-method"),
            is_csv,
            day: Vec::new(),
            names: line.to_owned(),
            table,
        }
    }

    /// Returns the cells of a line, if their number is that of the columns.
    fn cells<'a>(&self, line: &'a [u8]) -> Result<Vec<Cow<'a, [u8]>>, usize> {
        let whole = |cells: Vec<Cow<'a, [u8]>>| match cells.len() == self.table.columns.len() {
            true => Ok(cells),
            false => Err(cells.len()),
        };
        if self.is_csv {
            return whole(csv(line).collect());
        }
        if memchr(b'\t', line).is_some() {
            return whole(line.split(|&byte| byte == b'\t').map(Cow::Borrowed).collect());
        }
        whole(words(line).map(Cow::Borrowed).collect())
            // Some programs quote values with blanks.
            .or_else(|_| whole(Quoted::new(line).map(Cow::Borrowed).collect()))
    }

    fn clock<'a>(&'a self, cells: &[Cow<'a, [u8]>]) -> Clock<'a> {
        let Some(time) = self.time.map(|at| cells[at].clone()) else { return Clock::Unknown };
        match self.date {
            Some(date) if Some(date) == self.time => Clock::Iso(cells[date].clone()),
            Some(date) => Clock::Iso([&cells[date][..], b" ", &time[..]].concat().into()),
            None => Clock::Iso([&self.day[..], b" ", &time[..]].concat().into()),
        }
    }
}

pub(super) fn read<'a>(
    header: &'a Header,
    line: &'a [u8],
    record: &mut Record<'a>,
) -> Result<(), MalformedLine> {
    if line.first() == Some(&b'#') {
        return Ok(());
    }
    let expected = header.table.columns.len();
    if expected == 0 {
        return Err(MalformedLine::NoHeader { format: Format::W3c });
    }
    let cells = header.cells(line).map_err(|got| MalformedLine::Columns {
        format: Format::W3c,
        expected,
        got,
    })?;
    record.clock = header.clock(&cells);
    // A tunnel has no path.
    let is_tunnel = header.method.is_some_and(|at| *cells[at] == *b"CONNECT");
    for ((_, column), cell) in header.table.columns.iter().zip(cells) {
        let is_path = matches!(column.role, Some(Role::UrlPath(_) | Role::UrlPathOnly(_)));
        if !(is_tunnel && is_path) {
            record.push(column, cell);
        }
    }
    Ok(())
}
