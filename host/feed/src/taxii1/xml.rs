//! Writes XML: elements of one namespace, with everything from outside escaped.

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;
use threatsieve_blacklist::Timestamp;

use super::error::RequestError;
use super::source::character;
use super::version::Version;
use crate::text::cut;
use crate::time::to_rfc3339;

/// Deepest nesting of elements in a content that is sent.
const MAX_DEPTH: u32 = 256;

/// A message that is being written.
#[derive(Debug)]
pub(super) struct Xml {
    text: String,
    prefix: &'static str,
    /// The root element, which declares the namespace.
    root: &'static str,
    namespace: &'static str,
}

/// An attribute's name and value.
pub(super) type Attribute<'a> = (&'static str, &'a str);

impl Xml {
    /// Starts a message with its root element.
    pub(super) fn message(
        version: Version,
        root: &'static str,
        attributes: &[Attribute<'_>],
    ) -> Result<Xml, RequestError> {
        let (prefix, namespace) = (version.prefix(), version.namespace());
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>"#.to_owned();
        let mut xml = Xml { text, prefix, root, namespace };
        xml.open(root, attributes)?;
        Ok(xml)
    }

    pub(super) fn open(
        &mut self,
        name: &'static str,
        attributes: &[Attribute<'_>],
    ) -> Result<(), RequestError> {
        self.push(&["<", self.prefix, ":", name]);
        if name == self.root {
            self.push(&[" xmlns:", self.prefix, "=\"", self.namespace, "\""]);
        }
        for (key, value) in attributes {
            self.push(&[" ", key, "=\""]);
            self.escaped(value)?;
            self.push(&["\""]);
        }
        self.push(&[">"]);
        Ok(())
    }

    pub(super) fn close(&mut self, name: &'static str) {
        self.push(&["</", self.prefix, ":", name, ">"]);
    }

    /// Writes an element that contains text.
    pub(super) fn leaf(&mut self, name: &'static str, text: &str) -> Result<(), RequestError> {
        self.open(name, &[])?;
        self.escaped(text)?;
        self.close(name);
        Ok(())
    }

    /// Writes an element that contains a timestamp label, which has at most six fraction digits and
    /// always a zone.
    pub(super) fn label(&mut self, name: &'static str, at: Timestamp) -> Result<(), RequestError> {
        let text = to_rfc3339(at).ok_or(RequestError::Time { microseconds: at.0 })?;
        self.leaf(name, &text)
    }

    /// Writes text. Line breaks and tabs are escaped too, since a parser changes them otherwise.
    pub(super) fn escaped(&mut self, text: &str) -> Result<(), RequestError> {
        if let Some(got) = text.chars().find(|&one| !is_allowed(one)) {
            return Err(RequestError::Character { got });
        }
        for one in escape(text).chars() {
            match one {
                '\r' => self.text.push_str("&#13;"),
                '\n' => self.text.push_str("&#10;"),
                '\t' => self.text.push_str("&#9;"),
                one => self.text.push(one),
            }
        }
        Ok(())
    }

    /// Writes a document as nested XML, without its declaration. The prefix of the message's
    /// namespace is no default namespace, so the document's elements keep their own.
    pub(super) fn document(&mut self, document: &str) -> Result<(), RequestError> {
        check_document(document)?;
        let text = document.trim_start_matches('\u{feff}').trim();
        let text = match text.strip_prefix("<?xml") {
            Some(rest) => rest.split_once("?>").map_or(text, |(_, rest)| rest),
            None => text,
        };
        self.text.push_str(text);
        Ok(())
    }

    /// Ends the message.
    pub(super) fn finish(mut self) -> String {
        self.close(self.root);
        self.text
    }

    fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.push_str(part);
        }
    }
}

/// Returns whether XML can contain a character (XML 1.0, section 2.2).
fn is_allowed(one: char) -> bool {
    match one {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        one => one >= ' ',
    }
}

/// Returns an error if a text is not one well-formed document without a document type definition
/// and without entities.
fn check_document(document: &str) -> Result<(), RequestError> {
    let fault = |what: &str| Err(RequestError::Content { what: cut(what) });
    if let Some(got) = document.chars().find(|&one| !is_allowed(one)) {
        return Err(RequestError::Character { got });
    }
    let mut reader = Reader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    let (mut depth, mut roots) = (0_u32, 0_u32);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                if let Some(Err(error)) = start.attributes().find(Result::is_err) {
                    return fault(&error.to_string());
                }
                roots += u32::from(depth == 0);
                depth += 1;
                if depth > MAX_DEPTH {
                    return fault(&format!("elements nested more than {MAX_DEPTH} deep"));
                }
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Text(text)) if depth == 0 && !text.trim().is_empty() => {
                return fault("text outside of the root element");
            }
            Ok(Event::CData(_)) if depth == 0 => return fault("text outside of the root element"),
            Ok(Event::GeneralRef(reference)) if depth == 0 || character(&reference).is_none() => {
                return fault("an entity that XML does not predefine");
            }
            Ok(Event::DocType(_)) => return fault("a document type definition"),
            Ok(Event::Eof) if depth > 0 => return fault("a document that ends too early"),
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => return fault(&error.to_string()),
        }
    }
    match roots {
        1 => Ok(()),
        roots => fault(&format!("{roots} root elements")),
    }
}
