//! Text as MISP stores it unchanged.

/// The longest title of an event, in characters. MISP answers 500 to 70,000.
pub(crate) const MAX_INFO_CHARS: usize = 500;
/// The longest comment, in characters. MISP answers 500 to 70,000.
pub(crate) const MAX_COMMENT_CHARS: usize = 1_000;
/// The longest name of a tag, in characters: the width of MISP's column.
pub(crate) const MAX_TAG_CHARS: usize = 255;
/// The longest value, in bytes. MISP refuses what its column of 65,535 bytes would cut.
pub(crate) const MAX_VALUE_BYTES: usize = 60_000;

/// Returns a text on one line, without what MISP's database does not store: its columns hold
/// characters of at most three bytes, and it answers 500 to longer ones. A text beyond the maximum
/// is cut and ends in `…`.
pub(crate) fn clean(text: &str, max_chars: usize) -> String {
    let mut words = String::with_capacity(text.len().min(4 * max_chars));
    let (mut count, mut cut) = (0, false);
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        let mut kept = word.chars().filter(|&c| is_stored(c)).peekable();
        if kept.peek().is_none() {
            continue;
        }
        if count > 0 {
            words.push(' ');
            count += 1;
        }
        for c in kept {
            words.push(c);
            count += 1;
        }
        if count > max_chars {
            cut = true;
            break;
        }
    }
    if cut {
        words = words.chars().take(max_chars - 1).collect();
        words.truncate(words.trim_end().len());
        words.push('…');
    }
    words
}

/// Returns whether MISP's database stores a character unchanged.
pub(crate) fn is_stored(c: char) -> bool {
    c <= '\u{ffff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_one_line_of_stored_characters() {
        for (text, want) in [
            (" a\n\tb\0c ", "a b c"),
            ("ev \u{1f600} b\u{fc}cher", "ev b\u{fc}cher"),
            ("\u{1f600}", ""),
            ("", ""),
            ("1234567890", "1234567890"),
            ("1234567890a", "123456789…"),
            ("12345678 abc", "12345678…"),
        ] {
            assert_eq!(clean(text, 10), want);
        }
    }
}
