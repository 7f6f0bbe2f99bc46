//! The content of a block: nested XML, or text that was escaped or in a CDATA section.

use std::io::BufRead;

use quick_xml::events::attributes::AttrError;
use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::name::{NamespaceResolver, PrefixDeclaration};

use super::block::{BlockFault, Content};
use super::error::MessageError;
use super::source::{Budget, Source, character};
use crate::text::cut;

const PART: &str = "a text of a content block";

/// A content that is being read.
#[derive(Default)]
struct Collected {
    /// Top-level elements, as text.
    xml: String,
    /// Text outside of elements.
    plain: String,
    /// Number of top-level elements.
    roots: u32,
    /// Largest content in bytes.
    max: usize,
    is_over: bool,
}

impl Collected {
    fn push(&mut self, text: &str, is_inside: bool) {
        if self.is_over || self.xml.len() + self.plain.len() + text.len() > self.max {
            // The rest of the content is read past, without keeping it.
            self.is_over = true;
            (self.xml, self.plain) = (String::new(), String::new());
            return;
        }
        match is_inside {
            true => self.xml.push_str(text),
            false => self.plain.push_str(text),
        }
    }

    fn finish(self) -> Result<Content, BlockFault> {
        let text = self.plain.trim();
        match (self.is_over, self.roots, text.is_empty()) {
            (true, ..) => Err(BlockFault::TooLarge { limit: self.max }),
            (_, 0, true) => Err(BlockFault::Empty),
            (_, 0, false) => Ok(from_hex(text).unwrap_or_else(|| Content::Text(text.to_owned()))),
            (_, 1, true) => Ok(Content::Xml(self.xml)),
            _ => Err(BlockFault::Mixed),
        }
    }
}

/// Decodes text that contains XML in hexadecimal digits, as some servers send it.
fn from_hex(text: &str) -> Option<Content> {
    // Most texts are XML, and their first character settles it.
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let digit = |byte: u8| (byte as char).to_digit(16).map_or(0, |digit| digit as u8);
    let pairs = text.as_bytes().chunks_exact(2);
    let bytes: Vec<u8> = pairs.map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    let decoded = String::from_utf8(bytes).ok()?;
    let decoded = decoded.trim_start_matches('\u{feff}').trim();
    decoded.starts_with('<').then(|| Content::Text(decoded.to_owned()))
}

/// Reads the content of a block to the end of its element.
///
/// Nested XML is kept as received, so that its digest and its prefixes stay. Only the namespaces
/// that the message declares around it are added to its root, and comments and declarations are
/// dropped.
pub(super) fn read_content<R: BufRead>(
    source: &mut Source<R>,
) -> Result<Result<Content, BlockFault>, MessageError> {
    let max = source.limits.max_block_bytes;
    let mut collected = Collected { max, ..Collected::default() };
    let budget = Budget::new(PART, max);
    let mut inside = 0_u32;
    loop {
        let offset = source.offset();
        let piece = match source.event(&budget)? {
            Event::Start(start) => Piece::Start(start.into_owned()),
            Event::End(end) => Piece::End(end.into_owned()),
            Event::Text(text) if inside > 0 => Piece::Text(text.to_string()),
            Event::Text(text) => Piece::Text(text.xml10_content().into_owned()),
            Event::CData(text) if inside > 0 => Piece::Text(format!("<![CDATA[{}]]>", &*text)),
            Event::CData(text) => Piece::Text(text.xml10_content().into_owned()),
            Event::GeneralRef(reference) => match (character(&reference), inside) {
                (None, _) => {
                    return Err(MessageError::Entity { name: cut(&reference), offset });
                }
                (Some(character), 0) => Piece::Text(character.to_string()),
                (Some(_), _) => Piece::Text(format!("&{};", &*reference)),
            },
            Event::Eof => return Err(source.malformed("the content has no end")),
            _ => continue,
        };
        match piece {
            Piece::Start(start) => {
                source.enter()?;
                collected.roots += u32::from(inside == 0);
                let tag = match inside {
                    0 => root_tag(&start, &source.names).map_err(|e| source.malformed(e))?,
                    _ => start.to_string(),
                };
                collected.push(&format!("<{tag}>"), true);
                inside += 1;
            }
            Piece::End(end) => {
                source.leave();
                let Some(left) = inside.checked_sub(1) else { break };
                collected.push(&format!("</{}>", end.name().into_inner()), true);
                inside = left;
            }
            Piece::Text(text) => collected.push(&text, inside > 0),
        }
    }
    // The start tag of the content added its namespaces.
    source.names.pop();
    Ok(collected.finish())
}

/// A piece of a content.
enum Piece {
    Start(BytesStart<'static>),
    End(BytesEnd<'static>),
    Text(String),
}

/// Returns the inside of the start tag of a content's root, with the namespaces around it that it
/// does not declare itself.
fn root_tag(start: &BytesStart<'_>, names: &NamespaceResolver) -> Result<String, AttrError> {
    let mut tag = start.to_string();
    let mut own = Vec::new();
    for attribute in start.attributes() {
        if let Some(declaration) = attribute?.key.as_namespace_binding() {
            own.push(declaration);
        }
    }
    for (prefix, namespace) in names.bindings().filter(|(prefix, _)| !own.contains(prefix)) {
        // The value is still escaped, except for the quotes that may have been around it.
        let namespace = namespace.into_inner().replace('"', "&quot;");
        match prefix {
            _ if namespace.is_empty() => {}
            PrefixDeclaration::Default => tag.push_str(&format!(" xmlns=\"{namespace}\"")),
            PrefixDeclaration::Named(name) => {
                tag.push_str(&format!(" xmlns:{name}=\"{namespace}\""));
            }
        }
    }
    Ok(tag)
}
