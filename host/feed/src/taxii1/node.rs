//! The small parts of a message, as trees: everything except the contents of blocks.

use threatsieve_blacklist::Timestamp;

use super::error::MessageError;
use crate::text::cut;
use crate::time::rfc3339;

/// Memory that an element or attribute needs in addition to its name and text, in bytes.
const OVERHEAD: usize = 64;

/// An element of the TAXII namespace. Elements of other namespaces are not kept.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The local name.
    pub(super) name: String,
    /// Attributes without a prefix.
    pub(super) attributes: Vec<(String, String)>,
    /// The element's own text.
    pub(super) text: String,
    pub(super) children: Vec<Node>,
}

impl Node {
    /// Returns the memory that the element and its attributes need, in bytes.
    pub(super) fn cost(&self) -> usize {
        let attributes = self.attributes.iter();
        let attributes = attributes.map(|(key, value)| OVERHEAD + key.len() + value.len());
        OVERHEAD + self.name.len() + attributes.sum::<usize>()
    }

    /// Returns the value of an attribute. Empty counts as absent.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        let value = attributes.find(|(key, _)| key == name)?.1.trim();
        (!value.is_empty()).then_some(value)
    }

    pub(super) fn required(&self, name: &'static str) -> Result<String, MessageError> {
        self.attribute(name).map(str::to_owned).ok_or_else(|| self.missing(name))
    }

    pub(super) fn children(&self, name: &'static str) -> impl Iterator<Item = &Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(super) fn child(&self, name: &'static str) -> Option<&Node> {
        self.children(name).next()
    }

    /// Returns the text of a child. Blank counts as absent.
    pub(super) fn text_of(&self, name: &'static str) -> Option<&str> {
        let text = self.child(name)?.text.trim();
        (!text.is_empty()).then_some(text)
    }

    pub(super) fn required_text(&self, name: &'static str) -> Result<String, MessageError> {
        self.text_of(name).map(str::to_owned).ok_or_else(|| self.missing(name))
    }

    /// Returns a truth value (xs:boolean), and the default if it is absent.
    pub(super) fn flag(&self, name: &'static str, default: bool) -> Result<bool, MessageError> {
        match self.attribute(name) {
            None => Ok(default),
            Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(got) => Err(self.invalid(name, "true or false", got)),
        }
    }

    /// Returns the number that an attribute contains.
    pub(super) fn number(&self, name: &'static str) -> Result<Option<u64>, MessageError> {
        self.attribute(name).map(|got| self.parse(name, got)).transpose()
    }

    /// Returns the number that a child contains.
    pub(super) fn count(&self, name: &'static str) -> Result<Option<u64>, MessageError> {
        self.text_of(name).map(|got| self.parse(name, got)).transpose()
    }

    fn parse(&self, name: &'static str, got: &str) -> Result<u64, MessageError> {
        got.parse().map_err(|_| self.invalid(name, "a number", got))
    }

    /// Returns the timestamp label that a child contains.
    pub(super) fn label(&self, name: &'static str) -> Result<Option<Timestamp>, MessageError> {
        let Some(got) = self.text_of(name) else { return Ok(None) };
        let label = rfc3339(got);
        let expected = "a time with a zone (2026-01-31T23:59:59Z)";
        label.map(Some).ok_or_else(|| self.invalid(name, expected, got))
    }

    pub(super) fn missing(&self, part: &'static str) -> MessageError {
        MessageError::Missing { element: self.name.clone(), part }
    }

    pub(super) fn invalid(
        &self,
        part: &'static str,
        expected: &'static str,
        got: &str,
    ) -> MessageError {
        MessageError::Invalid { element: self.name.clone(), part, expected, got: cut(got) }
    }
}
