//! Messages for Mattermost: Markdown in which texts from outside are code, so that there are no
//! mentions, links or formats in them.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::chat::Chat;

/// Maximum number of characters of a message. Mattermost accepts 16,383.
const MAX_CHARS: usize = 16_000;
/// Maximum number of characters of one line.
const LINE_CHARS: usize = 2000;
/// The mark of a block of code.
const FENCE: &str = "```";

pub(super) fn body(chat: &Chat) -> Json {
    let mut text = format!("#### `{}`\n", code(&chat.title));
    block(&mut text, &chat.facts);
    for section in &chat.sections {
        _ = writeln!(text, "**`{}`**", code(&section.title));
        block(&mut text, &section.lines);
    }
    block(&mut text, &chat.footer);
    if let Some((end, _)) = text.char_indices().nth(MAX_CHARS) {
        text.truncate(end);
        _ = write!(text, "\n{FENCE}");
    }
    json!({ "text": text })
}

fn block(text: &mut String, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    _ = writeln!(text, "{FENCE}text");
    for line in lines {
        _ = writeln!(text, "{}", code(line));
    }
    _ = writeln!(text, "{FENCE}");
}

/// Returns a line that can be in code, whose end is a backtick.
fn code(line: &str) -> String {
    line.chars().take(LINE_CHARS).map(|c| if c == '`' { '\'' } else { c }).collect()
}
