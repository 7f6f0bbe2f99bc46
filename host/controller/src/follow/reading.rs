//! Stretches of logs to pieces, matched on all cores, and their results in order.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;

use anyhow::anyhow;
use threatsieve_log::{Fields, Format, Parser};

use super::found_event::{FoundEvents, collect};
use super::opened::{Digest, Opened};
use crate::matching::{Matcher, Piece, Recycled, Report, Source, Times, Worker, after_headers};
use crate::output::Done;
use crate::sources::{BUFFER_BYTES, Chunks, Decoder, Queue, in_order};
use crate::store::files::Place;

/// What of a log is to be matched.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    /// The file's row in the state.
    pub(crate) file: i64,
    pub(crate) identity: Vec<u8>,
    pub(crate) path: PathBuf,
    /// What it is known by.
    pub(crate) digest: Digest,
    pub(crate) digest_bytes: usize,
    /// `None` to tell it by the first lines.
    pub(crate) format: Option<Format>,
    pub(crate) fields: Fields,
    /// Where it begins.
    pub(crate) place: Place,
    /// Where it ends, in bytes of the unpacked stream; `None` for where the file does.
    pub(crate) until: Option<u64>,
    /// A last line without its end is matched as it stands.
    pub(crate) takes_partial: bool,
    /// Somebody may be writing it at the moment, so that damage at its end may be none.
    pub(crate) may_grow: bool,
}

/// How far a stretch was read.
#[derive(Debug)]
pub(crate) enum Ended {
    /// To its end, and all of it is matched.
    Whole,
    /// Not to its end, for this reason; what came before is matched.
    Damaged(anyhow::Error),
    /// Not at all: another file has its name by now.
    Replaced,
    /// Work was to end before.
    Stopped,
}

/// With what, and how.
pub(crate) struct Reading<'a> {
    pub(crate) matcher: &'a Matcher,
    pub(crate) times: Times,
    pub(crate) done: &'a Arc<Done>,
}

impl Reading<'_> {
    /// Matches stretches in their order. `take` gets each piece's results, in order, and ends all work with `Break`.
    /// Gives one end for each stretch.
    pub(crate) fn read(
        &self,
        stretches: &[Stretch],
        mut take: impl FnMut(&mut Report<FoundEvents>) -> ControlFlow<()> + Send,
    ) -> Vec<Ended> {
        let stop = AtomicBool::new(false);
        let recycled = Recycled::default();
        let mut ends = Vec::with_capacity(stretches.len());
        // Pieces queued, and pieces stored, of each.
        let mut queued = vec![0_u64; stretches.len()];
        let mut stored = vec![0_u64; stretches.len()];
        in_order(
            available_parallelism().map_or(1, usize::from),
            &stop,
            |queue| {
                for (number, stretch) in stretches.iter().enumerate() {
                    let mut log = Log { stretch, number, done: self.done, recycled: &recycled, pieces: 0 };
                    let end = log.read(queue);
                    queued[number] = log.pieces;
                    let is_stopped = matches!(end, Ended::Stopped);
                    ends.push(end);
                    if is_stopped || stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            },
            || {
                let mut worker = Worker::new(self.matcher, self.times, Some(collect));
                move |piece, parts: &_| worker.work(piece, parts)
            },
            |mut report: Report<FoundEvents>| {
                self.done.lines.fetch_add(report.tally.lines, Ordering::Relaxed);
                self.done.matches.fetch_add(report.tally.events, Ordering::Relaxed);
                recycled.give(report.take_buffer());
                let number = report.source.number as usize;
                let is_last_part = report.end.is_some();
                let flow = take(&mut report);
                stored[number] += u64::from(is_last_part && flow.is_continue());
                flow
            },
        );
        ends.resize_with(stretches.len(), || Ended::Stopped);
        let all_stored = queued.iter().zip(&stored).map(|(queued, stored)| queued == stored);
        ends.into_iter().zip(all_stored).map(|(end, all)| if all { end } else { Ended::Stopped }).collect()
    }
}

/// One stretch on its way into the queue.
struct Log<'a> {
    stretch: &'a Stretch,
    number: usize,
    done: &'a Arc<Done>,
    recycled: &'a Recycled,
    pieces: u64,
}

impl Log<'_> {
    fn read(&mut self, queue: &mut Queue<'_, Piece>) -> Ended {
        let name = self.stretch.path.display().to_string();
        self.done.set_what(&name);
        let opened = match Opened::open(&self.stretch.path) {
            Ok(opened) => opened,
            Err(why) => return Ended::Damaged(anyhow!(why)),
        };
        if opened.head.digest(self.stretch.digest_bytes) != Some(self.stretch.digest) {
            return Ended::Replaced;
        }
        let chunks = opened.decoder().map_err(|why| anyhow!(why)).and_then(|decoder| {
            let end = self.stretch.until.or(opened.head.stream_bytes()).unwrap_or(u64::MAX);
            chunks(decoder, &self.stretch.place, end)
        });
        match chunks {
            Ok(chunks) => self.cut(&name, chunks, queue),
            Err(why) => Ended::Damaged(why),
        }
    }

    /// Cuts it into pieces.
    fn cut(
        &mut self,
        name: &str,
        mut chunks: Chunks<io::Take<Decoder>>,
        queue: &mut Queue<'_, Piece>,
    ) -> Ended {
        let source = Arc::new(Source { name: name.into(), number: self.number as u64 });
        let mut header = HeaderLines::new(&self.stretch.place.header);
        let (mut parser, mut taken) = (None, chunks.input().get_ref().taken());
        loop {
            let mut chunk = match chunks.next(self.recycled.take()) {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ended::Whole,
                Err(error) => return Ended::Damaged(anyhow!(chunks.input().get_ref().damage(error))),
            };
            let now = chunks.input().get_ref().taken();
            self.done.bytes.fetch_add(now - taken, Ordering::Relaxed);
            taken = now;
            if !self.stretch.takes_partial {
                chunk.drop_partial();
                if chunk.lines == 0 {
                    continue;
                }
            }
            let current: &mut Parser = parser.get_or_insert_with(|| self.parser(chunk.bytes()));
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
            if queue.push(piece, cost).is_break() {
                return Ended::Stopped;
            }
        }
    }

    fn parser(&self, sample: &[u8]) -> Parser {
        let format = self.stretch.format.unwrap_or_else(|| Format::detect(sample));
        let parser = Parser::new(format, &self.stretch.fields);
        self.stretch
            .place
            .header
            .split(|&byte| byte == b'\n')
            .fold(parser, |parser, line| parser.header_change(line).unwrap_or(parser))
    }
}

/// Goes to where a stretch begins.
fn chunks(mut decoder: Decoder, place: &Place, end: u64) -> anyhow::Result<Chunks<io::Take<Decoder>>> {
    let mut before = [b'\n'];
    if let Some(last) = place.offset.checked_sub(1) {
        let skipped = decoder.skip(last).and_then(|skipped| {
            decoder.read_exact(&mut before)?;
            Ok(skipped)
        });
        if let Err(error) = skipped {
            let damage = decoder.damage(error);
            return Err(anyhow!(damage).context(format!(
                "the {} bytes that were matched before cannot be passed over",
                place.offset
            )));
        }
    }
    let limited = decoder.take(end.saturating_sub(place.offset));
    // A place within a line is one within an overlong line: its end is passed over.
    Ok(Chunks::resume(limited, place.offset, place.lines, before != [b'\n']))
}

/// The header lines in force: the last one of each name, in their order.
struct HeaderLines {
    lines: Vec<Vec<u8>>,
    shared: Option<Arc<[u8]>>,
}

impl HeaderLines {
    fn new(bytes: &[u8]) -> HeaderLines {
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        HeaderLines { lines: lines.map(<[u8]>::to_vec).collect(), shared: None }
    }

    fn add(&mut self, line: &[u8]) {
        let name = |line: &[u8]| line.split(|&byte| byte.is_ascii_whitespace()).next().map(<[u8]>::to_vec);
        if line.starts_with(b"#separator") {
            // A new header begins.
            self.lines.clear();
        }
        // New columns have no types yet.
        let replaces_types = line.starts_with(b"#fields");
        let same = name(line);
        self.lines.retain(|old| name(old) != same && !(replaces_types && old.starts_with(b"#types")));
        self.lines.push(line.to_vec());
        self.shared = None;
    }

    fn shared(&mut self) -> Arc<[u8]> {
        let lines = &self.lines;
        Arc::clone(self.shared.get_or_insert_with(|| lines.join(&b'\n').into()))
    }
}
