//! Texts from outside, shortened for messages.

/// Most characters of a foreign text that are shown.
const SHOWN: usize = 200;

/// The text, cut to its first 200 characters; an ellipsis says so.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
        None => text.to_owned(),
    }
}
