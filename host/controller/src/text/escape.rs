//! Escapes text from outside, so that a terminal shows it instead of interpreting it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns whether a terminal, or an editor, may interpret a character instead of showing it: a
/// control character, a line separator, or a direction control. A direction control shows a name in
/// another order than its bytes (Unicode Standard Annex 9, section 2).
fn is_obeyed(c: char) -> bool {
    let controls_direction = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    c.is_control() || controls_direction || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Escapes control characters. The sender of a logged request chooses its values: they must neither
/// move the cursor nor start a new line.
pub(crate) fn escape_controls(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            _ if !is_obeyed(c) => clean.push(c),
            _ if c.is_ascii() => _ = write!(clean, "\\x{:02x}", u32::from(c)),
            _ => _ = write!(clean, "\\u{{{:x}}}", u32::from(c)),
        }
    }
    Cow::Owned(clean)
}

/// Returns the start of a text with its control characters escaped, and `…` where the rest was cut
/// off.
pub(crate) fn clipped(bytes: &[u8], max_chars: usize) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * max_chars)]);
    let mut clip: String = escape_controls(&text).chars().take(max_chars).collect();
    if clip.len() < bytes.len() && clip.chars().count() == max_chars {
        clip.push('…');
    }
    clip
}

/// Escapes the characters in a line of JSON that a terminal may interpret. JSON itself does not
/// escape DEL, the C1 controls and the direction controls. They occur in strings only, where RFC
/// 8259 section 7 allows any character to be escaped.
pub(crate) fn safe_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_obeyed) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_obeyed(c) {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| _ = write!(safe, "\\u{unit:04x}"));
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn hostile_text_is_written_out() {
        assert_eq!(escape_controls("evil.com"), "evil.com");
        assert_eq!(escape_controls("\x1b[2Jévil\n\u{202e}moc"), "\\x1b[2Jévil\\x0a\\u{202e}moc");
        assert_eq!(clipped(b"abcdef", 3), "abc…");
        assert_eq!(clipped(b"abc", 3), "abc");
        assert_eq!(clipped(b"\xff\0", 9), "\u{fffd}\\x00");
    }

    #[test]
    fn characters_that_a_terminal_obeys_are_escaped() {
        let hostile = "é\x1b[2J\u{9b}31m\u{7f}\u{202e}moc\u{200f}\u{2028}\n\"";
        let value = serde_json::json!({ hostile: [hostile, 1, null] });
        let text = value.to_string();
        let text = safe_json(&text);
        assert!(!text.contains(is_obeyed), "{text:?}");
        assert!(
            text.contains("é\\u001b[2J\\u009b31m\\u007f\\u202emoc\\u200f\\u2028\\n\\\""),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
