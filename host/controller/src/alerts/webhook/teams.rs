//! Messages for Microsoft Teams: an Adaptive Card, as a workflow's webhook expects it. Texts from
//! outside are in text runs, which have no markup.

use serde_json::{Value as Json, json};

use super::chat::{Chat, Section};

/// Maximum number of characters of one run.
const RUN_CHARS: usize = 2000;

pub(super) fn body(chat: &Chat) -> Json {
    let title = run(&chat.title, "large", true);
    let mut blocks = vec![block(vec![title], false)];
    blocks.extend(chat.facts.iter().map(|line| block(vec![run(line, "small", false)], false)));
    blocks.extend(chat.sections.iter().flat_map(section));
    blocks.extend(chat.footer.iter().map(|line| block(vec![run(line, "small", false)], true)));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": { "width": "Full" },
                "body": blocks,
            },
        }],
    })
}

fn section(section: &Section) -> Vec<Json> {
    let mut blocks = vec![block(vec![run(&section.title, "default", true)], true)];
    blocks.extend(section.lines.iter().map(|line| block(vec![run(line, "small", false)], false)));
    blocks
}

fn block(runs: Vec<Json>, is_separated: bool) -> Json {
    let spacing = if is_separated { "medium" } else { "none" };
    json!({
        "type": "RichTextBlock",
        "separator": is_separated,
        "spacing": spacing,
        "inlines": runs,
    })
}

/// Returns a text run. In runs, too, `{{DATE(...)}}` would be replaced by a date.
fn run(text: &str, size: &str, is_bold: bool) -> Json {
    let mut text: String = text.chars().take(RUN_CHARS).collect();
    while text.contains("{{") {
        text = text.replace("{{", "{ {");
    }
    let weight = if is_bold { "bolder" } else { "default" };
    json!({ "type": "TextRun", "text": text, "size": size, "weight": weight })
}
