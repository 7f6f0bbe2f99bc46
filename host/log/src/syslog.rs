//! The header that syslog, container runtimes and similar programs put before a line.

/// The number of bytes searched for the end of a header. Names in it may be long.
const MAX_HEADER_BYTES: usize = 1024;

/// Splits a line into its header, with the blank after it, and the message. Returns `None` if there
/// is no header.
///
/// Headers are those of RFC 5424, of RFC 3164 (with its own time, or an ISO 8601 time as rsyslog
/// writes it), and of the Kubernetes container runtime interface. The message of a JSON log may be
/// marked with `@cee:`.
pub(crate) fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let head = &line[..line.len().min(MAX_HEADER_BYTES)];
    let mut words = Words { text: head, at: priority(head)? };
    let is_versioned = words.at > 0 && words.text[words.at..].starts_with(b"1 ");
    if is_versioned {
        words.next()?;
        // Time, host, application, process, message identifier.
        for _ in 0..5 {
            words.next()?;
        }
        words.structured_data()?;
    } else {
        words.time()?;
        let host = words.next()?;
        if matches!(host, b"stdout" | b"stderr") {
            matches!(words.next()?, b"F" | b"P").then_some(())?;
        } else {
            words.tag();
        }
    }
    words.skip_blanks();
    for mark in [&b"\xef\xbb\xbf"[..], b"@cee:"] {
        if words.text[words.at..].starts_with(mark) {
            words.at += mark.len();
            words.skip_blanks();
        }
    }
    (words.at < line.len()).then(|| line.split_at(words.at))
}

/// Returns the time of RFC 3164 at the start of a line: `Nov 22 02:30:25`, perhaps with the year.
pub(crate) fn time(line: &[u8]) -> Option<&[u8]> {
    let head = &line[..line.len().min(MAX_HEADER_BYTES)];
    let start = priority(head)?;
    let mut words = Words { text: head, at: start };
    words.time()?;
    Some(head[start..words.at].trim_ascii()).filter(|time| time[0].is_ascii_alphabetic())
}

/// Returns the length of `<134>`, 0 if there is none, or `None` for a text that only begins like
/// one.
pub(crate) fn priority(text: &[u8]) -> Option<usize> {
    if text.first() != Some(&b'<') {
        return Some(0);
    }
    let digits = text[1..].iter().take_while(|b| b.is_ascii_digit()).count();
    ((1..=3).contains(&digits) && text.get(1 + digits) == Some(&b'>')).then_some(digits + 2)
}

/// Words between blanks.
struct Words<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    fn skip_blanks(&mut self) {
        self.at += self.text[self.at..].iter().take_while(|b| **b == b' ').count();
    }

    fn peek(&mut self) -> Option<&'a [u8]> {
        self.skip_blanks();
        let rest = &self.text[self.at..];
        let end = memchr::memchr(b' ', rest)?;
        Some(&rest[..end])
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        let word = self.peek()?;
        self.at += word.len();
        Some(word)
    }

    /// Reads `Nov 22 02:30:25`, with or without the year, or one word in ISO 8601.
    fn time(&mut self) -> Option<()> {
        let first = self.next()?;
        if is_iso(first) {
            return Some(());
        }
        const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
        MONTHS.as_chunks::<3>().0.iter().any(|month| month == first).then_some(())?;
        let day = self.next()?;
        (day.len() <= 2 && day.iter().all(u8::is_ascii_digit)).then_some(())?;
        let word = self.next()?;
        let time = match word.len() == 4 && word.iter().all(u8::is_ascii_digit) {
            true => self.next()?,
            false => word,
        };
        matches!(time, [_, _, b':', _, _, b':', _, _, ..]).then_some(())
    }

    /// Skips `squid[1234]:`, `nginx:` or `(squid-1):`. A message without a tag stays complete.
    fn tag(&mut self) {
        let before = self.at;
        if !self.next().is_some_and(|word| word.ends_with(b":")) {
            self.at = before;
        }
    }

    /// Skips `-`, or `[id name="value" ...]` once or several times. Brackets in values may be
    /// escaped.
    fn structured_data(&mut self) -> Option<()> {
        self.skip_blanks();
        if self.text[self.at..].starts_with(b"- ") {
            self.at += 1;
            return Some(());
        }
        while self.text.get(self.at) == Some(&b'[') {
            let (mut is_quoted, mut is_escaped) = (false, false);
            let end = self.text[self.at..].iter().position(|&byte| {
                let ends = byte == b']' && !is_quoted;
                is_quoted ^= byte == b'"' && !is_escaped;
                is_escaped = byte == b'\\' && !is_escaped;
                ends
            })?;
            self.at += end + 1;
        }
        (self.text.get(self.at) == Some(&b' ')).then_some(())
    }
}

fn is_iso(word: &[u8]) -> bool {
    word.len() >= "2026-11-22T02:30".len()
        && word[4] == b'-'
        && matches!(word[10], b'T' | b't')
        && word[..4].iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn headers_are_split_off() {
        for header in [
            "Nov 22 02:30:25 gw squid[1234]: ",
            "Nov  2 02:30:25 gw squid:  ",
            "<134>Nov 22 02:30:25 gw (squid-1): ",
            "Nov 22 2026 02:30:25 gw nginx: ",
            "Nov 22 02:30:25 gw ",
            "2026-11-22T02:30:25.123+00:00 gw.corp.example nginx[1]: ",
            "<134>1 2026-11-22T02:30:25Z gw squid 1 - - ",
            "<134>1 - - - - - [a@1 b=\"] x\\\" ]\"][c] \u{feff}",
            "2026-11-22T02:30:25.123456789Z stdout F ",
            "Nov 22 02:30:25 gw suricata[1]: @cee: ",
        ] {
            let line = format!("{header}message of: words");
            let (got, message) = split(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((got, message), (header.as_bytes(), &b"message of: words"[..]), "{line}");
        }
    }

    #[test]
    fn other_lines_have_none() {
        for line in [
            "",
            "message",
            "10.0.0.1 - - [22/Nov/2026:02:30:25 +0000] \"GET / HTTP/1.1\" 200 5",
            "1795314625.802 5 10.1.2.3 TCP_MISS/404 603 GET http://a.example/ - HIER_NONE/- -",
            "<a href=x> y z",
            "<134>",
            "<134>1 2026-11-22T02:30:25Z gw",
            "<134>1 - - - - - [a b",
            "Nov twenty 02:30:25 gw squid: x",
            "Nov 22 at gw squid: x",
        ] {
            assert_eq!(split(line.as_bytes()), None, "{line}");
        }
    }
}
