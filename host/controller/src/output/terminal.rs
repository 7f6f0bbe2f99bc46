//! What a terminal is, and how text gets there unharmed and in colour.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::IsTerminal;

/// Whether to colour: only a terminal, and only if the user did not decline (<https://no-color.org>).
pub(crate) fn wants_colour(stream: &impl IsTerminal) -> bool {
    let declined = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stream.is_terminal() && !declined && !dumb
}

/// Colours by meaning, as SGR parameters (ECMA-48 section 8.3.117).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    Plain = 0,
    Heading = 1,
    Faint = 2,
    Alarm = 31,
    Place = 35,
    Listed = 33,
}

/// Text wrapped into a style, if there is colour.
pub(crate) fn styled(text: &str, style: Style, colour: bool) -> Cow<'_, str> {
    if colour && !text.is_empty() && !matches!(style, Style::Plain) {
        Cow::Owned(format!("\x1b[{}m{text}\x1b[0m", style as u8))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether a terminal, or an editor, may obey a character instead of showing it: a control
/// character, a line separator, or a direction control, which shows a name in another order than
/// its bytes have (Unicode Standard Annex 9, section 2).
pub(super) fn is_harmful(c: char) -> bool {
    let controls_direction = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    c.is_control() || controls_direction || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Text whose control characters are written out: values come from whoever made the request that was logged, and must
/// neither move the cursor nor make a second line.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            _ if !is_harmful(c) => clean.push(c),
            _ if c.is_ascii() => _ = write!(clean, "\\x{:02x}", u32::from(c)),
            _ => _ = write!(clean, "\\u{{{:x}}}", u32::from(c)),
        }
    }
    Cow::Owned(clean)
}

/// The start of a text, harmless, with a sign where more was cut off.
pub(crate) fn clipped(bytes: &[u8], max_chars: usize) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * max_chars)]);
    let mut clip: String = harmless(&text).chars().take(max_chars).collect();
    if clip.len() < bytes.len() && clip.chars().count() == max_chars {
        clip.push('…');
    }
    clip
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 line`, `2 lines`, `1,000 lines`.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A size in the largest unit that leaves a number of at least 1.
pub(crate) fn sized(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let (mut size, mut unit) = (bytes as f64 / 1024.0, 0);
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        (size, unit) = (size / 1024.0, unit + 1);
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_written_out() {
        assert_eq!(harmless("evil.com"), "evil.com");
        assert_eq!(harmless("\x1b[2Jévil\n\u{202e}moc"), "\\x1b[2Jévil\\x0a\\u{202e}moc");
        assert_eq!(clipped(b"abcdef", 3), "abc…");
        assert_eq!(clipped(b"abc", 3), "abc");
        assert_eq!(clipped(b"\xff\0", 9), "\u{fffd}\\x00");
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1, 1024, 1_572_864].map(sized), ["1 bytes", "1.0 KiB", "1.5 MiB"]);
        assert_eq!(counted(1, "line", "lines"), "1 line");
    }
}
