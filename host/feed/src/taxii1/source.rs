//! Elements and texts of a message, with every limit applied.

use std::io::BufRead;

use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::{NamespaceError, NamespaceResolver, ResolveResult};
use quick_xml::{Reader, XmlVersion};

use super::MessageLimits;
use super::bounded::Bounded;
use super::error::MessageError;
use super::node::Node;
use super::version::Version;
use crate::text::cut;

/// Maximum number of namespaces in scope. Each element's prefix is looked up among them.
const MAX_NAMESPACES: usize = 128;

/// A login page or an error page, which servers send with status 200.
pub(super) const WEB_PAGE: &str = "a web page";

/// The memory that a part of a message may need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// The part, for errors.
    part: &'static str,
    limit: usize,
    left: usize,
}

impl Budget {
    /// Returns a budget of this many bytes.
    pub(super) fn new(part: &'static str, limit: usize) -> Budget {
        Budget { part, limit, left: limit }
    }

    /// Takes bytes for what was read at this position.
    fn spend(&mut self, cost: usize, offset: u64) -> Result<(), MessageError> {
        self.left = self.left.checked_sub(cost).ok_or_else(|| self.exceeded(offset))?;
        Ok(())
    }

    /// Gives bytes back for what is not kept.
    pub(super) fn give_back(&mut self, cost: usize) {
        self.left = self.left.saturating_add(cost).min(self.limit);
    }

    fn exceeded(&self, offset: u64) -> MessageError {
        MessageError::TooLarge { part: self.part, limit: self.limit, offset }
    }
}

/// A message that is being read.
pub(super) struct Source<R> {
    reader: Reader<Bounded<R>>,
    /// The current piece of markup or text. Kept, so that its memory is used again.
    buffer: Vec<u8>,
    /// The namespaces in scope outside of contents.
    pub(super) names: NamespaceResolver,
    depth: u32,
    pub(super) limits: MessageLimits,
    /// Number of complete blocks, for errors.
    pub(super) blocks: u64,
}

/// A start tag.
#[derive(Debug)]
pub(super) struct Tag {
    /// The version whose namespace the element has.
    pub(super) version: Option<Version>,
    /// The element without its children.
    pub(super) node: Node,
}

/// A piece of a message outside of contents.
#[derive(Debug)]
pub(super) enum Item {
    Start(Tag),
    End,
    Text(String),
    /// The end of the input.
    Eof,
}

impl<R: BufRead> Source<R> {
    pub(super) fn new(input: R, limits: MessageLimits) -> Self {
        let mut names = NamespaceResolver::default();
        names.set_max_namespace_bindings(MAX_NAMESPACES);
        let mut reader = Reader::from_reader(Bounded::new(input));
        reader.config_mut().expand_empty_elements = true;
        Source { reader, buffer: Vec::new(), names, depth: 0, limits, blocks: 0 }
    }

    /// Returns the number of bytes read.
    pub(super) fn offset(&self) -> u64 {
        self.reader.buffer_position()
    }

    /// Reads the next event, which may have as many bytes as are left. Events inside a content are
    /// read with this method, all others with [`Source::next`].
    pub(super) fn event(&mut self, budget: &Budget) -> Result<Event<'_>, MessageError> {
        let start = self.offset();
        self.buffer.clear();
        self.reader.get_mut().start_piece(budget.left);
        let event = self.reader.read_event_into(&mut self.buffer);
        let offset = self.reader.buffer_position();
        if self.reader.get_ref().is_over() {
            return Err(budget.exceeded(start));
        }
        let blocks = self.blocks;
        match event {
            Ok(Event::DocType(text)) => match text.trim_start().get(..4) {
                Some(name) if name.eq_ignore_ascii_case("html") => {
                    Err(MessageError::NotTaxii { got: WEB_PAGE.to_owned() })
                }
                _ => Err(MessageError::Doctype),
            },
            Ok(Event::Eof) if self.depth > 0 => Err(MessageError::Truncated { offset, blocks }),
            Ok(event) => Ok(event),
            Err(quick_xml::Error::Io(error)) => {
                let source = std::io::Error::new(error.kind(), error);
                Err(MessageError::Read { offset, source })
            }
            Err(error) => {
                use quick_xml::Error::{IllFormed, Syntax};
                let offset = match error {
                    Syntax(_) | IllFormed(_) => self.reader.error_position(),
                    _ => offset,
                };
                Err(MessageError::Malformed { offset, what: cut(&error.to_string()), blocks })
            }
        }
    }

    /// Notes that an element starts.
    pub(super) fn enter(&mut self) -> Result<(), MessageError> {
        self.depth += 1;
        let limit = self.limits.max_depth;
        match self.depth > limit {
            true => Err(MessageError::TooDeep { limit, offset: self.offset() }),
            false => Ok(()),
        }
    }

    /// Notes that an element ends.
    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Returns an error about the XML at the current position.
    pub(super) fn malformed(&self, what: impl std::fmt::Display) -> MessageError {
        let what = cut(&what.to_string());
        MessageError::Malformed { offset: self.offset(), what, blocks: self.blocks }
    }

    /// Reads the next piece outside of contents.
    pub(super) fn next(&mut self, budget: &mut Budget) -> Result<Item, MessageError> {
        loop {
            let offset = self.offset();
            let raised = match self.event(budget)? {
                Event::Start(start) => Raised::Start(start.into_owned()),
                Event::End(_) => {
                    self.leave();
                    self.names.pop();
                    return Ok(Item::End);
                }
                Event::Text(text) => Raised::Text(text.xml10_content().into_owned()),
                Event::CData(text) => Raised::Text(text.xml10_content().into_owned()),
                Event::GeneralRef(reference) => {
                    let Some(character) = character(&reference) else {
                        return Err(MessageError::Entity { name: cut(&reference), offset });
                    };
                    Raised::Text(character.to_string())
                }
                Event::Decl(declaration) => {
                    check_encoding(&declaration)?;
                    continue;
                }
                Event::Eof => return Ok(Item::Eof),
                _ => continue,
            };
            let (item, cost) = match raised {
                Raised::Start(start) => {
                    let tag = self.tag(&start)?;
                    let cost = tag.node.cost();
                    (Item::Start(tag), cost)
                }
                Raised::Text(text) => {
                    let cost = text.len();
                    (Item::Text(text), cost)
                }
            };
            budget.spend(cost, offset)?;
            return Ok(item);
        }
    }

    /// Opens an element.
    fn tag(&mut self, start: &BytesStart<'_>) -> Result<Tag, MessageError> {
        self.enter()?;
        self.names.push(start).map_err(|error| match error {
            NamespaceError::TooManyBindings(limit) => {
                let parts = "namespaces in scope";
                MessageError::TooMany { parts, limit: limit as u64, offset: self.offset() }
            }
            error => self.malformed(error),
        })?;
        let (namespace, name) = self.names.resolve_element(start.name());
        let version = match namespace {
            ResolveResult::Bound(namespace) => Version::of_namespace(namespace.into_inner()),
            _ => None,
        };
        let mut node = Node { name: name.into_inner().to_owned(), ..Node::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.malformed(error))?;
            let value = attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .map_err(|error| self.malformed(error))?;
            let key = attribute.key;
            if key.prefix().is_some() || key.as_namespace_binding().is_some() {
                continue;
            }
            let key = key.into_inner().to_owned();
            node.attributes.push((key, value.into_owned()));
        }
        Ok(Tag { version, node })
    }

    /// Reads an element to its end. Elements of other namespaces in it are skipped.
    pub(super) fn node(&mut self, tag: Tag, budget: &mut Budget) -> Result<Node, MessageError> {
        let version = tag.version;
        // The element itself is the first one, and its open descendants follow.
        let (mut node, mut open) = (tag.node, Vec::<Node>::new());
        loop {
            match self.next(budget)? {
                Item::Start(tag) if tag.version != version => self.skip()?,
                Item::Start(tag) => open.push(tag.node),
                Item::Text(text) => open.last_mut().unwrap_or(&mut node).text.push_str(&text),
                Item::End => match open.pop() {
                    Some(child) => open.last_mut().unwrap_or(&mut node).children.push(child),
                    None => return Ok(node),
                },
                Item::Eof => return Err(self.malformed("the element has no end")),
            }
        }
    }

    /// Skips the rest of an element. Nothing of it is kept.
    pub(super) fn skip(&mut self) -> Result<(), MessageError> {
        let budget = Budget::new("a text", self.limits.max_frame_bytes);
        let mut inside = 0_u32;
        loop {
            match self.event(&budget)? {
                Event::Start(_) => {
                    inside += 1;
                    self.enter()?;
                }
                Event::End(_) => {
                    self.leave();
                    match inside.checked_sub(1) {
                        Some(left) => inside = left,
                        None => break,
                    }
                }
                Event::Eof => return Err(self.malformed("the element has no end")),
                _ => {}
            }
        }
        // The start tag of the skipped element added its namespaces.
        self.names.pop();
        Ok(())
    }
}

/// An event of which the message's reader is free again.
enum Raised {
    Start(BytesStart<'static>),
    Text(String),
}

/// Returns the character that a reference stands for, if it is numeric or predefined.
pub(super) fn character(reference: &BytesRef<'_>) -> Option<char> {
    match &**reference {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => reference.resolve_char_ref().ok().flatten(),
    }
}

fn check_encoding(declaration: &BytesDecl<'_>) -> Result<(), MessageError> {
    let Some(Ok(encoding)) = declaration.encoding() else { return Ok(()) };
    let names = ["utf-8", "utf8", "us-ascii", "ascii"];
    let is_readable = names.iter().any(|name| name.eq_ignore_ascii_case(&encoding));
    match is_readable {
        true => Ok(()),
        false => Err(MessageError::Encoding { got: cut(&encoding) }),
    }
}
