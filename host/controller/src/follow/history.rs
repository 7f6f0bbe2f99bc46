//! Stored lines, matched again for what is new.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use threatsieve_blacklist::Timestamp;
use threatsieve_log::Fields;

use super::commit::{Commit, Counts, Moves};
use super::logs::oldest;
use super::reading::{Ended, Reading, Stretch};
use crate::config::Config;
use crate::indicators::open_blacklist;
use crate::matching::{Matcher, Times};
use crate::output::{Done, Progress};
use crate::sinks::RecordShape;
use crate::stop::Stop;
use crate::store::Store;
use crate::store::events::Finding;
use crate::store::files::{LogFile, Place};

/// What came of matching stored lines again.
#[derive(Debug, Default, Serialize)]
pub(crate) struct HistoryReport {
    /// Jobs that are finished now.
    pub(crate) jobs_ended: u64,
    /// Jobs that go on in the next round.
    pub(crate) jobs_left: u64,
    /// Files matched to their ends.
    pub(crate) files: u64,
    /// Files that could not be matched: they are gone, or cannot be read.
    pub(crate) missed: u64,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

/// A job: what is new in a generation, and the lines that were matched before it.
struct Job {
    id: i64,
    generation: u64,
    blacklist: String,
}

/// Goes on with the jobs in their order, the newest files first, until the time for it is over.
pub(crate) fn match_history(
    config: &Config,
    store: &mut Store,
    now: Timestamp,
    stop: &Stop,
) -> anyhow::Result<HistoryReport> {
    let mut report = HistoryReport::default();
    let start = Instant::now();
    let is_over = || stop.is_requested() || start.elapsed() >= config.history.budget;
    while !is_over() {
        let Some(job) = next_job(&store.connection)? else { break };
        let mut work = Work { config, store, now, job, matcher: None, report: &mut report };
        if !work.go_on(&is_over, stop)? {
            break;
        }
    }
    let left = "SELECT count(*) FROM history_jobs WHERE ended IS NULL";
    report.jobs_left = store.connection.query_row(left, [], |row| row.get::<_, i64>(0))?.cast_unsigned();
    Ok(report)
}

fn next_job(connection: &Connection) -> anyhow::Result<Option<Job>> {
    let sql =
        "SELECT id, generation, blacklist FROM history_jobs WHERE ended IS NULL ORDER BY created, id LIMIT 1";
    let job = connection
        .query_row(sql, [], |row| {
            let generation = row.get::<_, i64>(1)?.cast_unsigned();
            Ok(Job { id: row.get(0)?, generation, blacklist: row.get(2)? })
        })
        .optional()?;
    Ok(job)
}

/// One job under way.
struct Work<'a> {
    config: &'a Config,
    store: &'a mut Store,
    now: Timestamp,
    job: Job,
    /// Made when the first file asks for it.
    matcher: Option<Matcher>,
    report: &'a mut HistoryReport,
}

impl Work<'_> {
    /// `false` when it was to end before the job was over.
    fn go_on(&mut self, is_over: &(impl Fn() -> bool + Sync), stop: &Stop) -> anyhow::Result<bool> {
        self.skip_old()?;
        let (mut is_whole, mut is_first) = (true, true);
        for (stretch, is_gone) in self.stretches()? {
            // One piece at least, or a short time would never end a job.
            if stop.is_requested() || !is_first && is_over() {
                return Ok(false);
            }
            is_first = false;
            if is_gone {
                self.missed(&stretch, "the file is gone")?;
                continue;
            }
            match self.read(&stretch, is_over, stop)? {
                Ended::Whole => {
                    self.report.files += 1;
                    self.done(stretch.file, None)?;
                }
                Ended::Damaged(why) => self.missed(&stretch, &format!("{why:#}"))?,
                // Renamed since its path was stored: the next round knows where it is.
                Ended::Replaced => is_whole = false,
                Ended::Stopped => return Ok(false),
            }
        }
        if !is_whole {
            return Ok(false);
        }
        self.store
            .connection
            .execute("UPDATE history_jobs SET ended = ?2 WHERE id = ?1", (self.job.id, self.now.0))?;
        self.report.jobs_ended += 1;
        Ok(true)
    }

    /// Files whose latest event is too old to match need not be read.
    fn skip_old(&self) -> anyhow::Result<()> {
        self.store.connection.execute(
            "UPDATE history_files SET done = until WHERE job = ?1 AND done < until \
             AND file IN (SELECT id FROM files WHERE newest < ?2)",
            (self.job.id, oldest(self.config, self.now).0),
        )?;
        Ok(())
    }

    /// The files that are not matched to their ends, newest first, and whether each is gone.
    fn stretches(&self) -> anyhow::Result<Vec<(Stretch, bool)>> {
        let mut statement = self.store.connection.prepare_cached(
            "SELECT h.file, h.until, h.done, h.lines, h.header, f.source FROM history_files h \
             JOIN files f ON f.id = h.file WHERE h.job = ?1 AND h.done < h.until AND h.missed IS NULL \
             ORDER BY coalesce(f.newest, f.modified) DESC, f.id DESC",
        )?;
        let rows = statement.query_map([self.job.id], |row| {
            let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
            let header = row.get::<_, Option<Vec<u8>>>(4)?.unwrap_or_default();
            let place = Place { offset: unsigned(2)?, lines: unsigned(3)?, header };
            Ok((row.get::<_, i64>(0)?, unsigned(1)?, place, row.get::<_, String>(5)?))
        })?;
        let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
        rows.into_iter().map(|(id, until, place, source)| self.stretch(id, until, place, &source)).collect()
    }

    fn stretch(&self, id: i64, until: u64, place: Place, source: &str) -> anyhow::Result<(Stretch, bool)> {
        let file = LogFile::get(&self.store.connection, id)?;
        let source = self.config.logs.iter().find(|log| log.name == source);
        let stretch = Stretch {
            file: id,
            identity: file.identity,
            path: file.path,
            digest: file.digest,
            digest_bytes: file.digest_bytes,
            format: source.and_then(|source| source.format).or(file.format),
            fields: source.map_or_else(Fields::default, |source| source.fields.clone()),
            place,
            until: Some(until),
            takes_partial: true,
            may_grow: false,
        };
        Ok((stretch, file.gone))
    }

    fn read(
        &mut self,
        stretch: &Stretch,
        is_over: &(impl Fn() -> bool + Sync),
        stop: &Stop,
    ) -> anyhow::Result<Ended> {
        let path = self.config.state.join("history").join(&self.job.blacklist);
        if self.matcher.is_none() {
            let blacklist = open_blacklist(&path, None).map_err(|failure| failure.error)?;
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            let matcher = Matcher::new(blacklist, self.config.policy.clone(), threads)?;
            self.matcher = Some(matcher);
        }
        let matcher = self.matcher.as_ref().context("no matcher")?;
        let times = Times { at: None, now: self.now, oldest: Some(oldest(self.config, self.now)) };
        let shape = RecordShape { output: &self.config.output, blacklist: &self.config.blacklist.name };
        let finding = Finding {
            generation: self.job.generation,
            now: self.now,
            is_historic: true,
            is_told: self.config.alerts.is_none(),
        };
        let done = Arc::new(Done::default());
        let progress = Progress::start(&done, false);
        let stretches = std::slice::from_ref(stretch);
        let mut commit =
            Commit::new(self.store, stretches, Moves::History { job: self.job.id }, shape, finding);
        let mut failed = None;
        // What is packed would have to be unpacked anew to go on in its middle.
        let is_packed = super::opened::Opened::open(&stretch.path).is_ok_and(|opened| opened.head.is_packed);
        let ends = Reading { matcher, times, done: &done }.read(stretches, |piece| {
            // A piece comes in several parts when much of it matches, and only its last one moves the place.
            let is_whole = piece.end.is_some();
            failed = commit.take(piece).err();
            match failed.is_some() || is_whole && (stop.is_requested() || !is_packed && is_over()) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        drop(progress);
        failed.map_or(Ok(()), Err)?;
        commit.finish()?;
        let Counts { lines, events, matches } = commit.counts;
        self.report.counts.lines += lines;
        self.report.counts.events += events;
        self.report.counts.matches += matches;
        Ok(ends.into_iter().next().unwrap_or(Ended::Stopped))
    }

    fn missed(&mut self, stretch: &Stretch, why: &str) -> anyhow::Result<()> {
        tracing::warn!(path = %stretch.path.display(), why, "stored lines cannot be matched again");
        self.report.missed += 1;
        self.done(stretch.file, Some(why))
    }

    fn done(&self, file: i64, missed: Option<&str>) -> anyhow::Result<()> {
        let done = if missed.is_some() { "done" } else { "until" };
        self.store.connection.execute(
            &format!("UPDATE history_files SET done = {done}, missed = ?3 WHERE job = ?1 AND file = ?2"),
            (self.job.id, file, missed),
        )?;
        Ok(())
    }
}
