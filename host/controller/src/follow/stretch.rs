//! Reads parts of log files: opens a file, checks that it is the planned one, and passes it to the
//! pipeline.

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

/// A part of a log file that is to be matched.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    /// The file's row in the state.
    pub(crate) file: i64,
    /// The name of the log source.
    pub(crate) source: String,
    pub(crate) identity: Vec<u8>,
    pub(crate) path: PathBuf,
    /// The digest of the file's first `digest_bytes` bytes, by which it is recognised.
    pub(crate) digest: Digest,
    pub(crate) digest_bytes: usize,
    /// The configured format; `None` to detect it.
    pub(crate) format: Option<Format>,
    /// The format of the lines before.
    pub(crate) detected: Option<Format>,
    pub(crate) fields: Fields,
    /// The position where it begins.
    pub(crate) place: Place,
    /// The end, in bytes of the unpacked stream; `None` for the end of the file.
    pub(crate) until: Option<u64>,
    /// True if a last line without its end is matched.
    pub(crate) takes_partial: bool,
    /// True if another program may still be writing to the file. Damage at the end may then be
    /// temporary.
    pub(crate) may_grow: bool,
}

/// The way in which reading a stretch ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It was read to its end, and everything is matched.
    Whole,
    /// It was read only up to this damage. Everything before is matched.
    Damaged(anyhow::Error),
    /// It was not read, because another file has its name now.
    Replaced,
    /// The work was stopped before the end.
    Stopped,
}

/// The result of matching stretches.
#[derive(Debug, Default)]
pub(crate) struct Matched {
    /// The end of each stretch, in order.
    pub(crate) ends: Vec<Ended>,
    pub(crate) counts: Counts,
    pub(crate) tally: Tally,
    /// Bytes read from disk, before unpacking.
    pub(crate) bytes: u64,
}

/// Returns whether to stop before all stretches are done. It is called after each whole piece. The
/// argument tells whether the file is compressed.
pub(crate) type IsOver<'a> = &'a (dyn Fn(bool) -> bool + Sync);

/// The settings with which stretches are matched.
pub(crate) struct Matching<'a> {
    pub(crate) config: &'a Config,
    pub(crate) matcher: &'a Matcher,
    pub(crate) now: Timestamp,
    /// Start of the history window. Earlier events do not match.
    pub(crate) oldest: Timestamp,
    pub(crate) moves: Moves,
}

impl Matching<'_> {
    /// Matches stretches in order, judges the hits, and stores the results piece by piece.
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
            is_told: !self.config.reports_matches(),
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
        // The number of queued and of stored pieces of each stretch.
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
                // A piece with many matches comes in several parts. Only its last part advances the
                // position.
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
    /// Opens the file, checks that it is the planned one, and passes it to the pipeline.
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
            // Stored lines are matched from the start of the file, which is after the hole.
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

/// Moves to the start of a stretch.
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
                "cannot skip the {} bytes that are already matched",
                place.offset
            )));
        }
    }
    let limited = decoder.take(end.saturating_sub(place.offset));
    // A position within a line is within an overlong line, whose rest is skipped. Zeros are not a
    // line.
    let is_within = !matches!(before, [b'\n' | 0]);
    Ok(Chunks::resume(limited, place.offset, place.lines, is_within))
}
