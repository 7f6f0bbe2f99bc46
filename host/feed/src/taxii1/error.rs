//! Errors of TAXII 1 messages.

use std::io;

/// The reason why a message was not read to its end. Blocks handed out before must not be taken as
/// the whole answer, and a cursor must not move.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Reading the input failed.
    #[error("cannot read the message from byte {offset} on")]
    Read {
        /// The number of bytes read before.
        offset: u64,
        /// The reader's own error.
        source: io::Error,
    },
    /// The XML is not well formed.
    #[error("damaged XML at byte {offset}: {what}; {blocks} content blocks were read before it")]
    Malformed {
        /// The position of the damage, in bytes from the input's start.
        offset: u64,
        /// The damage.
        what: String,
        /// The number of complete content blocks read before.
        blocks: u64,
    },
    /// The message ends too early.
    #[error(
        "truncated XML: expected the end of the message, got the end of the input at byte \
         {offset}; {blocks} content blocks were read before it"
    )]
    Truncated {
        /// The input's length in bytes.
        offset: u64,
        /// The number of complete content blocks read before.
        blocks: u64,
    },
    /// The message has a document type definition, which TAXII does not use and which can make a
    /// small message expand without end.
    #[error("expected a TAXII message, got XML with a document type definition")]
    Doctype,
    /// The message uses an entity that XML does not predefine.
    #[error("expected a TAXII message without entities, got the entity {name:?} at byte {offset}")]
    Entity {
        /// The entity's name.
        name: String,
        /// Its position, in bytes from the input's start.
        offset: u64,
    },
    /// The message has an encoding other than UTF-8.
    #[error("expected XML in UTF-8, got the encoding {got:?}")]
    Encoding {
        /// The encoding that the message declares.
        got: String,
    },
    /// The input is no TAXII 1 message.
    #[error("expected a TAXII 1.0 or 1.1 message, got {got}")]
    NotTaxii {
        /// Its kind or its first characters.
        got: String,
    },
    /// The message is valid but not an answer that a client can get.
    #[error("expected an answer, got a {got}")]
    NotAnAnswer {
        /// The name of the root element.
        got: String,
    },
    /// A part of the message is larger than the limits allow.
    #[error("expected {part} of at most {limit} bytes, got more at byte {offset}")]
    TooLarge {
        /// The part.
        part: &'static str,
        /// The limit in bytes.
        limit: usize,
        /// The position, in bytes from the input's start.
        offset: u64,
    },
    /// Elements are nested deeper than the limits allow.
    #[error("expected elements nested at most {limit} deep, got more at byte {offset}")]
    TooDeep {
        /// [`crate::taxii1::MessageLimits::max_depth`].
        limit: u32,
        /// The position, in bytes from the input's start.
        offset: u64,
    },
    /// The message has more blocks or namespaces than the limits allow.
    #[error("expected at most {limit} {parts}, got more at byte {offset}")]
    TooMany {
        /// The parts that are counted.
        parts: &'static str,
        /// The limit.
        limit: u64,
        /// The position, in bytes from the input's start.
        offset: u64,
    },
    /// A required part is absent.
    #[error("{element}: expected {part:?}, got nothing")]
    Missing {
        /// The element.
        element: String,
        /// The name of the attribute or child.
        part: &'static str,
    },
    /// A part has a value that the specification does not allow.
    #[error("{element}, {part:?}: expected {expected}, got {got:?}")]
    Invalid {
        /// The element.
        element: String,
        /// The name of the attribute or child.
        part: &'static str,
        /// The values that are allowed.
        expected: &'static str,
        /// The value.
        got: String,
    },
}

/// The reason why a request cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// TAXII 1.0 has no message of this type.
    #[error("TAXII 1.0 has no {what}; expected a server that speaks TAXII 1.1")]
    NotInVersion10 {
        /// The message or its option.
        what: &'static str,
    },
    /// XML cannot contain a character.
    #[error("expected text that XML can contain, got the character {got:?}")]
    Character {
        /// The character.
        got: char,
    },
    /// A time is outside the years that a timestamp label can have.
    #[error("expected a time in the years 1 to 9999, got {microseconds} microseconds since 1970")]
    Time {
        /// The time.
        microseconds: i64,
    },
    /// The content to send is not one well-formed XML document.
    #[error("expected content that is one XML document, got {what}")]
    Content {
        /// The damage.
        what: String,
    },
    /// A required value is missing.
    #[error("{message}: expected {part}, got nothing")]
    Missing {
        /// The message.
        message: &'static str,
        /// The value.
        part: &'static str,
    },
}
