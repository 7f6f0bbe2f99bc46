//! Hosts in words with non-ASCII characters.

use threatsieve_blacklist::observable::Kind;

use super::plain::{ends_in_letters, word_kind};

/// The first of the scripts that are written without blanks, so that a host may be in the middle of
/// a "word": CJK radicals, kana, ideographs, Hangul.
const WITHOUT_BLANKS: char = '\u{2e80}';

/// Searches hosts between characters that names do not contain (quotes, dashes, ideographic full
/// stops).
pub(super) fn hosts(run: &[u8], sink: &mut impl FnMut(Kind, &[u8])) {
    // Bytes that are not UTF-8 end a name as punctuation does.
    for chunk in run.utf8_chunks() {
        for name in chunk.valid().split(|c: char| !(c.is_ascii() || is_in_name(c))) {
            host(name, sink);
        }
    }
}

/// Returns whether a character is a letter, a digit, a mark that combines with them, or a joiner
/// that IDNA allows.
fn is_in_name(c: char) -> bool {
    let is_combining = matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{eff}');
    let is_kana_mark = matches!(c, '\u{3099}' | '\u{309a}');
    let is_hebrew_or_arabic_mark = matches!(c, '\u{5be}'..='\u{5c7}' | '\u{64b}'..='\u{65f}');
    let is_joiner = matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0f}' | '\u{b7}' | '\u{30fb}');
    c.is_alphanumeric()
        || is_combining
        || is_kana_mark
        || is_hebrew_or_arabic_mark
        || is_joiner
        // Emoji domains are sold, and lists contain them.
        || matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}')
}

fn host(name: &str, sink: &mut impl FnMut(Kind, &[u8])) {
    let name = name.trim_matches(['.', '-']);
    let Some((_, top)) = name.rsplit_once('.') else { return };
    if top.is_ascii() && !ends_in_letters(name.as_bytes()) {
        return;
    }
    sink(word_kind(name.as_bytes()), name.as_bytes());
    let ascii = |c: char| c.is_ascii();
    for part in name.split(|c: char| c >= WITHOUT_BLANKS).filter(|part| part.len() < name.len()) {
        let is_host = part.chars().all(ascii) && !part.starts_with('.') && !part.ends_with('.');
        if is_host && ends_in_letters(part.as_bytes()) {
            sink(word_kind(part.as_bytes()), part.as_bytes());
        }
    }
}
