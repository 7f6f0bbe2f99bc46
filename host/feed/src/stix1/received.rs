//! Packages as they are received: their bytes, and the ids by which packages refer to each other.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, BufRead, Read};

use threatsieve_blacklist::Timestamp;

use super::xml::read_buffered;
use crate::Dropped;

/// The ids in a package. A delivery in parts needs them to find the earlier packages that it
/// completes or replaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageContent {
    /// The package's id; empty if it has none.
    pub id: String,
    /// The publisher's time of its last change: its own, or the newest of its indicators.
    pub modified: Option<Timestamp>,
    /// The indicators in it, and the observables that count as such.
    pub indicators: Vec<String>,
    /// The ids that it defines and that a reference may name.
    pub defines: Vec<String>,
    /// The ids that it refers to and does not define.
    pub refers: Vec<String>,
    /// The bytes are UTF-8, whatever encoding the XML declaration names.
    pub is_utf8: bool,
    /// The reason why the filter drops the whole package.
    pub dropped: Option<Dropped>,
}

/// A receiver of packages as they are read.
pub trait PackageSink {
    /// Receives the next bytes of the package that is being read.
    fn bytes(&mut self, bytes: &[u8]);

    /// Receives the end of a package. Bytes without an end belong to a damaged package.
    fn end(&mut self, content: PackageContent);
}

/// The bytes of the package that is being read, on their way to the sink.
pub(super) struct Tap<'s> {
    sink: Option<&'s mut dyn PackageSink>,
    hasher: DefaultHasher,
}

impl<'s> Tap<'s> {
    pub(super) fn new(sink: Option<&'s mut dyn PackageSink>) -> Tap<'s> {
        Tap { sink, hasher: DefaultHasher::new() }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.hasher.write(bytes);
        if let Some(sink) = &mut self.sink {
            sink.bytes(bytes);
        }
    }

    /// Returns a digest of the package's bytes, for comparison within one set.
    pub(super) fn digest(&mut self) -> u64 {
        std::mem::take(&mut self.hasher).finish()
    }

    pub(super) fn end(&mut self, content: PackageContent) {
        if let Some(sink) = &mut self.sink {
            sink.end(content);
        }
    }
}

/// An input whose consumed bytes pass through a [`Tap`].
pub(super) struct Tapped<'r, 's> {
    pub(super) input: &'r mut dyn BufRead,
    pub(super) tap: &'r RefCell<Tap<'s>>,
}

impl Read for Tapped<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}

impl BufRead for Tapped<'_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        // Nothing is read here: the buffer holds these bytes until they are consumed.
        if count > 0
            && let Ok(bytes) = self.input.fill_buf()
        {
            self.tap.borrow_mut().bytes(&bytes[..count.min(bytes.len())]);
        }
        self.input.consume(count);
    }
}
