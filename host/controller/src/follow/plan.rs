//! What of a source's files is to be matched now.

use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use memchr::memchr;
use rusqlite::Connection;
use threatsieve_blacklist::Timestamp;

use super::FollowReport;
use super::find::Missing;
use super::identify::{Found, Identified};
use super::opened::{Head, Opened};
use super::reading::Stretch;
use super::troubles::Troubles;
use crate::config::LogSource;
use crate::store::files::{LogFile, Place};

/// A file that was not written to for so long is taken to be finished: its last line needs no end.
const FINISHED_AFTER: Duration = Duration::from_secs(60);

/// One round's look at one source.
pub(super) struct Plan<'a> {
    pub(super) source: &'a LogSource,
    pub(super) round: i64,
    pub(super) now: Timestamp,
    /// Files that were last written to before this are passed over when they are met.
    pub(super) oldest: Timestamp,
    pub(super) report: &'a mut FollowReport,
    pub(super) troubles: &'a mut Troubles,
}

impl Plan<'_> {
    /// Stores what was found, and gives what is to be matched.
    pub(super) fn make(
        mut self,
        connection: &Connection,
        identified: Identified,
    ) -> anyhow::Result<Vec<Stretch>> {
        for Missing { path, why } in &identified.missing {
            self.troubles.add(&self.source.name, path, why);
        }
        // What cannot be read is not gone.
        let is_missing = |file: &LogFile| identified.missing.iter().any(|missing| missing.hides(&file.path));
        for file in identified.absent.iter().filter(|file| !file.gone && !is_missing(file)) {
            self.report.gone += 1;
            if !file.settled {
                tracing::warn!(
                    source = self.source.name,
                    path = %file.path.display(),
                    offset = file.place.offset,
                    "log is gone, and was not matched beyond this offset"
                );
            }
            file.set_gone(connection)?;
        }
        let mut stretches = Vec::new();
        for (path, found) in identified.found {
            self.report.files += 1;
            let stretch = match found {
                Found::Unchanged(file) => {
                    self.troubles.is_unchanged(&self.source.name, &path);
                    if file.path != path || file.gone {
                        LogFile { path, ..file }.seen(connection, self.round)?;
                    }
                    None
                }
                Found::Copy => {
                    self.report.copies += 1;
                    None
                }
                Found::Known(file, head) => self.known(connection, file, path, &head)?,
                Found::New(head) => self.first_met(connection, path, &head)?,
            };
            stretches.extend(stretch);
        }
        Ok(stretches)
    }

    fn is_finished(&self, head: &Head) -> bool {
        let quiet = self.now.0.saturating_sub(head.stat.modified.0);
        quiet >= i64::try_from(FINISHED_AFTER.as_micros()).unwrap_or(i64::MAX)
    }

    /// A file that nobody knows yet.
    fn first_met(
        &mut self,
        connection: &Connection,
        path: PathBuf,
        head: &Head,
    ) -> anyhow::Result<Option<Stretch>> {
        let is_finished = self.is_finished(head);
        if head.damage.is_some() && !is_finished || !head.tells(head.is_packed || is_finished) {
            // Empty, or with nothing but a header, or still being compressed: the next round may know more.
            self.report.waiting += 1;
            self.complain(&path, head, is_finished);
            return Ok(None);
        }
        let Some(digest) = head.digest(head.len()) else { return Ok(None) };
        let is_old = head.stat.modified < self.oldest;
        let mut file = LogFile {
            id: 0,
            digest,
            digest_bytes: head.len(),
            identity: digest.0.to_vec(),
            path,
            stat: head.stat,
            settled: is_old,
            gone: false,
            place: Place::default(),
            partial: 0,
            format: None,
            newest: None,
        };
        file.add(connection, &self.source.name, self.round)?;
        self.report.new_files += 1;
        if is_old {
            self.report.passed_over += 1;
            return Ok(None);
        }
        Ok(Some(self.stretch(&file, head)))
    }

    /// A file that is known, and not as it was.
    fn known(
        &mut self,
        connection: &Connection,
        mut file: LogFile,
        path: PathBuf,
        head: &Head,
    ) -> anyhow::Result<Option<Stretch>> {
        let is_finished = self.is_finished(head);
        file.path = path;
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
                self.troubles.add(&self.source.name, &file.path, &why);
                Rest::Nothing
            }
        };
        file.settled = rest == Rest::Nothing;
        file.seen(connection, self.round)?;
        self.report.waiting += u64::from(rest == Rest::Unfinished);
        Ok((rest == Rest::Lines).then(|| self.stretch(&file, head)))
    }

    /// A file that lost its end goes on from the end that it has now, under a name of its own: what follows is not what was there.
    fn truncated(
        &mut self,
        connection: &Connection,
        file: LogFile,
        matched: u64,
        head: &Head,
    ) -> anyhow::Result<LogFile> {
        tracing::warn!(
            source = self.source.name,
            path = %file.path.display(),
            bytes = head.stat.bytes,
            matched,
            "log was truncated: it is followed from its new end"
        );
        file.supersede(connection)?;
        let (lines, offset, partial) = ends(&file).unwrap_or_default();
        let mut identity = blake3::Hasher::new();
        identity.update(&file.identity).update(&matched.to_le_bytes()).update(&offset.to_le_bytes());
        let place = Place { offset, lines, header: file.place.header };
        let identity = identity.finalize().as_bytes().to_vec();
        let mut file = LogFile { id: 0, identity, place, partial, ..file };
        file.add(connection, &self.source.name, self.round)?;
        Ok(file)
    }

    /// Tells of a file that will stay unreadable.
    fn complain(&mut self, path: &std::path::Path, head: &Head, is_finished: bool) {
        if let Some(damage) = head.damage.as_ref().filter(|_| is_finished) {
            self.troubles.add(&self.source.name, path, &anyhow!("{damage}"));
        }
    }

    fn stretch(&self, file: &LogFile, head: &Head) -> Stretch {
        let is_finished = self.is_finished(head);
        Stretch {
            file: file.id,
            identity: file.identity.clone(),
            path: file.path.clone(),
            digest: file.digest,
            digest_bytes: file.digest_bytes,
            format: self.source.format.or(file.format),
            fields: self.source.fields.clone(),
            place: file.place.clone(),
            until: None,
            takes_partial: head.is_packed || is_finished,
            may_grow: !is_finished,
        }
    }
}

/// What stands after what is matched of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Nothing,
    /// A line whose end is still to come.
    Unfinished,
    Lines,
}

/// Looks after what is matched. Most changes of a file are none: it was renamed, or compressed.
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

/// Whole lines of a file, where the last one of them ends, and the bytes after that.
fn ends(file: &LogFile) -> anyhow::Result<(u64, u64, u64)> {
    let mut decoder = Opened::open(&file.path)?.decoder()?;
    let mut buffer = vec![0; 64 * 1024];
    let (mut lines, mut offset, mut bytes) = (0, 0, 0);
    loop {
        let used = decoder.read(&mut buffer)?;
        if used == 0 {
            return Ok((lines, offset, bytes - offset));
        }
        for end in memchr::memchr_iter(b'\n', &buffer[..used]) {
            lines += 1;
            offset = bytes + end as u64 + 1;
        }
        bytes += used as u64;
    }
}
