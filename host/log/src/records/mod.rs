//! Formats whose lines are read into named fields: load balancers, resolvers, firewalls, and lines
//! by a header or a format string.
//!
//! Each format adds the fields of a line to a [`Record`]. Fields without observables of their own
//! are searched as free text, so that a recognised format loses nothing.

mod alb;
mod bind;
mod dnsmasq;
mod filterlog;
mod fortinet;
mod haproxy;
mod palo_alto;
mod record;
mod table;
mod template;
mod unbound;
mod vpc_flow;
mod w3c;

use std::sync::Arc;

use serde_json::{Map, Value};
use threatsieve_blacklist::indicator::Timestamp;
use threatsieve_blacklist::observable::Kind;

use crate::detect::BYTE_ORDER_MARK;
use crate::ecs::Event;
use crate::fields::Fields;
use crate::format::Format;
use crate::malformed::MalformedLine;
use crate::observe::Observer;
use crate::syslog;
pub(crate) use record::Record;
pub use template::{Template, TemplateError};
pub(crate) use vpc_flow::is_header as is_vpc_flow_header;
pub(crate) use w3c::is_header as is_w3c_header;

/// The reader of one format.
#[derive(Debug, Clone)]
pub(crate) enum Reader {
    Haproxy,
    Alb,
    VpcFlow(Arc<table::Table>),
    W3c(Arc<w3c::Header>),
    Bind,
    Unbound,
    Dnsmasq,
    Filterlog,
    Fortinet,
    PaloAlto,
    Custom(Arc<Template>),
}

impl Reader {
    /// Creates the reader of a format, if the format is one of these.
    pub(crate) fn new(format: Format, fields: &Fields) -> Option<Reader> {
        Some(match format {
            Format::Haproxy => Reader::Haproxy,
            Format::Alb => Reader::Alb,
            Format::VpcFlow => Reader::VpcFlow(Arc::new(vpc_flow::default_table())),
            Format::W3c => Reader::W3c(Arc::default()),
            Format::Bind => Reader::Bind,
            Format::Unbound => Reader::Unbound,
            Format::Dnsmasq => Reader::Dnsmasq,
            Format::Filterlog => Reader::Filterlog,
            Format::Fortinet => Reader::Fortinet,
            Format::PaloAlto => Reader::PaloAlto,
            Format::Custom => Reader::Custom(Arc::clone(&fields.template)),
            _ => return None,
        })
    }

    pub(crate) fn format(&self) -> Format {
        match self {
            Reader::Haproxy => Format::Haproxy,
            Reader::Alb => Format::Alb,
            Reader::VpcFlow(_) => Format::VpcFlow,
            Reader::W3c(_) => Format::W3c,
            Reader::Bind => Format::Bind,
            Reader::Unbound => Format::Unbound,
            Reader::Dnsmasq => Format::Dnsmasq,
            Reader::Filterlog => Format::Filterlog,
            Reader::Fortinet => Format::Fortinet,
            Reader::PaloAlto => Format::PaloAlto,
            Reader::Custom(_) => Format::Custom,
        }
    }

    /// Adds the fields of a line to a record.
    fn read<'a>(&'a self, line: &'a [u8], record: &mut Record<'a>) -> Result<(), MalformedLine> {
        // Some programs write a priority without the rest of a syslog header.
        let priority = if line.first() == Some(&b'<') { syslog::priority(line) } else { None };
        let line = match priority.map(|at| &line[at..]) {
            Some(rest) if !rest.starts_with(b"1 ") => rest,
            _ => line,
        };
        match self {
            Reader::Haproxy => haproxy::read(line, record),
            Reader::Alb => alb::read(line, record),
            Reader::VpcFlow(table) => vpc_flow::read(table, line, record),
            Reader::W3c(header) => w3c::read(header, line, record),
            Reader::Bind => bind::read(line, record),
            Reader::Unbound => unbound::read(line, record),
            Reader::Dnsmasq => dnsmasq::read(line, record),
            Reader::Filterlog => filterlog::read(line, record),
            Reader::Fortinet => fortinet::read(line, record),
            Reader::PaloAlto => palo_alto::read(line, record),
            Reader::Custom(template) => template.read(line, record),
        }
    }

    /// Returns whether a line has the format.
    pub(crate) fn fits(&self, line: &[u8]) -> bool {
        self.read(line, &mut Record::default()).is_ok()
    }

    /// Returns whether header lines of the format may begin with this byte.
    #[inline]
    pub(crate) fn has_headers_from(&self, first: u8) -> bool {
        match self {
            Reader::W3c(_) => first == b'#' || first == BYTE_ORDER_MARK[0],
            Reader::VpcFlow(_) => first.is_ascii_lowercase() || first == BYTE_ORDER_MARK[0],
            _ => false,
        }
    }

    /// Returns the reader of the following lines, if this is a header line.
    pub(crate) fn changed_by(&self, line: &[u8]) -> Option<Reader> {
        match self {
            Reader::W3c(header) => header.changed_by(line).map(Arc::new).map(Reader::W3c),
            Reader::VpcFlow(_) => vpc_flow::header(line).map(Arc::new).map(Reader::VpcFlow),
            _ => None,
        }
    }
}

/// Passes on the fields' observables in the order of the line, then the URL of separate parts.
#[inline(never)]
pub(crate) fn walk(
    reader: &Reader,
    line: &[u8],
    sink: &mut impl FnMut(&str, Kind, &[u8]),
) -> Result<(), MalformedLine> {
    let mut record = Record::default();
    reader.read(line, &mut record)?;
    let mut observer = Observer::default();
    for (column, value) in &record.cells {
        if let Some(role) = column.role {
            observer.value(&column.name, role, value, sink);
        }
    }
    observer.finish(sink);
    Ok(())
}

/// Returns the event's own time.
pub(crate) fn time(reader: &Reader, line: &[u8]) -> Option<Timestamp> {
    let mut record = Record::default();
    reader.read(line, &mut record).ok()?;
    record.clock.time()
}

/// Returns the line in ECS, with fields below the format's name for those without an ECS name.
pub(crate) fn event(reader: &Reader, line: &[u8]) -> Option<Map<String, Value>> {
    let mut record = Record::default();
    reader.read(line, &mut record).ok()?;
    if record.cells.is_empty() {
        return None;
    }
    let mut event = Event::default();
    event.time(record.clock.time());
    for (column, value) in &record.cells {
        match &*column.name {
            name if column.is_number => event.number(name, value),
            "url.original" => event.url(value),
            name => event.text(name, value),
        }
    }
    let event = event.finish();
    (!event.is_empty()).then_some(event)
}

#[cfg(test)]
mod tests;
