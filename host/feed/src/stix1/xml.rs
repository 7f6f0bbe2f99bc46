//! XML as events, without DTDs and entities, and with limits on a token and on the depth.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, NamespaceResolver, QName, ResolveResult};
use quick_xml::reader::NsReader;

use crate::FeedError;
use crate::text::cut;

/// The most levels of elements in a document.
const MAX_DEPTH: u32 = 1024;
/// The bytes that the buffer for one token keeps.
const KEPT_BYTES: usize = 1024 * 1024;

/// The specification to which a namespace belongs. Prefixes decide nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// STIX and its markings, by MITRE, OASIS or the DHS.
    Stix,
    /// CybOX, by MITRE or OASIS.
    Cybox,
    /// Anything else.
    Other,
}

impl Family {
    fn of(namespace: &ResolveResult<'_>) -> Family {
        const STIX: [&str; 4] = [
            "http://stix.mitre.org/",
            "http://data-marking.mitre.org/",
            "http://docs.oasis-open.org/cti/ns/stix/",
            "http://www.us-cert.gov/STIXMarkingStructure",
        ];
        const CYBOX: [&str; 2] =
            ["http://cybox.mitre.org/", "http://docs.oasis-open.org/cti/ns/cybox/"];
        let ResolveResult::Bound(Namespace(uri)) = namespace else { return Family::Other };
        let is_of = |starts: &[&str]| starts.iter().any(|start| uri.starts_with(start));
        match (is_of(&STIX), is_of(&CYBOX)) {
            (true, _) => Family::Stix,
            (_, true) => Family::Cybox,
            _ => Family::Other,
        }
    }
}

/// A token of a document.
pub(super) enum Token<'a> {
    /// The start of an element. An empty element has a start and an end too.
    Start(Start<'a>),
    /// A part of a text, with its entities resolved.
    Text(Cow<'a, str>),
    /// The end of an element.
    End,
    /// A comment, a declaration or a processing instruction.
    Other,
    /// The end of the input.
    Eof,
}

/// The start of an element.
pub(super) struct Start<'a> {
    pub(super) family: Family,
    tag: BytesStart<'a>,
    names: &'a NamespaceResolver,
    offset: u64,
    objects: u64,
}

impl Start<'_> {
    /// The name without its prefix.
    pub(super) fn name(&self) -> &str {
        self.tag.local_name().into_inner()
    }

    /// Calls `each` with the name and value of each attribute without a prefix.
    pub(super) fn attributes(&self, each: &mut dyn FnMut(&str, &str)) -> Result<(), FeedError> {
        for attribute in self.tag.attributes() {
            let attribute = attribute.map_err(|error| self.damaged(&error))?;
            if attribute.key.prefix().is_some() || attribute.key.0 == "xmlns" {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| self.damaged(&error))?;
            each(attribute.key.0, &value);
        }
        Ok(())
    }

    /// Returns the value of `xsi:type`: the family of its namespace and the local name.
    pub(super) fn xsi_type(&self) -> Result<Option<(Family, String)>, FeedError> {
        const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
        for attribute in self.tag.attributes() {
            let attribute = attribute.map_err(|error| self.damaged(&error))?;
            let (space, name) = self.names.resolve_attribute(attribute.key);
            if space != ResolveResult::Bound(Namespace(XSI)) || name.into_inner() != "type" {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| self.damaged(&error))?;
            let (space, name) = self.names.resolve_element(QName(value.trim()));
            let family = Family::of(&space);
            return Ok(Some((family, name.into_inner().to_owned())));
        }
        Ok(None)
    }

    fn damaged(&self, error: &dyn std::error::Error) -> FeedError {
        FeedError::Xml {
            offset: self.offset,
            expected: "well-formed attributes",
            got: cut(&error.to_string()),
            objects: self.objects,
        }
    }
}

/// Reads a document token by token.
pub(super) struct Xml<'r> {
    reader: NsReader<Limited<'r>>,
    buffer: Vec<u8>,
    max_token_bytes: usize,
    depth: u32,
    /// The number of objects read before, for messages. The caller counts them.
    pub(super) objects: u64,
}

impl<'r> Xml<'r> {
    pub(super) fn new(input: &'r mut dyn BufRead, max_token_bytes: usize) -> Xml<'r> {
        let mut reader = NsReader::from_reader(Limited { input, left: max_token_bytes });
        reader.config_mut().expand_empty_elements = true;
        Xml { reader, buffer: Vec::new(), max_token_bytes, depth: 0, objects: 0 }
    }

    /// The number of bytes read.
    pub(super) fn offset(&self) -> u64 {
        self.reader.buffer_position()
    }

    /// Returns the next token. The end of the input inside an element is an error.
    pub(super) fn next(&mut self) -> Result<Token<'_>, FeedError> {
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BYTES);
        self.reader.get_mut().left = self.max_token_bytes;
        let (offset, objects) = (self.reader.buffer_position(), self.objects);
        let damaged =
            |expected, got: &str| FeedError::Xml { offset, expected, got: cut(got), objects };
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(quick_xml::Error::Io(error)) if !is_too_long(&error) => {
                let source = io::Error::new(error.kind(), error);
                return Err(FeedError::Read { offset, source });
            }
            Err(quick_xml::Error::Io(_)) => {
                return Err(FeedError::LongToken { limit: self.max_token_bytes, offset, objects });
            }
            Err(error) => return Err(damaged("well-formed XML in UTF-8", &error.to_string())),
        };
        Ok(match event {
            Event::Start(tag) | Event::Empty(tag) => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(damaged("at most 1024 levels of elements", "one more"));
                }
                let names = self.reader.resolver();
                let family = Family::of(&names.resolve_element(tag.name()).0);
                Token::Start(Start { family, tag, names, offset, objects })
            }
            Event::End(_) => {
                self.depth -= 1;
                Token::End
            }
            Event::Text(text) => Token::Text(text.xml10_content()),
            Event::CData(text) => Token::Text(text.xml10_content()),
            Event::GeneralRef(entity) => match resolve(&entity) {
                Some(text) => Token::Text(text),
                None => {
                    return Err(damaged(
                        "one of the five entities of XML or a character",
                        &format!("&{};", &*entity),
                    ));
                }
            },
            Event::DocType(_) => {
                return Err(damaged("no document type definition (DTD)", "<!DOCTYPE"));
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => Token::Other,
            Event::Eof if self.depth > 0 => {
                return Err(damaged("the end of the element", "the end of the input"));
            }
            Event::Eof => Token::Eof,
        })
    }
}

fn resolve(entity: &BytesRef<'_>) -> Option<Cow<'static, str>> {
    match entity.resolve_char_ref().ok()? {
        Some(character) => Some(Cow::Owned(character.to_string())),
        None => resolve_predefined_entity(entity).map(Cow::Borrowed),
    }
}

/// Reads what a buffered input has ready. For inputs whose `Read` follows from their `BufRead`.
pub(super) fn read_buffered(input: &mut impl BufRead, out: &mut [u8]) -> io::Result<usize> {
    let bytes = input.fill_buf()?;
    let count = bytes.len().min(out.len());
    out[..count].copy_from_slice(&bytes[..count]);
    input.consume(count);
    Ok(count)
}

/// An input that ends with an error after a number of bytes.
struct Limited<'r> {
    input: &'r mut dyn BufRead,
    left: usize,
}

/// The error at the limit of [`Limited`].
#[derive(Debug, thiserror::Error)]
#[error("the token is too long")]
struct TooLong;

fn is_too_long(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<TooLong>())
}

impl Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}

impl BufRead for Limited<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::other(TooLong));
        }
        let bytes = self.input.fill_buf()?;
        Ok(&bytes[..bytes.len().min(self.left)])
    }

    fn consume(&mut self, count: usize) {
        self.left -= count;
        self.input.consume(count);
    }
}
