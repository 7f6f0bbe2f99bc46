//! Colours for terminals.

use std::borrow::Cow;
use std::io::IsTerminal;

/// Returns whether to use colours: only on a terminal, and unless the user declined
/// (<https://no-color.org>).
pub(crate) fn wants_colour(stream: &impl IsTerminal) -> bool {
    let declined = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stream.is_terminal() && !declined && !dumb
}

/// Styles by meaning. The numbers are SGR parameters (ECMA-48 section 8.3.117).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    Plain = 0,
    Heading = 1,
    Faint = 2,
    Alarm = 31,
    Place = 35,
    Listed = 33,
}

/// Applies a style to a text, if `colour`.
pub(crate) fn styled(text: &str, style: Style, colour: bool) -> Cow<'_, str> {
    if colour && !text.is_empty() && !matches!(style, Style::Plain) {
        Cow::Owned(format!("\x1b[{}m{text}\x1b[0m", style as u8))
    } else {
        Cow::Borrowed(text)
    }
}
