//! Detects the format of a log by its first bytes.

use std::cell::LazyCell;
use std::sync::LazyLock;

use memchr::memchr;

use crate::fields::Fields;
use crate::format::Format;
use crate::parser::Parser;
use crate::{lines, records, syslog, text};

/// The number of bytes that are read to detect a format: 64 KiB.
pub const SAMPLE_BYTES: usize = 64 * 1024;
/// The number of lines that are read of them.
const SAMPLE_LINES: usize = 200;
/// The number of lines that show whether a format still applies.
const FEW_LINES: usize = 16;
/// UTF-8's byte order mark, which some programs write first.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Format {
    /// Detects the format of a log by its first bytes, at best [`SAMPLE_BYTES`] of them.
    ///
    /// A header line names its format. Otherwise the format of most lines counts, if at least half
    /// of them have it, so a few damaged lines do not matter. Everything else is free text, and so
    /// is an empty file.
    pub fn detect(sample: &[u8]) -> Format {
        let lines = whole_lines(sample);
        if let Some(format) = lines.iter().find_map(|line| of_header(line)) {
            return format;
        }
        match Census::of(&lines, SAMPLE_LINES).winner() {
            Format::Text if lines.len() == 1 && is_cut_json(lines[0]) => Format::Ndjson,
            winner => winner,
        }
    }

    /// Returns the format of the lines after those that were read as this format.
    ///
    /// The format stays unless the lines contradict it: it may have been detected on too few lines,
    /// or the log changed. The call is cheap enough for each piece of a log. It looks at a few
    /// lines only, unless they contradict the format.
    pub fn detect_again(self, sample: &[u8]) -> Format {
        let lines = whole_lines(sample);
        let few = &lines[..lines.len().min(FEW_LINES)];
        let census = Census::of(few, FEW_LINES);
        let header = few.iter().find_map(|line| of_header(line));
        let stays = match self {
            _ if few.is_empty() => true,
            Format::Zeek if header.is_none() => {
                few.iter().any(|line| memchr(b'\t', line).is_some())
            }
            // Other lines are not known without their header.
            Format::W3c | Format::VpcFlow if header.is_none() => {
                matches!(census.winner(), Format::Text | Format::Lines | Format::VpcFlow)
            }
            _ if header.is_some() => header == Some(self),
            Format::Lines => census.winner() == Format::Lines,
            Format::Text => matches!(census.winner(), Format::Text | Format::Lines),
            _ => census.count(self) > 0,
        };
        if stays || census.total == 0 { self } else { Format::detect(sample) }
    }
}

/// The number of lines of each format in a sample.
struct Census {
    counts: [usize; COUNTED.len()],
    /// The number of lines that are neither blank nor comments.
    total: usize,
}

/// The formats that a single line can show. If two are equally frequent, the later one wins: it has
/// stricter rules.
const COUNTED: [Format; 13] = [
    Format::Lines,
    Format::Haproxy,
    Format::Alb,
    Format::VpcFlow,
    Format::Bind,
    Format::Unbound,
    Format::Dnsmasq,
    Format::Filterlog,
    Format::Fortinet,
    Format::PaloAlto,
    Format::Ndjson,
    Format::Combined,
    Format::Squid,
];

impl Census {
    fn of(lines: &[&[u8]], most: usize) -> Census {
        let mut census = Census { counts: [0; COUNTED.len()], total: 0 };
        for line in lines.iter().take(most) {
            let format = format_of(line);
            if format.is_none() && lines::value(line).is_none() {
                // A comment says nothing about the other lines.
                continue;
            }
            census.total += 1;
            for (count, counted) in census.counts.iter_mut().zip(COUNTED) {
                *count += usize::from(format == Some(counted));
            }
        }
        census
    }

    fn count(&self, format: Format) -> usize {
        COUNTED
            .iter()
            .zip(self.counts)
            .find(|(counted, _)| **counted == format)
            .map_or(0, |(_, n)| n)
    }

    /// Returns the format of most lines, if at least half of them have it.
    fn winner(&self) -> Format {
        match COUNTED.into_iter().zip(self.counts).max_by_key(|(_, count)| *count) {
            Some((format, count)) if count > 0 && count * 2 >= self.total => format,
            _ => Format::Text,
        }
    }
}

/// The formats that a parser recognises, in the order in which they are tried.
const PARSED: [Format; 12] = [
    Format::Ndjson,
    Format::Squid,
    Format::Combined,
    Format::Haproxy,
    Format::Alb,
    Format::VpcFlow,
    Format::Bind,
    Format::Unbound,
    Format::Dnsmasq,
    Format::Filterlog,
    Format::Fortinet,
    Format::PaloAlto,
];

/// Returns the format of one line, if it shows one.
fn format_of(line: &[u8]) -> Option<Format> {
    static PARSERS: LazyLock<[Parser; PARSED.len()]> =
        LazyLock::new(|| PARSED.map(|format| Parser::new(format, &Fields::named([""; 0]))));
    let message = LazyCell::new(|| syslog::split(line).map(|(_, message)| message));
    let fits =
        |parser: &&Parser| parser.fits(line) || message.is_some_and(|message| parser.fits(message));
    let parsed = PARSERS.iter().find(fits).map(Parser::format);
    parsed.or_else(|| is_value(line).then_some(Format::Lines))
}

/// Returns the sample's lines with content, without the last one if the sample may have cut it.
fn whole_lines(sample: &[u8]) -> Vec<&[u8]> {
    let sample = without_hole(sample);
    let sample = &sample[..sample.len().min(SAMPLE_BYTES)];
    let sample = sample.strip_prefix(BYTE_ORDER_MARK).unwrap_or(sample);
    let mut lines: Vec<&[u8]> = sample.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).collect();
    if sample.len() + BYTE_ORDER_MARK.len() >= SAMPLE_BYTES && lines.len() > 1 {
        lines.pop();
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// Skips zeros at the start. A log begins with them if it was truncated while its writer continued
/// at the old position (`copytruncate`).
#[inline]
pub(crate) fn without_hole(bytes: &[u8]) -> &[u8] {
    if bytes.first() != Some(&0) {
        return bytes;
    }
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    &bytes[zeros..]
}

/// Returns the format that a header line names.
fn of_header(line: &[u8]) -> Option<Format> {
    if is_zeek_header(line) {
        Some(Format::Zeek)
    } else if records::is_w3c_header(line) {
        Some(Format::W3c)
    } else {
        records::is_vpc_flow_header(line).then_some(Format::VpcFlow)
    }
}

fn is_zeek_header(line: &[u8]) -> bool {
    line.starts_with(b"#separator ")
        || line.starts_with(b"#fields\t")
        || line.starts_with(b"#set_separator\t")
}

/// Returns whether the line is one value: an observable at its start with only a port or prefix
/// length after it.
fn is_value(line: &[u8]) -> bool {
    let Some(value) = lines::value(line) else { return false };
    if memchr(b' ', value).is_some() || memchr(b'\t', value).is_some() {
        return false;
    }
    let mut is_value = None;
    text::walk(value, &mut |_, found| {
        let bracket = usize::from(value[0] == b'[');
        let rest = value.strip_prefix(found).or_else(|| value[bracket..].strip_prefix(found));
        let ends =
            rest.is_some_and(|rest| rest.iter().all(|b| b.is_ascii_digit() || b"]:/.".contains(b)));
        is_value.get_or_insert(ends);
    });
    is_value == Some(true)
}

/// Returns whether the only line of a sample is the start of a JSON object longer than the sample.
fn is_cut_json(line: &[u8]) -> bool {
    let inner = line.strip_prefix(b"[").unwrap_or(line).trim_ascii_start();
    inner.strip_prefix(b"{").is_some_and(|inner| inner.trim_ascii_start().starts_with(b"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUID: &str = "1795314625.802      5 10.1.2.3 TCP_MISS/404 603 GET http://a.example/ - HIER_DIRECT/192.0.2.7 text/html";
    const COMBINED: &str =
        r#"10.1.2.3 - - [22/Nov/2026:02:30:25 +0000] "GET / HTTP/1.1" 200 5 "-" "x""#;

    fn detect(sample: &str) -> Format {
        Format::detect(sample.as_bytes())
    }

    #[test]
    fn one_line_is_enough() {
        for (line, format) in [
            (SQUID, Format::Squid),
            (COMBINED, Format::Combined),
            (r#"{"src_ip":"10.0.0.1"}"#, Format::Ndjson),
            (r#"[{"src_ip":"10.0.0.1"}]"#, Format::Ndjson),
            ("#fields\tts\tquery", Format::Zeek),
            ("#separator \\x09", Format::Zeek),
            ("evil.example", Format::Lines),
            ("# list\nevil.example", Format::Lines),
            ("10.0.0.1", Format::Lines),
            ("10.0.0.0/8", Format::Lines),
            ("2001:db8::1", Format::Lines),
            ("[2001:db8::1]:443", Format::Lines),
            ("evil.example:443", Format::Lines),
            ("http://evil.example/x,y", Format::Lines),
            ("bob@evil.example", Format::Lines),
            ("d41d8cd98f00b204e9800998ecf8427e", Format::Lines),
            ("bücher.example", Format::Lines),
            ("Nov 22 02:30:25 gw sshd[1]: from 10.0.0.1", Format::Text),
            ("10.0.0.1,evil.example", Format::Text),
            ("host=evil.example", Format::Text),
            ("", Format::Text),
            ("\n\n", Format::Text),
            ("{", Format::Text),
            ("[error] something", Format::Text),
        ] {
            assert_eq!(detect(line), format, "{line}");
            assert_eq!(detect(&format!("{line}\r\n")), format, "{line} with line end");
            assert_eq!(
                detect(&format!("\u{feff}{line}\n")),
                format,
                "{line} after a byte order mark"
            );
        }
    }

    #[test]
    fn damaged_lines_do_not_matter() {
        for (line, format) in [
            (SQUID, Format::Squid),
            (COMBINED, Format::Combined),
            (r#"{"a":1}"#, Format::Ndjson),
            ("evil.example", Format::Lines),
        ] {
            assert_eq!(
                detect(&format!("garbage here\n{line}\n{line}\n\nmore {{garbage\n{line}")),
                format
            );
        }
        let mixed = format!("{SQUID}\n{COMBINED}\n{COMBINED}\nx y z\n");
        assert_eq!(detect(&mixed), Format::Combined);
        assert_eq!(detect(&format!("example.net\n{SQUID}\n")), Format::Squid);
        assert_eq!(detect(&format!("{SQUID}\na b\nc d\n")), Format::Text);
    }

    #[test]
    fn a_line_longer_than_the_sample() {
        let long = format!(r#"{{"Records":[{}"#, r#"{"sourceIPAddress":"10.0.0.1"},"#.repeat(5000));
        assert_eq!(detect(&long), Format::Ndjson);
        let cut_at_the_end = format!("{}\n", SQUID).repeat(SAMPLE_BYTES / SQUID.len() + 5);
        assert_eq!(detect(&cut_at_the_end), Format::Squid);
    }

    #[test]
    fn leading_zeros_are_skipped() {
        let log = [vec![0; 2 * SAMPLE_BYTES], format!("{SQUID}\n{SQUID}\n").into_bytes()].concat();
        assert_eq!(Format::detect(&log), Format::Squid);
        assert_eq!(Format::detect(&[0; 100]), Format::Text);
    }

    #[test]
    fn a_format_detected_on_too_few_lines_is_corrected() {
        let squid = format!("{SQUID}\n{SQUID}\n{SQUID}\n");
        let again = |format: Format, sample: &str| format.detect_again(sample.as_bytes());
        // The first sample had one odd line. The next one has three that say more.
        for first in ["example.net\n", "{}\n", "starting up\n", "#fields\tts\tquery\n", COMBINED] {
            assert_eq!(again(detect(first), &squid), Format::Squid, "{first}");
        }
        let zeek = "#separator \\x09\n#fields\tts\tquery\n1.0\tevil.example\n";
        for format in Format::ALL {
            assert_eq!(again(format, ""), format);
            assert_eq!(again(format, "\n# comment\n"), format);
            assert_eq!(again(format, zeek), Format::Zeek);
        }
        // No line parses any more.
        assert_eq!(again(Format::Squid, "one two\nthree four\n"), Format::Text);
        assert_eq!(again(Format::Ndjson, "evil.example\n10.0.0.1\n"), Format::Lines);
    }

    #[test]
    fn a_format_stays_where_some_lines_have_it() {
        let again = |format: Format, sample: &str| format.detect_again(sample.as_bytes());
        assert_eq!(again(Format::Squid, &format!("{SQUID}\na b\nc d\n{{\n")), Format::Squid);
        assert_eq!(again(Format::Ndjson, &format!("{{\"a\":1}}\n{SQUID}\n")), Format::Ndjson);
        assert_eq!(again(Format::Zeek, "1.0\tevil.example\n"), Format::Zeek);
        assert_eq!(again(Format::Text, "evil.example\n10.0.0.1\n"), Format::Text);
        assert_eq!(again(Format::Text, &format!("a b\nc d\n{SQUID}\n")), Format::Text);
        assert_eq!(again(Format::Lines, "evil.example\na b\n"), Format::Lines);
    }
}
