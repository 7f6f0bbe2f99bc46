//! HAProxy's logs of HTTP and TCP (`option httplog`, `httpslog`, `tcplog`), and its log of failed
//! connections.
//!
//! `client:port [time] frontend backend/server timers ...`. For HTTP, status and bytes follow, and
//! the request in quotes at the end; between them are captured headers in braces.

use memchr::{memchr, memchr_iter};

use super::record::{BODY_BYTES, Clock, Column, MESSAGE, Record, SOURCE_IP, SOURCE_PORT, STATUS};
use crate::format::Format;
use crate::malformed::MalformedLine;
use crate::split::word;

static FRONTEND: Column = Column::text("haproxy.frontend_name");
static BACKEND: Column = Column::text("haproxy.backend_name");
static BYTES: Column = Column::number("destination.bytes");

/// The number of slashes in the timers of a TCP connection.
const TCP_SLASHES: usize = 2;
/// The number of slashes in the timers of an HTTP request.
const HTTP_SLASHES: usize = 4;

fn wrong(position: usize, field: &'static str, expected: &'static str) -> MalformedLine {
    MalformedLine::Field { format: Format::Haproxy, position, field, expected }
}

pub(super) fn read<'a>(line: &'a [u8], record: &mut Record<'a>) -> Result<(), MalformedLine> {
    let (client, rest) = word(line);
    let time = rest.strip_prefix(b"[").and_then(|inner| {
        let end = memchr(b']', &inner[..inner.len().min(64)])?;
        (is_time(&inner[..end]) && inner.get(end + 1) == Some(&b' ')).then(|| inner.split_at(end))
    });
    let (time, rest) = time.ok_or(wrong(2, "accept date", "`[day/month/year:time]`"))?;
    if memchr(b':', client).is_none() {
        return Err(wrong(1, "client", "an address and its port"));
    }
    let (frontend, rest) = word(&rest[2..]);
    record.endpoint(&SOURCE_IP, &SOURCE_PORT, client);
    record.clock = Clock::Form("%d/%b/%Y:%H:%M:%S%.f".into(), time.into());
    record.push(&FRONTEND, frontend);
    if frontend.ends_with(b":") {
        // A connection that failed before a request: `frontend/bind: reason`.
        record.push(&MESSAGE, rest);
        return Ok(());
    }
    let (backend, rest) = word(rest);
    if memchr(b'/', backend).is_none() {
        return Err(wrong(4, "backend/server", "a backend, `/` and a server"));
    }
    record.push(&BACKEND, backend);
    let (timers, rest) = word(rest);
    let slashes = memchr_iter(b'/', timers).count();
    if slashes < TCP_SLASHES || !timers.iter().all(|b| b.is_ascii_digit() || b"/+-".contains(b)) {
        return Err(wrong(5, "timers", "numbers with `/` between them"));
    }
    if slashes < HTTP_SLASHES {
        let (bytes, rest) = word(rest);
        record.push(&BYTES, bytes);
        record.push(&MESSAGE, rest);
        return Ok(());
    }
    let (status, rest) = word(rest);
    let (bytes, rest) = word(rest);
    record.push(&STATUS, status);
    record.push(&BODY_BYTES, bytes);
    let open = memchr(b'"', rest).ok_or(wrong(16, "request", "a request in quotes"))?;
    let request = &rest[open + 1..];
    // HAProxy writes quotes within a request as `#22`.
    let close = memchr(b'"', request).ok_or(wrong(16, "request", "a closing quote"))?;
    record.push(&MESSAGE, &rest[..open]);
    record.request(&request[..close]);
    record.push(&MESSAGE, &request[close + 1..]);
    Ok(())
}

/// Returns whether the text is like `22/Nov/2026:02:30:25.123`.
fn is_time(text: &[u8]) -> bool {
    text.len() >= "22/Nov/2026:02:30:25".len()
        && [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':')]
            .iter()
            .all(|&(at, byte)| text[at] == byte)
}
