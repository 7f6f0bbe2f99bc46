//! Decides which parts of the files are matched in this round.

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use memchr::memchr;
use threatsieve_blacklist::Timestamp;

use super::FollowReport;
use super::find::{Missing, Present};
use super::identify::{Found, Identified};
use super::opened::{Head, Opened};
use super::stretch::Stretch;
use super::troubles::Troubles;
use crate::config::LogSource;
use crate::store::Connection;
use crate::store::files::{LogFile, Place, set_copies};

/// A file that was not written to for this long counts as finished, so its last line is matched
/// without its end.
const FINISHED_AFTER: Duration = Duration::from_secs(60);

/// The decisions of one round.
pub(super) struct Plan<'a> {
    pub(super) sources: &'a [LogSource],
    pub(super) round: i64,
    pub(super) now: Timestamp,
    /// Start of the history window. New files that were last written to before this are not read.
    pub(super) oldest: Timestamp,
    pub(super) report: &'a mut FollowReport,
    pub(super) troubles: &'a mut Troubles,
}

impl Plan<'_> {
    /// Stores which files were found, and returns what is to be matched.
    pub(super) fn make(
        mut self,
        connection: &Connection,
        identified: Identified,
    ) -> anyhow::Result<Vec<Stretch>> {
        for Missing { source, path, why } in &identified.missing {
            self.troubles.add(&self.sources[*source].name, path, why);
        }
        // A file that cannot be read is not gone.
        let is_missing =
            |file: &LogFile| identified.missing.iter().any(|missing| missing.hides(&file.path));
        for file in identified.absent.iter().filter(|file| !file.gone && !is_missing(file)) {
            self.gone(connection, file)?;
        }
        set_copies(connection, &identified.copies)?;
        let mut stretches = Vec::new();
        for (Present { source, path, .. }, found) in identified.found {
            let source = &self.sources[source];
            self.report.files += 1;
            let stretch = match found {
                Found::Unchanged(file) => {
                    self.troubles.is_unchanged(&source.name, &path);
                    if file.path != path || file.gone || file.source != source.name {
                        let source = source.name.clone();
                        LogFile { path, source, ..file }.seen(connection, self.round)?;
                    }
                    None
                }
                Found::Copy => {
                    self.report.copies += 1;
                    None
                }
                Found::Known(file, head) => {
                    let file = LogFile { path, source: source.name.clone(), ..file };
                    self.known(connection, source, file, &head)?
                }
                Found::New(head, place) => {
                    self.first_met(connection, source, path, &head, place)?
                }
            };
            stretches.extend(stretch);
        }
        Ok(stretches)
    }

    /// Marks a file that no source names any more, or that no longer exists.
    fn gone(&mut self, connection: &Connection, file: &LogFile) -> anyhow::Result<()> {
        self.report.gone += 1;
        let path = file.path.display();
        if !self.sources.iter().any(|source| source.name == file.source) {
            tracing::info!(source = file.source, %path, "log is in no configured source any more");
        } else if !file.settled {
            tracing::warn!(
                source = file.source,
                %path,
                offset = file.place.offset,
                "log is gone and was matched only up to this offset"
            );
        }
        file.set_gone(connection)
    }

    fn is_finished(&self, head: &Head) -> bool {
        self.now.since(head.stat.modified) >= FINISHED_AFTER
    }

    /// Adds a new file, unless nothing distinguishes it from others yet.
    fn first_met(
        &mut self,
        connection: &Connection,
        source: &LogSource,
        path: PathBuf,
        head: &Head,
        place: Place,
    ) -> anyhow::Result<Option<Stretch>> {
        let is_finished = self.is_finished(head);
        if head.damage.is_some() && !is_finished || !head.tells(head.is_packed || is_finished) {
            // The file is empty, has only a header, or is still being compressed. The next round
            // tries again.
            self.report.waiting += 1;
            self.complain(source, &path, head, is_finished);
            return Ok(None);
        }
        let Some(digest) = head.digest(head.len()) else { return Ok(None) };
        let is_old = head.stat.modified < self.oldest;
        let mut file = LogFile {
            id: 0,
            source: source.name.clone(),
            digest,
            digest_bytes: head.len(),
            identity: digest.0.to_vec(),
            path,
            stat: head.stat,
            settled: is_old,
            gone: false,
            place,
            tail: None,
            partial: 0,
            format: None,
            newest: None,
        };
        file.add(connection, self.round)?;
        self.report.new_files += 1;
        if is_old {
            self.report.passed_over += 1;
            return Ok(None);
        }
        Ok(Some(self.stretch(source, &file, head)))
    }

    /// Looks for new lines in a known file that changed.
    fn known(
        &mut self,
        connection: &Connection,
        source: &LogSource,
        mut file: LogFile,
        head: &Head,
    ) -> anyhow::Result<Option<Stretch>> {
        let is_finished = self.is_finished(head);
        file.stat = head.stat;
        file.settled = false;
        if let Some(digest) = head.digest(head.len()).filter(|_| head.len() > file.digest_bytes) {
            file.digest = digest;
            file.digest_bytes = head.len();
        }
        let matched = file.place.offset + file.partial;
        if head.stream_bytes().is_some_and(|bytes| bytes < matched) {
            self.report.truncated += 1;
            file = self.truncated(connection, file, matched, head)?;
        }
        let takes_partial = head.is_packed || is_finished;
        let rest = match has_more(&file, takes_partial) {
            Ok(rest) => rest,
            Err(_) if !is_finished => Rest::Unfinished,
            Err(why) => {
                self.troubles.add(&source.name, &file.path, &why);
                Rest::Nothing
            }
        };
        file.settled = rest == Rest::Nothing;
        file.seen(connection, self.round)?;
        self.report.waiting += u64::from(rest == Rest::Unfinished);
        Ok((rest == Rest::Lines).then(|| self.stretch(source, &file, head)))
    }

    /// Treats a truncated file as a new one with an identity of its own.
    ///
    /// Nothing shows whether the remaining bytes are the old ones, so the file is matched from its
    /// start. A line that is unchanged at its old offset is the same event.
    fn truncated(
        &mut self,
        connection: &Connection,
        file: LogFile,
        matched: u64,
        head: &Head,
    ) -> anyhow::Result<LogFile> {
        tracing::warn!(
            source = file.source,
            path = %file.path.display(),
            bytes = head.stat.bytes,
            matched,
            "log was truncated: the rest of it is matched again; unchanged lines stay the same \
             events"
        );
        file.supersede(connection)?;
        let mut identity = blake3::Hasher::new();
        identity.update(&file.identity).update(&matched.to_le_bytes());
        identity.update(&head.stat.bytes.to_le_bytes());
        let identity = identity.finalize().as_bytes().to_vec();
        let place = Place { offset: head.hole, ..Place::default() };
        let predecessor = file.id;
        let mut file = LogFile { id: 0, identity, place, partial: 0, tail: None, ..file };
        file.add(connection, self.round)?;
        file.succeed(connection, predecessor)?;
        Ok(file)
    }

    /// Reports a finished file that is damaged.
    fn complain(&mut self, source: &LogSource, path: &Path, head: &Head, is_finished: bool) {
        if let Some(damage) = head.damage.as_ref().filter(|_| is_finished) {
            self.troubles.add(&source.name, path, &anyhow!("{damage}"));
        }
    }

    fn stretch(&self, source: &LogSource, file: &LogFile, head: &Head) -> Stretch {
        let is_finished = self.is_finished(head);
        Stretch {
            file: file.id,
            source: file.source.clone(),
            identity: file.identity.clone(),
            path: file.path.clone(),
            digest: file.digest,
            digest_bytes: file.digest_bytes,
            format: source.format,
            detected: file.format,
            fields: source.fields.clone(),
            place: file.place.clone(),
            until: None,
            takes_partial: head.is_packed || is_finished,
            may_grow: !is_finished,
        }
    }
}

/// The content of a file after the matched part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Nothing,
    /// A line whose end is not written yet.
    Unfinished,
    Lines,
}

/// Checks what follows the matched part of a file. Most changes add no lines: the file was renamed
/// or compressed.
fn has_more(file: &LogFile, takes_partial: bool) -> anyhow::Result<Rest> {
    let opened = Opened::open(&file.path)?;
    let mut decoder = opened.decoder()?;
    let start = if takes_partial { file.place.offset + file.partial } else { file.place.offset };
    let skipped = match decoder.skip(start) {
        Ok(skipped) => skipped,
        Err(error) => return Err(anyhow!(decoder.damage(error))),
    };
    if skipped < start {
        return Err(anyhow!("expected the {start} bytes that were matched before, got {skipped}"));
    }
    let mut rest = BufReader::new(decoder);
    let (mut is_empty, mut bytes) = (true, 0);
    loop {
        let (used, has_line) = match rest.fill_buf() {
            Ok([]) => break,
            Ok(buffer) => (buffer.len(), memchr(b'\n', buffer).is_some()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(anyhow!(rest.get_ref().damage(error))),
        };
        if takes_partial || has_line {
            return Ok(Rest::Lines);
        }
        is_empty = false;
        bytes += used as u64;
        rest.consume(used);
        if bytes > threatsieve_log::MAX_LINE_BYTES as u64 {
            return Ok(Rest::Lines);
        }
    }
    Ok(if is_empty || bytes == file.partial { Rest::Nothing } else { Rest::Unfinished })
}
