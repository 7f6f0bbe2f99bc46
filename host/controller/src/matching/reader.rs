//! Logs to pieces: opened, their format told, cut, and queued.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::anyhow;
use threatsieve_log::{Fields, Format, Parser};

use super::headers::after_headers;
use super::piece::{Piece, Source};
use crate::output::{Done, complain, grouped};
use crate::sources::{self, BUFFER_BYTES, Chunks, Decoder, Queue, Unreadable, Waiting, Walk};

/// Memory of pieces that are done with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recycled(Arc<Mutex<Vec<Vec<u8>>>>);

impl Recycled {
    pub(crate) fn give(&self, buffer: Vec<u8>) {
        if !buffer.is_empty() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
    }

    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }
}

/// What came of reading.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Read {
    /// Logs opened.
    pub(crate) files: u64,
    /// Entries of folders that were not read.
    pub(crate) skipped: u64,
    /// An argument names nothing.
    pub(crate) missing: bool,
    /// Something could not be read, or not to its end.
    pub(crate) damaged: bool,
}

/// Reads logs one after the other.
pub(crate) struct Reader {
    /// `None` to tell each log's by its first lines.
    format: Option<Format>,
    fields: Fields,
    done: Arc<Done>,
    stop: Arc<AtomicBool>,
    recycled: Recycled,
    read: Read,
}

impl Reader {
    pub(crate) fn new(
        format: Option<Format>,
        fields: &[String],
        done: Arc<Done>,
        stop: Arc<AtomicBool>,
    ) -> Reader {
        let fields = if fields.is_empty() { Fields::default() } else { Fields::named(fields) };
        Reader { format, fields, done, stop, recycled: Recycled::default(), read: Read::default() }
    }

    /// Where the pieces' memory is to be given back.
    pub(crate) fn recycled(&self) -> Recycled {
        self.recycled.clone()
    }

    /// Reads all that the arguments name. What cannot be read is told and passed over.
    pub(crate) fn read_all(&mut self, arguments: &[PathBuf], queue: &mut Queue<'_, Piece>) -> Read {
        let mut walk = Walk::new(arguments);
        for input in walk.by_ref() {
            let (name, opened) = match input {
                Ok(input) => {
                    let waiting = Waiting::Announced(Arc::clone(&self.stop));
                    (input.name(), sources::open(&input, waiting))
                }
                Err(unreadable) => {
                    match unreadable {
                        Unreadable::Missing { .. } => self.read.missing = true,
                        Unreadable::Closed { .. } => self.read.damaged = true,
                    }
                    complain(&anyhow!(unreadable));
                    continue;
                }
            };
            match opened {
                Err(damage) => self.failed(anyhow!(damage).context(name)),
                Ok(decoder) => {
                    if self.read_log(&name, decoder, queue).is_break() {
                        break;
                    }
                }
            }
        }
        Read { skipped: walk.skipped, ..self.read }
    }

    fn failed(&mut self, error: anyhow::Error) {
        self.read.damaged = true;
        complain(&error);
    }

    fn read_log(&mut self, name: &str, decoder: Decoder, queue: &mut Queue<'_, Piece>) -> ControlFlow<()> {
        let source = Arc::new(Source { name: name.into(), number: self.read.files });
        self.read.files += 1;
        self.done.set_what(name);
        let mut chunks = Chunks::new(decoder);
        let (mut parser, mut lines, mut taken) = (None, 0, 0);
        let no_header: Arc<[u8]> = Arc::from([]);
        loop {
            let chunk = match chunks.next(self.recycled.take()) {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return ControlFlow::Continue(()),
                Err(error) => {
                    let damage = chunks.input().damage(error);
                    let before = format!(
                        "{name}: the {} lines before this were matched, nothing after it",
                        grouped(lines)
                    );
                    self.failed(anyhow!(damage).context(before));
                    return ControlFlow::Continue(());
                }
            };
            lines += chunk.lines;
            let now = chunks.input().taken();
            self.done.bytes.fetch_add(now - taken, Ordering::Relaxed);
            taken = now;
            let current = parser.get_or_insert_with(|| self.parser(chunk.bytes()));
            let next = after_headers(current, &chunk, &mut |_| {});
            let cost = chunk.buffer_bytes().div_ceil(BUFFER_BYTES);
            let piece = Piece {
                source: Arc::clone(&source),
                parser: current.clone(),
                chunk,
                header: Arc::clone(&no_header),
            };
            if let Some(next) = next {
                *current = next;
            }
            queue.push(piece, cost)?;
        }
    }

    fn parser(&self, sample: &[u8]) -> Parser {
        Parser::new(self.format.unwrap_or_else(|| Format::detect(sample)), &self.fields)
    }
}
