//! Texts from outside, shortened for messages.

/// The most characters of such a text that are shown.
const SHOWN: usize = 200;

/// Returns the text, cut to its first 200 characters. An ellipsis marks a cut text.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
        None => text.to_owned(),
    }
}
