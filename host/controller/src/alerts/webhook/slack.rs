//! Messages for Slack: blocks of plain text, in which nothing is markup.

use serde_json::{Value as Json, json};

use super::chat::{Chat, Section};

/// Limits of Slack, in characters: of a header, of a section's text, and of an element of a
/// context.
const HEADER_CHARS: usize = 150;
const SECTION_CHARS: usize = 3000;
const CONTEXT_CHARS: usize = 2000;
/// Limit of Slack: blocks of a message.
const MAX_BLOCKS: usize = 50;

pub(super) fn body(chat: &Chat) -> Json {
    let mut blocks = vec![json!({ "type": "header", "text": plain(&chat.title, HEADER_CHARS) })];
    blocks.extend(context(&chat.facts));
    // The footer takes one block.
    let room = MAX_BLOCKS - blocks.len() - 1;
    blocks.extend(chat.sections.iter().take(room).map(section));
    blocks.extend(context(&chat.footer));
    json!({
        // Shown in notifications.
        "text": escaped(&chat.title, SECTION_CHARS),
        "mrkdwn": false,
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": blocks,
    })
}

fn section(section: &Section) -> Json {
    let text = format!("{}\n{}", section.title, section.lines.join("\n"));
    json!({ "type": "section", "text": plain(&text, SECTION_CHARS) })
}

fn context(lines: &[String]) -> Option<Json> {
    (!lines.is_empty()).then(|| {
        let text = lines.join("\n");
        json!({ "type": "context", "elements": [plain(&text, CONTEXT_CHARS)] })
    })
}

/// Returns a text without markup. Without `emoji`, names of emoji stay text too.
fn plain(text: &str, max_chars: usize) -> Json {
    json!({ "type": "plain_text", "emoji": false, "text": escaped(text, max_chars) })
}

/// Escapes the characters with which Slack's mentions and links begin and end, and cuts the result
/// to a number of characters.
fn escaped(text: &str, max_chars: usize) -> String {
    let mut out = String::new();
    let mut chars = 0;
    for c in text.chars() {
        let mut buffer = [0; 4];
        let piece = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            c => c.encode_utf8(&mut buffer),
        };
        chars += piece.chars().count();
        if chars >= max_chars {
            out.push('…');
            break;
        }
        out.push_str(piece);
    }
    out
}
