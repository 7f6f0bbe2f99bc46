//! Cuts logs into pieces at line ends, detects their format, and reads their header lines in order.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use threatsieve_blacklist::Timestamp;
use threatsieve_log::{Fields, Format, Parser};

use super::headers::{HeaderLines, after_headers};
use super::piece::{Piece, Source};
use crate::output::Done;
use crate::sources::{BUFFER_BYTES, Chunks, Damage, Decoder, Queue};

/// Memory of finished pieces, for reuse.
#[derive(Debug, Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    pub(super) fn give(&self, buffer: Vec<u8>) {
        if !buffer.is_empty() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
    }

    fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }
}

/// An opened log, at the position where matching starts.
pub(crate) struct Log<'a> {
    pub(crate) name: &'a str,
    pub(crate) chunks: Chunks<io::Take<Decoder>>,
    /// The format, or `None` to detect it, and to detect it again when lines contradict it.
    pub(crate) format: Option<Format>,
    /// The format of earlier lines.
    pub(crate) detected: Option<Format>,
    pub(crate) fields: &'a Fields,
    /// The log's own header lines in force at the start (Zeek).
    pub(crate) header: &'a [u8],
    /// A last line without a line end is matched too.
    pub(crate) takes_partial: bool,
}

impl Log<'_> {
    /// The format of a piece. `before` is the parser of the piece before it.
    fn format_of(&self, before: Option<&Parser>, piece: &[u8]) -> Format {
        let detect = || match before.map(Parser::format).or(self.detected) {
            Some(known) => known.detect_again(piece),
            None => Format::detect(piece),
        };
        self.format.unwrap_or_else(detect)
    }
}

/// The result of cutting a log.
#[derive(Debug)]
pub(crate) enum Cut {
    /// The log was cut to its end.
    Whole,
    /// The log cannot be read further, for this reason. Everything before is matched.
    Damaged {
        damage: Damage,
        /// Number of lines before the damage.
        lines: u64,
    },
    /// All work is to stop.
    Stopped,
}

/// Receives logs, one after the other.
pub(crate) struct Intake<'a, 'q> {
    queue: &'a mut Queue<'q, Piece>,
    done: &'a Done,
    buffers: &'a Buffers,
    /// Times without a year are of the twelve months before this time.
    now: Timestamp,
    /// Number of logs so far.
    logs: u64,
    /// Number of pieces of the last log.
    pieces: u64,
}

impl<'a, 'q> Intake<'a, 'q> {
    pub(super) fn new(
        queue: &'a mut Queue<'q, Piece>,
        done: &'a Done,
        buffers: &'a Buffers,
        now: Timestamp,
    ) -> Intake<'a, 'q> {
        Intake { queue, done, buffers, now, logs: 0, pieces: 0 }
    }

    /// Number of pieces that the last log was cut into.
    pub(crate) fn pieces(&self) -> u64 {
        self.pieces
    }

    /// Queues lines that are in memory. Their numbers start at 1.
    pub(crate) fn lines(&mut self, name: &str, text: &[u8], parser: &Parser) {
        let source = Arc::new(Source { name: name.into(), number: self.logs });
        self.logs += 1;
        let mut chunks = Chunks::new(text);
        let header: Arc<[u8]> = Arc::from([]);
        // Reading from memory does not fail.
        while let Ok(Some(chunk)) = chunks.next(self.buffers.take()) {
            let cost = chunk.buffer_bytes().div_ceil(BUFFER_BYTES);
            let parser = parser.clone();
            let piece =
                Piece { source: Arc::clone(&source), parser, chunk, header: Arc::clone(&header) };
            if self.queue.push(piece, cost).is_break() {
                break;
            }
        }
    }

    /// Cuts a log into pieces and queues them. Logs are numbered from 0 in the order of the calls,
    /// unless `number` is given.
    pub(crate) fn read(&mut self, mut log: Log<'_>, number: Option<u64>) -> Cut {
        let number = number.unwrap_or(self.logs);
        let source = Arc::new(Source { name: log.name.into(), number });
        self.logs += 1;
        self.pieces = 0;
        self.done.set_what(log.name);
        let mut header = HeaderLines::new(log.header);
        let (mut parser, mut taken) = (None::<Parser>, log.chunks.input().get_ref().taken());
        let mut lines = 0;
        loop {
            let mut chunk = match log.chunks.next(self.buffers.take()) {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Cut::Whole,
                Err(error) => {
                    let damage = log.chunks.input().get_ref().damage(error);
                    return Cut::Damaged { damage, lines };
                }
            };
            lines += chunk.lines;
            let now = log.chunks.input().get_ref().taken();
            self.done.bytes.fetch_add(now - taken, Ordering::Relaxed);
            taken = now;
            if !log.takes_partial {
                chunk.drop_partial();
                if chunk.lines == 0 {
                    continue;
                }
            }
            let format = log.format_of(parser.as_ref(), chunk.bytes());
            let current: &mut Parser = match &mut parser {
                Some(current) if current.format() == format => current,
                other => {
                    let parser = Parser::new(format, log.fields).before(self.now);
                    other.insert(header.apply(parser))
                }
            };
            let next = after_headers(current, &chunk, &mut |line| header.add(line));
            let cost = chunk.buffer_bytes().div_ceil(BUFFER_BYTES);
            let piece = Piece {
                source: Arc::clone(&source),
                parser: current.clone(),
                chunk,
                header: header.shared(),
            };
            if let Some(next) = next {
                *current = next;
            }
            self.pieces += 1;
            if self.queue.push(piece, cost).is_break() {
                return Cut::Stopped;
            }
        }
    }
}
