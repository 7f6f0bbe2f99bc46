//! Received content blocks, in an unnamed temporary file, until they are stored in the state.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use threatsieve_feed::taxii1::Block;

use crate::feeds::archive::Archive;

/// Size of the write buffer.
const BUFFER_BYTES: usize = 128 * 1024;
/// Bytes of content that count as one object towards `max_poll_objects`. An indicator of STIX 1.x
/// takes at least about as many.
const BYTES_AN_OBJECT: u64 = 1024;

/// The content blocks of one or more messages.
pub(in crate::feeds) struct Blocks {
    file: BufWriter<File>,
    bytes: u64,
    all: Vec<Entry>,
    /// The first fault of writing.
    failed: Option<io::Error>,
}

/// A block in the file.
struct Entry {
    name: String,
    start: u64,
    /// Length of the content, or the reason why there is none.
    content: Result<usize, String>,
}

/// A place between two blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    blocks: usize,
    bytes: u64,
}

/// The content of a block, or the reason why it has none.
pub(in crate::feeds) type Content = Result<Vec<u8>, String>;

impl Blocks {
    pub(super) fn new() -> io::Result<Blocks> {
        let file = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile()?);
        Ok(Blocks { file, bytes: 0, all: Vec::new(), failed: None })
    }

    /// Adds a block of a result's part.
    pub(super) fn add(&mut self, part: u32, block: Block) {
        if self.failed.is_some() {
            return;
        }
        let name = match part {
            1 => format!("block {}", block.number),
            part => format!("part {part}, block {}", block.number),
        };
        let content = match &block.content {
            Ok(content) => match self.file.write_all(content.text().as_bytes()) {
                Ok(()) => Ok(content.text().len()),
                Err(error) => return self.failed = Some(error),
            },
            Err(fault) => Err(fault.to_string()),
        };
        let start = self.bytes;
        self.bytes += *content.as_ref().unwrap_or(&0) as u64;
        self.all.push(Entry { name, start, content });
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { blocks: self.all.len(), bytes: self.bytes }
    }

    /// Forgets the blocks after a mark, whose message was not complete.
    pub(super) fn forget_after(&mut self, mark: Mark) -> io::Result<()> {
        self.check()?;
        self.file.seek(SeekFrom::Start(mark.bytes))?;
        self.all.truncate(mark.blocks);
        self.bytes = mark.bytes;
        Ok(())
    }

    /// Returns an error if a block could not be written.
    pub(super) fn check(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Returns the digest of all blocks.
    pub(super) fn digest(&mut self) -> io::Result<blake3::Hash> {
        self.digest_after(Mark { blocks: 0, bytes: 0 })
    }

    /// Returns the digest of the blocks after a mark.
    pub(super) fn digest_after(&mut self, mark: Mark) -> io::Result<blake3::Hash> {
        self.file.flush()?;
        let mut digest = blake3::Hasher::new();
        for number in mark.blocks..self.all.len() {
            let content = self.content(number)?;
            let text = content.as_deref().unwrap_or_default();
            digest.update(&(text.len() as u64).to_le_bytes()).update(text);
        }
        Ok(digest.finalize())
    }

    /// Saves the content of every block.
    pub(super) fn save(&mut self, archive: &mut Archive) -> anyhow::Result<()> {
        self.file.flush()?;
        for number in 0..self.all.len() {
            if let Ok(bytes) = self.content(number)? {
                archive.save(&mut io::Cursor::new(bytes))?;
            }
        }
        Ok(())
    }

    pub(in crate::feeds) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(in crate::feeds) fn count(&self) -> u64 {
        self.all.len() as u64
    }

    /// Returns the number of objects that the blocks count as.
    pub(super) fn objects(&self) -> u64 {
        self.count().max(self.bytes / BYTES_AN_OBJECT)
    }

    /// Calls `each` with every block's name and content, in the order in which they came.
    pub(in crate::feeds) fn read(
        mut self,
        mut each: impl FnMut(&str, Content) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.file.flush()?;
        for number in 0..self.all.len() {
            let content = self.content(number)?;
            each(&self.all[number].name, content)?;
        }
        Ok(())
    }

    fn content(&self, number: usize) -> io::Result<Content> {
        let Entry { start, content, .. } = &self.all[number];
        let length = match content {
            Ok(length) => *length,
            Err(reason) => return Ok(Err(reason.clone())),
        };
        let mut bytes = vec![0; length];
        self.file.get_ref().read_exact_at(&mut bytes, *start)?;
        Ok(Ok(bytes))
    }
}
