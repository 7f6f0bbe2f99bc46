//! Which format a file has, from its first bytes.

use memchr::memchr;

use crate::fields::Fields;
use crate::format::Format;
use crate::ndjson::Names;
use crate::{combined, lines, ndjson, squid, text};

/// Bytes of a file that are worth looking at: 64 KiB.
pub const SAMPLE_BYTES: usize = 64 * 1024;
/// Lines of them that are looked at.
const SAMPLE_LINES: usize = 200;
/// UTF-8's byte order mark, which some programs write first.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Format {
    /// Tells a file's format from its first bytes, best [`SAMPLE_BYTES`] of them.
    ///
    /// A Zeek log says what it is. Else the format that most lines have is taken, if at least half of them have it: damaged lines among
    /// them do no harm. What is left is free text, and so is an empty file.
    pub fn detect(sample: &[u8]) -> Format {
        let sample = &sample[..sample.len().min(SAMPLE_BYTES)];
        let sample = sample.strip_prefix(BYTE_ORDER_MARK).unwrap_or(sample);
        let lines = whole_lines(sample);
        if lines.iter().any(|line| is_zeek_header(line)) {
            return Format::Zeek;
        }
        let wanted = Names::new(&Fields::named([""; 0]));
        let mut counts = [0; 4];
        let mut total = 0;
        for line in lines.iter().take(SAMPLE_LINES) {
            total += 1;
            let nothing = &mut |_: &str, _, _: &[u8]| {};
            if ndjson::walk(&wanted, line, nothing).is_ok() {
                counts[2] += 1;
            } else if squid::walk(line, nothing).is_ok() {
                counts[0] += 1;
            } else if combined::walk(line, nothing).is_ok() {
                counts[1] += 1;
            } else if lines::value(line).is_none() {
                // A comment says nothing about the others.
                total -= 1;
            } else if is_value(line) {
                counts[3] += 1;
            }
        }
        let formats = [Format::Squid, Format::Combined, Format::Ndjson, Format::Lines];
        match formats.into_iter().zip(counts).max_by_key(|(_, count)| *count) {
            Some((format, count)) if count > 0 && count * 2 >= total => format,
            _ if lines.len() == 1 && is_cut_json(lines[0]) => Format::Ndjson,
            _ => Format::Text,
        }
    }
}

/// The sample's lines that hold something, without the last one if the sample may have cut it.
fn whole_lines(sample: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = sample.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).collect();
    if sample.len() + BYTE_ORDER_MARK.len() >= SAMPLE_BYTES && lines.len() > 1 {
        lines.pop();
    }
    lines.retain(|line| !line.is_empty());
    lines
}

fn is_zeek_header(line: &[u8]) -> bool {
    line.starts_with(b"#separator ")
        || line.starts_with(b"#fields\t")
        || line.starts_with(b"#set_separator\t")
}

/// Whether the line is one value: what is found in it begins with it, and only a port or a prefix length follows.
fn is_value(line: &[u8]) -> bool {
    let Some(value) = lines::value(line) else { return false };
    if memchr(b' ', value).is_some() || memchr(b'\t', value).is_some() {
        return false;
    }
    let mut is_value = None;
    text::walk(value, &mut |_, found| {
        let bracket = usize::from(value[0] == b'[');
        let rest = value.strip_prefix(found).or_else(|| value[bracket..].strip_prefix(found));
        let ends = rest.is_some_and(|rest| rest.iter().all(|b| b.is_ascii_digit() || b"]:/.".contains(b)));
        is_value.get_or_insert(ends);
    });
    is_value == Some(true)
}

/// Whether the one line of a sample is the front of a JSON object longer than the sample.
fn is_cut_json(line: &[u8]) -> bool {
    let inner = line.strip_prefix(b"[").unwrap_or(line).trim_ascii_start();
    inner.strip_prefix(b"{").is_some_and(|inner| inner.trim_ascii_start().starts_with(b"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUID: &str = "1795314625.802      5 10.1.2.3 TCP_MISS/404 603 GET http://a.example/ - HIER_DIRECT/192.0.2.7 text/html";
    const COMBINED: &str = r#"10.1.2.3 - - [22/Nov/2026:02:30:25 +0000] "GET / HTTP/1.1" 200 5 "-" "x""#;

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
            assert_eq!(detect(&format!("\u{feff}{line}\n")), format, "{line} after a byte order mark");
        }
    }

    #[test]
    fn damaged_lines_do_no_harm() {
        for (line, format) in [
            (SQUID, Format::Squid),
            (COMBINED, Format::Combined),
            (r#"{"a":1}"#, Format::Ndjson),
            ("evil.example", Format::Lines),
        ] {
            assert_eq!(detect(&format!("garbage here\n{line}\n{line}\n\nmore {{garbage\n{line}")), format);
        }
        let mixed = format!("{SQUID}\n{COMBINED}\n{COMBINED}\nx y z\n");
        assert_eq!(detect(&mixed), Format::Combined);
        assert_eq!(detect(&format!("{SQUID}\na b\nc d\n")), Format::Text);
    }

    #[test]
    fn a_line_longer_than_the_sample() {
        let long = format!(r#"{{"Records":[{}"#, r#"{"sourceIPAddress":"10.0.0.1"},"#.repeat(5000));
        assert_eq!(detect(&long), Format::Ndjson);
        let cut_at_the_end = format!("{}\n", SQUID).repeat(SAMPLE_BYTES / SQUID.len() + 5);
        assert_eq!(detect(&cut_at_the_end), Format::Squid);
    }
}
