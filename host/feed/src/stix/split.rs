//! Finds the STIX objects in JSON of any length: the elements of a bundle's or envelope's
//! `objects`, the elements of an array, or the document itself.
//!
//! It only follows brackets and the ends of strings, at the speed of `memchr`. The caller parses
//! the objects that it needs.

use std::io::{BufRead, ErrorKind};

use super::sink::Sink;
use crate::FeedError;
use crate::text::cut;

/// An element found in the place of an object.
pub(crate) enum Element<'a> {
    /// An object within the limits, and its offset.
    Object { offset: u64, bytes: &'a [u8], is_document: bool, misplaced: Option<Misplaced> },
    /// An object beyond the limits, and its first bytes.
    Beyond { offset: u64, bytes: &'a [u8], limit: Limit },
    /// A number, string or array.
    Other { offset: u64, bytes: &'a [u8] },
    /// The properties around the objects: a bundle or envelope without its `objects`.
    Envelope { bytes: &'a [u8] },
}

impl Element<'_> {
    /// Returns the bytes of an object, also of one that is not usable; `None` for what is around
    /// the objects.
    pub(super) fn object(&self) -> Option<&[u8]> {
        match *self {
            Element::Object { bytes, .. }
            | Element::Beyond { bytes, .. }
            | Element::Other { bytes, .. } => Some(bytes),
            Element::Envelope { .. } => None,
        }
    }
}

/// A property `objects` that is not an array. Observed data of STIX 2.0 may have one, so the
/// caller, who knows the object's type, decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misplaced {
    pub(super) offset: u64,
    /// The type of its value.
    pub(super) got: &'static str,
}

/// The limit that an object exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Bytes,
    Depth,
}

/// The longest number that is collected, in bytes.
const MAX_SCALAR_BYTES: usize = 1024;

type OnElement<'e> = &'e mut dyn FnMut(Element<'_>) -> Result<(), FeedError>;

/// Reads JSON documents, one after the other.
pub(crate) struct Splitter<'r> {
    input: &'r mut dyn BufRead,
    offset: u64,
    max_bytes: usize,
    max_depth: u32,
    /// Objects are also in an array `items`.
    accepts_items: bool,
    /// Used again for every object.
    sink: Sink,
    /// The number of elements found.
    pub(super) objects: u64,
}

impl<'r> Splitter<'r> {
    pub(crate) fn new(input: &'r mut dyn BufRead, max_bytes: usize, max_depth: u32) -> Self {
        Splitter {
            input,
            offset: 0,
            max_bytes,
            max_depth,
            accepts_items: false,
            sink: Sink::new(max_bytes, max_depth),
            objects: 0,
        }
    }

    /// Looks for objects in an array `items` too.
    pub(crate) fn with_items(mut self, accepts_items: bool) -> Self {
        self.accepts_items = accepts_items;
        self
    }

    /// Reads to the input's end. Several documents may follow each other, as in joined files or
    /// with one object per line.
    pub(crate) fn run(&mut self, each: OnElement<'_>) -> Result<(), FeedError> {
        // Byte by byte, since a buffer may end within the byte order mark.
        for byte in *b"\xef\xbb\xbf" {
            if self.peek()? != Some(byte) {
                break;
            }
            self.consume(1);
        }
        self.space()?;
        loop {
            match self.peek()? {
                Some(b'{') => self.document(true, each)?,
                Some(b'[') => self.array(true, each)?,
                _ => return Err(self.unexpected("a JSON object or array")),
            }
            self.space()?;
            if self.peek()?.is_none() {
                return Ok(());
            }
        }
    }

    /// Reads an object. With an array `objects` it is a bundle or envelope, otherwise it is an
    /// element itself.
    fn document(&mut self, is_document: bool, each: OnElement<'_>) -> Result<(), FeedError> {
        let start = self.offset;
        let mut own = Sink::new(self.max_bytes, self.max_depth);
        let (mut has_objects, mut misplaced) = (false, None);
        self.take(b'{', "`{`", &mut own)?;
        self.space_into(&mut own)?;
        if self.peek()? != Some(b'}') {
            loop {
                let key = self.key(&mut own)?;
                self.take(b':', "`:` after a property's name", &mut own)?;
                self.space_into(&mut own)?;
                if key && self.peek()? == Some(b'[') {
                    has_objects = true;
                    own.push(b"[]");
                    self.array(false, each)?;
                } else if key {
                    misplaced = self.misplaced(&mut own)?;
                } else {
                    self.value(&mut own)?;
                }
                self.space_into(&mut own)?;
                if self.peek()? == Some(b'}') {
                    break;
                }
                self.take(b',', "`,` or `}` after a property", &mut own)?;
                self.space_into(&mut own)?;
            }
        }
        self.take(b'}', "`}`", &mut own)?;
        if has_objects {
            return each(Element::Envelope { bytes: own.bytes() });
        }
        self.objects += 1;
        each(own.element(start, is_document, misplaced))
    }

    /// Reads the value of `objects` that is not an array. A dictionary of any length is skipped, so
    /// that the type next to it can still be read.
    fn misplaced(&mut self, own: &mut Sink) -> Result<Option<Misplaced>, FeedError> {
        let offset = self.offset;
        let got = match self.peek()? {
            Some(b'{') => {
                self.value(&mut Sink::new(0, self.max_depth))?;
                own.push(b"{}");
                return Ok(Some(Misplaced { offset, got: "an object" }));
            }
            Some(b'"') => "a string",
            Some(b't' | b'f') => "a boolean",
            // `null` counts as absent, as everywhere.
            Some(b'n') => return self.value(own).map(|()| None),
            _ => "a number",
        };
        self.value(own)?;
        Ok(Some(Misplaced { offset, got }))
    }

    /// Reads a property's name, and returns whether it is the one of the objects.
    fn key(&mut self, sink: &mut Sink) -> Result<bool, FeedError> {
        if self.peek()? != Some(b'"') {
            return Err(self.unexpected("a property's name in quotes"));
        }
        let start = sink.bytes().len();
        self.value(sink)?;
        let name = sink.bytes().get(start..).unwrap_or_default();
        // Any character may be escaped, although hardly any publisher does that here.
        let is_objects = name == b"\"objects\""
            || self.accepts_items && name == b"\"items\""
            || name.contains(&b'\\')
                && serde_json::from_slice::<String>(name).is_ok_and(|name| name == "objects");
        self.space_into(sink)?;
        Ok(is_objects)
    }

    /// Reads the elements of an array. In the document's own array an element may be a bundle.
    fn array(&mut self, is_document: bool, each: OnElement<'_>) -> Result<(), FeedError> {
        self.consume(1);
        self.space()?;
        if self.peek()? == Some(b']') {
            self.consume(1);
            return Ok(());
        }
        loop {
            match self.peek()? {
                Some(b'{') if is_document => self.document(false, each)?,
                _ => self.element(each)?,
            }
            self.space()?;
            match self.peek()? {
                Some(b',') => self.consume(1),
                Some(b']') => {
                    self.consume(1);
                    return Ok(());
                }
                _ => return Err(self.unexpected("`,` or `]` after an object")),
            }
            self.space()?;
        }
    }

    fn element(&mut self, each: OnElement<'_>) -> Result<(), FeedError> {
        let start = self.offset;
        let is_object = self.peek()? == Some(b'{');
        // Taken out of `self`, because it is filled while the input is borrowed from `self`.
        let mut sink = std::mem::take(&mut self.sink);
        sink.clear();
        let read = self.value(&mut sink);
        let done = read.and_then(|()| {
            self.objects += 1;
            each(if is_object {
                sink.element(start, false, None)
            } else {
                Element::Other { offset: start, bytes: sink.bytes() }
            })
        });
        self.sink = sink;
        done
    }

    /// Copies one value of any type.
    fn value(&mut self, sink: &mut Sink) -> Result<(), FeedError> {
        match self.peek()? {
            Some(b'{' | b'[' | b'"') => self.framed(sink),
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => self.scalar(sink),
            _ => Err(self.unexpected("a JSON value")),
        }
    }

    fn framed(&mut self, sink: &mut Sink) -> Result<(), FeedError> {
        let start = self.offset;
        sink.open();
        loop {
            let offset = self.offset;
            let bytes = fill(self.input, offset)?;
            if bytes.is_empty() {
                return Err(FeedError::Json {
                    offset,
                    expected: "the rest of a value",
                    got: format!("the end of the input (the value starts at byte {start})"),
                    objects: self.objects,
                });
            }
            match sink.scan(bytes) {
                Ok((used, is_whole)) => {
                    self.consume(used);
                    if is_whole {
                        return Ok(());
                    }
                }
                Err((used, expected)) => {
                    self.consume(used);
                    return Err(self.unexpected(expected));
                }
            }
        }
    }

    /// Copies a number, `true`, `false` or `null`.
    fn scalar(&mut self, sink: &mut Sink) -> Result<(), FeedError> {
        let start = self.offset;
        let mut text = Vec::new();
        while let Some(byte) =
            self.peek()?.filter(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
        {
            if text.len() < MAX_SCALAR_BYTES {
                text.push(byte);
            }
            sink.push(&[byte]);
            self.consume(1);
        }
        if serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok() {
            return Ok(());
        }
        Err(FeedError::Json {
            offset: start,
            expected: "a number, `true`, `false` or `null`",
            got: cut(&String::from_utf8_lossy(&text)),
            objects: self.objects,
        })
    }

    fn take(
        &mut self,
        wanted: u8,
        expected: &'static str,
        sink: &mut Sink,
    ) -> Result<(), FeedError> {
        if self.peek()? != Some(wanted) {
            return Err(self.unexpected(expected));
        }
        sink.push(&[wanted]);
        self.consume(1);
        Ok(())
    }

    fn space(&mut self) -> Result<(), FeedError> {
        while matches!(self.peek()?, Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.consume(1);
        }
        Ok(())
    }

    fn space_into(&mut self, sink: &mut Sink) -> Result<(), FeedError> {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek()? {
            sink.push(&[byte]);
            self.consume(1);
        }
        Ok(())
    }

    fn peek(&mut self) -> Result<Option<u8>, FeedError> {
        Ok(self.buffer()?.first().copied())
    }

    fn buffer(&mut self) -> Result<&[u8], FeedError> {
        fill(self.input, self.offset)
    }

    fn consume(&mut self, bytes: usize) {
        self.input.consume(bytes);
        self.offset += bytes as u64;
    }

    /// The error for unexpected text at this position.
    fn unexpected(&mut self, expected: &'static str) -> FeedError {
        let (offset, objects) = (self.offset, self.objects);
        match self.peek() {
            Ok(Some(byte)) => FeedError::Json {
                offset,
                expected,
                got: format!("`{}`", byte.escape_ascii()),
                objects,
            },
            Ok(None) => FeedError::Json {
                offset,
                expected,
                got: "the end of the input".to_owned(),
                objects,
            },
            Err(error) => error,
        }
    }
}

fn fill(input: &mut dyn BufRead, offset: u64) -> Result<&[u8], FeedError> {
    // Called twice, because a borrow from inside the loop cannot be returned. The second call costs
    // nothing.
    loop {
        match input.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(source) => return Err(FeedError::Read { offset, source }),
        }
    }
    input.fill_buf().map_err(|source| FeedError::Read { offset, source })
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
