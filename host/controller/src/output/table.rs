//! A table of matches for people, one row each.

use std::fmt::Write;

use threatsieve_blacklist::{IndicatorView, Tlp};
use threatsieve_flag::Found;

use super::terminal::{Style, styled};
use crate::pipeline::Event;
use crate::text::escape_controls;

/// Columns with their minimum widths. A longer text pushes the rest of its row to the right. Rows
/// are printed at once, so the widths are fixed beforehand.
const COLUMNS: [(&str, usize); 6] = [
    ("LINE", 28),
    ("OBSERVABLE", 34),
    ("FIELD", 18),
    ("MATCH", 9),
    ("ENTRY", 34),
    ("INDICATORS", 0),
];
/// Number of indicators that are named in a row. The rest is counted.
const INDICATORS_SHOWN: usize = 3;
/// Maximum number of characters of an observable or entry.
const VALUE_CHARS: usize = 200;

/// The heading row.
pub(crate) fn table_head(colour: bool) -> String {
    let mut head = String::new();
    for (name, width) in COLUMNS {
        cell(&mut head, name, width, Style::Heading, colour);
    }
    head.truncate(head.trim_end().len());
    head.push('\n');
    head
}

/// Appends an event's rows without colours.
pub(crate) fn write_plain_rows(event: &Event<'_>, out: &mut Vec<u8>) {
    write_rows(event, out, false);
}

/// Appends an event's rows in colours.
pub(crate) fn write_coloured_rows(event: &Event<'_>, out: &mut Vec<u8>) {
    write_rows(event, out, true);
}

fn write_rows(event: &Event<'_>, out: &mut Vec<u8>, colour: bool) {
    for found in &event.found {
        let mut row = String::with_capacity(160);
        let texts = [
            format!("{}:{}", event.file, event.number),
            clip(&found.observable),
            found.field.clone(),
            found.matched.how.name().to_owned(),
            format!(
                "{} {}",
                found.matched.entry.kind.stix_name(),
                clip(&found.matched.entry.value)
            ),
            indicators(found),
        ];
        let styles =
            [Style::Place, Style::Alarm, Style::Faint, Style::Faint, Style::Listed, Style::Plain];
        for ((text, style), (_, width)) in texts.iter().zip(styles).zip(COLUMNS) {
            cell(&mut row, text, width, style, colour);
        }
        out.extend_from_slice(row.trim_end().as_bytes());
        out.push(b'\n');
    }
    if event.omitted > 0 {
        out.extend_from_slice(
            format!(
                "{}:{}: and {} more matches\n",
                escape_controls(event.file),
                event.number,
                event.omitted
            )
            .as_bytes(),
        );
    }
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Appends a cell and two blanks.
fn cell(row: &mut String, text: &str, width: usize, style: Style, colour: bool) {
    let text = escape_controls(text);
    row.push_str(&styled(&text, style, colour));
    let fill = width.saturating_sub(text.chars().count()) + 2;
    row.extend(std::iter::repeat_n(' ', fill));
}

fn indicators(found: &Found) -> String {
    let all = &found.matched.entry.indicators;
    let mut text = all.iter().take(INDICATORS_SHOWN).map(indicator).collect::<Vec<_>>().join("; ");
    if all.len() > INDICATORS_SHOWN {
        _ = write!(text, "; and {} more", all.len() - INDICATORS_SHOWN);
    }
    text
}

/// Describes an indicator in a few words.
pub(crate) fn indicator(view: &IndicatorView) -> String {
    let mut text = view.shown_id();
    // The id of a list's line begins with its feed.
    if !text.starts_with(&format!("{}:", view.feed)) {
        text = format!("{} {text}", view.feed);
    }
    if let Some(name) = &view.name {
        _ = write!(text, " {name:?}");
    }
    for threat in &view.threats {
        _ = write!(text, " {} {:?}", threat.kind.name(), threat.name);
    }
    if let Some(part) = &view.conjunction {
        _ = write!(text, " together: {}", part.text);
    }
    if let Some(port) = view.port {
        let only = if port.is_matched { " only" } else { "" };
        _ = write!(text, " port {}{only}", port.number);
    }
    if let Some(confidence) = view.confidence {
        _ = write!(text, " confidence {confidence}");
    }
    if let Some(tlp) = view.tlp.map(Tlp::name) {
        _ = write!(text, " TLP:{tlp}");
    }
    text
}
