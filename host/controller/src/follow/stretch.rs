//! Stretches of log files: opened, recognised, and handed to the pipeline.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;

use anyhow::anyhow;
use threatsieve_blacklist::Timestamp;
use threatsieve_log::{Fields, Format};

use super::commit::{Commit, Counts, Moves};
use super::opened::Opened;
use crate::config::Config;
use crate::matching::{Matcher, Times};
use crate::output::{Done, Progress};
use crate::pipeline::{Cut, FoundEvents, Intake, Log, Pipeline, Report, Tally, collect_events};
use crate::sinks::RecordShape;
use crate::sources::{Chunks, Decoder};
use crate::store::Store;
use crate::store::events::Finding;
use crate::store::files::{Digest, Place};

/// What of a log is to be matched.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    /// The file's row in the state.
    pub(crate) file: i64,
    /// The log source.
    pub(crate) source: String,
    pub(crate) identity: Vec<u8>,
    pub(crate) path: PathBuf,
    /// What the file is recognised by.
    pub(crate) digest: Digest,
    pub(crate) digest_bytes: usize,
    /// `None` to detect it.
    pub(crate) format: Option<Format>,
    /// The format that its lines before had.
    pub(crate) detected: Option<Format>,
    pub(crate) fields: Fields,
    /// Where it begins.
    pub(crate) place: Place,
    /// Where it ends, in bytes of the unpacked stream; `None` for where the file does.
    pub(crate) until: Option<u64>,
    /// Whether a last line without its end is matched as it is.
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

/// What matching stretches came to.
#[derive(Debug, Default)]
pub(crate) struct Matched {
    /// One for each stretch.
    pub(crate) ends: Vec<Ended>,
    pub(crate) counts: Counts,
    pub(crate) tally: Tally,
    /// Bytes read, as they lie on disk.
    pub(crate) bytes: u64,
}

/// The end of work before all stretches are done: asked after each whole piece, with what is packed.
pub(crate) type IsOver<'a> = &'a (dyn Fn(bool) -> bool + Sync);

/// With what stretches are matched, and why.
pub(crate) struct Matching<'a> {
    pub(crate) config: &'a Config,
    pub(crate) matcher: &'a Matcher,
    pub(crate) now: Timestamp,
    /// Events before this do not match.
    pub(crate) oldest: Timestamp,
    pub(crate) moves: Moves,
}

impl Matching<'_> {
    /// Matches stretches in their order, judges what is found, and stores it piece by piece.
    pub(crate) fn run(
        &self,
        store: &mut Store,
        stretches: &[Stretch],
        is_over: IsOver<'_>,
    ) -> anyhow::Result<Matched> {
        let (done, stop) = (Arc::new(Done::default()), AtomicBool::new(false));
        let finding = Finding {
            generation: self.matcher.blacklist().generation(),
            now: self.now,
            is_historic: self.moves == Moves::Stored,
            is_told: self.config.alerts.is_none(),
        };
        let blacklist = &self.config.blacklist.name;
        let shape = RecordShape { output: &self.config.output, blacklist };
        let pipeline = Pipeline {
            matcher: self.matcher,
            times: Times { at: None, now: self.now, oldest: Some(self.oldest) },
            threads: available_parallelism().map_or(1, usize::from),
            done: &done,
            stop: &stop,
        };
        let progress = Progress::start(&done, false);
        let mut commit = Commit::new(store, stretches, self.moves, shape, finding);
        let mut failed = None;
        // Pieces queued, and pieces stored, of each stretch.
        let mut queued = vec![0_u64; stretches.len()];
        let mut stored = vec![0_u64; stretches.len()];
        let packed: Vec<AtomicBool> = stretches.iter().map(|_| AtomicBool::new(false)).collect();
        let mut ends = Vec::with_capacity(stretches.len());
        pipeline.run(
            Some(collect_events),
            |intake| {
                for (number, stretch) in stretches.iter().enumerate() {
                    let end = stretch.read(number, &packed[number], intake);
                    queued[number] = intake.pieces();
                    let is_stopped = matches!(end, Ended::Stopped);
                    ends.push(end);
                    if is_stopped || stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            },
            |report: Report<FoundEvents>| {
                // A piece comes in several parts when much of it matches, and only its last one
                // moves the place.
                let number = report.source.number as usize;
                let is_last_part = report.end.is_some();
                failed = commit.take(report).err();
                stored[number] += u64::from(is_last_part && failed.is_none());
                let is_over = || is_over(packed[number].load(Ordering::Relaxed));
                match failed.is_some() || is_last_part && is_over() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            },
        );
        drop(progress);
        failed.map_or(Ok(()), Err)?;
        commit.finish()?;
        let (counts, tally) = (commit.counts, std::mem::take(&mut commit.tally));
        ends.resize_with(stretches.len(), || Ended::Stopped);
        let all_stored = queued.iter().zip(&stored).map(|(queued, stored)| queued == stored);
        let ends = ends.into_iter().zip(all_stored);
        let ends = ends.map(|(end, all)| if all { end } else { Ended::Stopped }).collect();
        Ok(Matched { ends, counts, tally, bytes: done.bytes.load(Ordering::Relaxed) })
    }
}

impl Stretch {
    /// Opens the file, makes sure that it is the one that was planned, and has it cut.
    fn read(&self, number: usize, packed: &AtomicBool, intake: &mut Intake<'_, '_>) -> Ended {
        let opened = match Opened::open(&self.path) {
            Ok(opened) => opened,
            Err(why) => return Ended::Damaged(anyhow!(why)),
        };
        if opened.head.digest(self.digest_bytes) != Some(self.digest) {
            return Ended::Replaced;
        }
        packed.store(opened.head.is_packed, Ordering::Relaxed);
        let chunks = opened.decoder().map_err(|why| anyhow!(why)).and_then(|decoder| {
            let end = self.until.or(opened.head.stream_bytes()).unwrap_or(u64::MAX);
            // Stored lines are matched from the start, which is after the hole.
            let offset = self.place.offset.max(opened.head.hole);
            chunks(decoder, &Place { offset, ..self.place.clone() }, end)
        });
        let chunks = match chunks {
            Ok(chunks) => chunks,
            Err(why) => return Ended::Damaged(why),
        };
        let log = Log {
            name: &self.path.display().to_string(),
            chunks,
            format: self.format,
            detected: self.detected,
            fields: &self.fields,
            header: &self.place.header,
            takes_partial: self.takes_partial,
        };
        match intake.read(log, Some(number as u64)) {
            Cut::Whole => Ended::Whole,
            Cut::Damaged { damage, .. } => Ended::Damaged(anyhow!(damage)),
            Cut::Stopped => Ended::Stopped,
        }
    }
}

/// Goes to where a stretch begins.
fn chunks(
    mut decoder: Decoder,
    place: &Place,
    end: u64,
) -> anyhow::Result<Chunks<io::Take<Decoder>>> {
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
    // A place within a line is one within an overlong line: its end is passed over. Zeros are no line.
    let is_within = !matches!(before, [b'\n' | 0]);
    Ok(Chunks::resume(limited, place.offset, place.lines, is_within))
}
