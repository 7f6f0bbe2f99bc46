//! The content of a block: nested XML, or text that was escaped or in a CDATA section.

use std::io::BufRead;

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{NamespaceResolver, PrefixDeclaration};

use super::block::{BlockFault, Content};
use super::error::MessageError;
use super::source::{Source, character};
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
    let mut inside = 0_u32;
    loop {
        let offset = source.offset();
        let piece = match source.event(max, PART)? {
            Event::Start(start) => Piece::Start(start.into_owned()),
            Event::End(end) => Piece::End(utf8(end.name().as_ref())),
            Event::Text(text) if inside > 0 => Piece::Text(utf8(&text)),
            Event::Text(text) => Piece::Text(text.xml10_content().ok().map(Into::into)),
            Event::CData(text) if inside > 0 => {
                Piece::Text(utf8(&text).map(|text| format!("<![CDATA[{text}]]>")))
            }
            Event::CData(text) => Piece::Text(text.xml10_content().ok().map(Into::into)),
            Event::GeneralRef(reference) => {
                let name = String::from_utf8_lossy(&reference).into_owned();
                let Some(character) = character(&reference) else {
                    return Err(MessageError::Entity { name: cut(&name), offset });
                };
                Piece::Text(Some(match inside {
                    0 => character.to_string(),
                    _ => format!("&{name};"),
                }))
            }
            Event::Eof => return Err(source.malformed("the content has no end")),
            _ => continue,
        };
        match piece {
            Piece::Start(start) => {
                source.enter()?;
                collected.roots += u32::from(inside == 0);
                let tag = match inside {
                    0 => root_tag(&start, &source.names),
                    _ => utf8(&start),
                };
                let tag = tag.ok_or_else(|| source.malformed("a damaged start tag"))?;
                collected.push(&format!("<{tag}>"), true);
                inside += 1;
            }
            Piece::End(name) => {
                source.leave();
                let Some(left) = inside.checked_sub(1) else { break };
                let name = name.ok_or_else(|| source.malformed(NOT_UTF8))?;
                collected.push(&format!("</{name}>"), true);
                inside = left;
            }
            Piece::Text(text) => {
                let text = text.ok_or_else(|| source.malformed(NOT_UTF8))?;
                collected.push(&text, inside > 0);
            }
        }
    }
    // The start tag of the content added its namespaces.
    source.names.pop();
    Ok(collected.finish())
}

const NOT_UTF8: &str = "expected UTF-8, got other bytes";

/// A piece of a content. `None` is text that is not UTF-8.
enum Piece {
    Start(BytesStart<'static>),
    End(Option<String>),
    Text(Option<String>),
}

fn utf8(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

/// Returns the inside of the start tag of a content's root, with the namespaces around it that it
/// does not declare itself.
fn root_tag(start: &BytesStart<'_>, names: &NamespaceResolver) -> Option<String> {
    let mut tag = utf8(start)?;
    let mut own = Vec::new();
    for attribute in start.attributes() {
        if let Some(declaration) = attribute.ok()?.key.as_namespace_binding() {
            own.push(declaration);
        }
    }
    let around = names.bindings().filter(|(prefix, _)| !own.contains(prefix));
    for (prefix, namespace) in around.filter(|(_, namespace)| !namespace.as_ref().is_empty()) {
        // The value is still escaped, except for the quotes that may have been around it.
        let namespace = utf8(namespace.as_ref())?.replace('"', "&quot;");
        match prefix {
            PrefixDeclaration::Default => tag.push_str(&format!(" xmlns=\"{namespace}\"")),
            PrefixDeclaration::Named(name) => {
                let name = utf8(name)?;
                tag.push_str(&format!(" xmlns:{name}=\"{namespace}\""));
            }
        }
    }
    Some(tag)
}
