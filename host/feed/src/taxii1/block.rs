//! Reads a message, and hands out the content blocks of a poll response.

use std::io::BufRead;

use threatsieve_blacklist::Timestamp;

use super::MessageLimits;
use super::answer::Answer;
use super::bounded::without_mark;
use super::content::read_content;
use super::error::MessageError;
use super::node::Node;
use super::source::{Budget, Item, Source, Tag, WEB_PAGE};
use crate::text::cut;

/// Largest rest of a block, in bytes: everything except its content and padding.
const MAX_BLOCK_FRAME_BYTES: usize = 1024 * 1024;
const BLOCK_PART: &str = "a content block's frame";
const FRAME_PART: &str = "a message's frame";
/// Bindings of encrypted content.
const ENCRYPTED: [&str; 2] = ["http://www.w3.org/2001/04/xmlenc#", "application/x-pkcs7-mime"];

/// A content block of a poll response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its place in the message, from 1.
    pub number: u64,
    /// The id of the content binding, such as `urn:stix.mitre.org:xml:1.1.1`.
    pub binding: Option<String>,
    /// The subtype of the content binding.
    pub subtype: Option<String>,
    /// The content, or the reason why it cannot be used.
    pub content: Result<Content, BlockFault>,
    /// The time by which a data feed orders its blocks. `None` also if it is damaged.
    pub label: Option<Timestamp>,
    /// A text for people.
    pub message: Option<String>,
}

/// The content of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nested XML: one element, with the namespaces that the message declares around it.
    Xml(String),
    /// Text that was escaped, in a CDATA section or in hexadecimal digits. It is usually an XML
    /// document, too.
    Text(String),
}

impl Content {
    /// Returns the content's text, whatever its form.
    pub fn text(&self) -> &str {
        match self {
            Content::Xml(text) | Content::Text(text) => text,
        }
    }
}

/// The reason why the content of a block cannot be used. The other blocks are not affected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockFault {
    /// The content is larger than the limits allow.
    #[error("expected content of at most {limit} bytes, got more")]
    TooLarge {
        /// [`MessageLimits::max_block_bytes`].
        limit: usize,
    },
    /// The block has no content.
    #[error("expected content, got nothing")]
    Empty,
    /// The content is neither one element nor text alone.
    #[error("expected one XML element or text, got several elements or both")]
    Mixed,
    /// The content is encrypted.
    #[error("expected readable content, got encrypted content ({binding})")]
    Encrypted {
        /// The content binding.
        binding: String,
    },
}

/// Reads a message to its end. Each content block is handed out as soon as it is complete.
///
/// # Errors
///
/// Returns an error if the input is not one complete, well-formed TAXII 1 answer within the limits.
/// Blocks may have been handed out before; the caller must not move its cursor.
pub fn read_message(
    input: impl BufRead,
    limits: &MessageLimits,
    each: &mut dyn FnMut(Block),
) -> Result<Answer, MessageError> {
    let input = without_mark(input);
    let input = input.map_err(|source| MessageError::Read { offset: 0, source })?;
    let mut source = Source::new(input, limits.clone());
    let mut budget = Budget::new(FRAME_PART, limits.max_frame_bytes);
    let root = root(&mut source, &mut budget)?;
    let Some(version) = root.version else {
        return Err(MessageError::NotTaxii { got: kind_of(&root.node) });
    };
    let mut message = root.node;
    loop {
        match source.next(&mut budget)? {
            Item::Start(tag) if tag.version != Some(version) => {
                budget.give_back(tag.node.cost());
                source.skip()?;
            }
            Item::Start(tag) if tag.node.name == "Content_Block" => {
                // A block's frame has a budget of its own, so its tag is given back.
                budget.give_back(tag.node.cost());
                if source.blocks >= limits.max_blocks {
                    let (limit, offset) = (limits.max_blocks, source.offset());
                    let parts = "content blocks";
                    return Err(MessageError::TooMany { parts, limit, offset });
                }
                let block = block(&mut source, &tag)?;
                source.blocks += 1;
                each(block);
            }
            Item::Start(tag) => {
                let child = source.node(tag, &mut budget)?;
                message.children.push(child);
            }
            Item::Text(text) => budget.give_back(text.len()),
            Item::End => break,
            Item::Eof => return Err(source.malformed("the message has no end")),
        }
    }
    loop {
        match source.next(&mut budget)? {
            Item::Text(text) if text.trim().is_empty() => {}
            Item::Eof => break,
            _ => return Err(source.malformed("expected the end of the input after the message")),
        }
    }
    Answer::of(version, &message, source.blocks)
}

/// Finds the start of the message.
fn root<R: BufRead>(source: &mut Source<R>, budget: &mut Budget) -> Result<Tag, MessageError> {
    let not_taxii = |got: String| Err(MessageError::NotTaxii { got });
    loop {
        match source.next(budget) {
            Ok(Item::Start(tag)) => return Ok(tag),
            Ok(Item::Text(text)) if text.trim().is_empty() => {}
            Ok(Item::Text(text)) => return not_taxii(format!("{:?}", cut(text.trim()))),
            Ok(_) => return not_taxii("nothing".to_owned()),
            Err(error) => return Err(error),
        }
    }
}

/// Describes a root element that is none of TAXII.
fn kind_of(root: &Node) -> String {
    match root.name.eq_ignore_ascii_case("html") {
        true => WEB_PAGE.to_owned(),
        false => format!("XML with the root element {:?}", cut(&root.name)),
    }
}

/// Reads a block after its start tag.
fn block<R: BufRead>(source: &mut Source<R>, tag: &Tag) -> Result<Block, MessageError> {
    let mut budget = Budget::new(BLOCK_PART, MAX_BLOCK_FRAME_BYTES);
    let mut frame = Node { name: tag.node.name.clone(), ..Node::default() };
    let mut content = Err(BlockFault::Empty);
    loop {
        match source.next(&mut budget)? {
            Item::Start(child) if child.version != tag.version => source.skip()?,
            Item::Start(child) if child.node.name == "Content" => content = read_content(source)?,
            // Padding hides the size of the content, so it may be long.
            Item::Start(child) if child.node.name == "Padding" => source.skip()?,
            Item::Start(child) => {
                let child = source.node(child, &mut budget)?;
                frame.children.push(child);
            }
            Item::Text(_) => {}
            Item::End => break,
            Item::Eof => return Err(source.malformed("the content block has no end")),
        }
    }
    // TAXII 1.1 has the binding's id in an attribute, 1.0 in the text.
    let named = frame.child("Content_Binding");
    let binding = named.and_then(|named| named.attribute("binding_id"));
    let binding = binding.or(frame.text_of("Content_Binding")).map(str::to_owned);
    let subtype = named.and_then(|named| named.child("Subtype")?.attribute("subtype_id"));
    if let Some(binding) = binding.as_ref().filter(|id| ENCRYPTED.contains(&id.as_str())) {
        content = Err(BlockFault::Encrypted { binding: binding.clone() });
    }
    Ok(Block {
        number: source.blocks + 1,
        subtype: subtype.map(str::to_owned),
        content,
        // The label is only information, so a damaged one does not end the reading.
        label: frame.label("Timestamp_Label").ok().flatten(),
        message: frame.text_of("Message").map(str::to_owned),
        binding,
    })
}
