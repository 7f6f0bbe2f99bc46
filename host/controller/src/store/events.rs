//! Flagged events and their matches.

use rusqlite::{Connection, OptionalExtension, named_params};
use threatsieve_blacklist::{Timestamp, Tlp};
use threatsieve_flag::Covering;

/// Characters of a line that are kept.
const RAW_CHARS: usize = 2048;

/// An event as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownEvent {
    pub(crate) id: i64,
    pub(crate) uid: String,
    /// It was not known before.
    pub(crate) is_new: bool,
}

/// How matches came about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finding {
    pub(crate) generation: u64,
    pub(crate) now: Timestamp,
    /// In lines that had been matched before.
    pub(crate) is_historic: bool,
    /// Nobody is mailed, so that nobody is still to be told.
    pub(crate) is_told: bool,
}

/// A line that is flagged.
#[derive(Debug, Clone)]
pub(crate) struct NewEvent<'a> {
    pub(crate) file: i64,
    /// Place of the line's first byte in the unpacked log.
    pub(crate) offset: u64,
    /// Counted from 1.
    pub(crate) line: u64,
    pub(crate) uid: String,
    /// The event's own time.
    pub(crate) occurred: Option<Timestamp>,
    /// The host that it is from.
    pub(crate) source: Option<&'a str>,
    pub(crate) raw: &'a str,
}

/// Finds a flagged line, or adds it.
pub(crate) fn insert_event(
    connection: &Connection,
    event: &NewEvent<'_>,
) -> anyhow::Result<KnownEvent> {
    let known = connection
        .prepare_cached("SELECT id, uid FROM events WHERE file = ?1 AND offset = ?2")?
        .query_row((event.file, event.offset.cast_signed()), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((id, uid)) = known {
        return Ok(KnownEvent { id, uid, is_new: false });
    }
    let raw = match event.raw.char_indices().nth(RAW_CHARS) {
        Some((end, _)) => &event.raw[..end],
        None => event.raw,
    };
    // A file that lost its end is another one, in which the lines that were left are the same.
    let moved = connection
        .prepare_cached(
            "UPDATE events SET file = ?1 WHERE offset = ?2 AND raw = ?3 \
             AND file = (SELECT predecessor FROM files WHERE id = ?1) RETURNING id, uid",
        )?
        .query_row((event.file, event.offset.cast_signed(), raw), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    if let Some((id, uid)) = moved {
        return Ok(KnownEvent { id, uid, is_new: false });
    }
    connection
        .prepare_cached(
            "INSERT INTO events (file, offset, line, uid, occurred, source, raw) \
             VALUES (:file, :offset, :line, :uid, :occurred, :source, :raw)",
        )?
        .execute(named_params! {
            ":file": event.file,
            ":offset": event.offset.cast_signed(),
            ":line": event.line.cast_signed(),
            ":uid": event.uid,
            ":occurred": event.occurred.map(|time| time.0),
            ":source": event.source,
            ":raw": raw,
        })?;
    let id = connection.last_insert_rowid();
    Ok(KnownEvent { id, uid: event.uid.clone(), is_new: true })
}

/// The name of an event: the same line of the same file always has the same one.
pub(crate) fn event_uid(identity: &[u8], offset: u64) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(identity).update(&offset.to_le_bytes());
    // 128 bits: no two events will share them.
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Adds what an indicator says of an event; `false` when that is known already. One that was retracted holds again.
pub(crate) fn insert_match(
    connection: &Connection,
    event: i64,
    covering: &Covering<'_>,
    is_written: bool,
    finding: &Finding,
) -> anyhow::Result<bool> {
    let Covering { found, indicator } = covering;
    let entry = &found.matched.entry;
    let rows = connection
        .prepare_cached(
            "INSERT INTO matches (event, feed, indicator, entry_type, entry, observable, field, how, confidence, tlp, \
             name, generation, found, historic, written, told) VALUES (:event, :feed, :indicator, :entry_type, :entry, \
             :observable, :field, :how, :confidence, :tlp, :name, :generation, :found, :historic, :written, :told) \
             ON CONFLICT (event, feed, indicator) DO UPDATE SET retracted = NULL, generation = excluded.generation, \
             found = excluded.found, historic = excluded.historic, written = excluded.written \
             WHERE retracted IS NOT NULL",
        )?
        .execute(named_params! {
            ":event": event,
            ":feed": indicator.feed,
            ":indicator": indicator.shown_id(),
            ":entry_type": entry.kind.stix_name(),
            ":entry": entry.value,
            ":observable": found.observable,
            ":field": found.field,
            ":how": found.matched.how.name(),
            ":confidence": indicator.confidence,
            ":tlp": indicator.tlp.map(|tlp: Tlp| tlp as u8),
            ":name": indicator.name,
            ":generation": finding.generation.cast_signed(),
            ":found": finding.now.0,
            ":historic": finding.is_historic,
            ":written": is_written,
            ":told": finding.is_told,
        })?;
    Ok(rows > 0)
}
