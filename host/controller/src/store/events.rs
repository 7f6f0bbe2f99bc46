//! Flagged events, lines or documents, and their matches.

use rusqlite::{Connection, OptionalExtension, named_params};
use threatsieve_blacklist::{EntryType, Timestamp, Tlp};
use threatsieve_flag::Covering;

use super::threats::threats_json;

/// Maximum number of characters kept of a line.
const RAW_CHARS: usize = 2048;

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownEvent {
    pub(crate) id: i64,
    pub(crate) uid: String,
    /// True if it was added just now.
    pub(crate) is_new: bool,
}

/// The circumstances in which matches were found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finding {
    pub(crate) generation: u64,
    pub(crate) now: Timestamp,
    /// True for stored lines, which were matched before.
    pub(crate) is_historic: bool,
    /// True if no mails are sent, so that no mail about the match is due.
    pub(crate) is_told: bool,
}

/// A flagged event.
#[derive(Debug, Clone)]
pub(crate) struct NewEvent<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) uid: String,
    /// The event's own time.
    pub(crate) occurred: Option<Timestamp>,
    /// The host that the event is from.
    pub(crate) source: Option<&'a str>,
    pub(crate) raw: &'a str,
}

/// The place of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    Line {
        file: i64,
        /// Offset of the line's first byte in the unpacked log.
        offset: u64,
        /// Line number, counted from 1.
        line: u64,
    },
    Document(DocumentPlace<'a>),
}

/// The place of a document in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DocumentPlace<'a> {
    /// A concrete index.
    pub(crate) index: &'a str,
    pub(crate) id: &'a str,
    pub(crate) routing: Option<&'a str>,
}

/// Finds a flagged event in the state, or adds it.
pub(crate) fn insert_event(
    connection: &Connection,
    event: &NewEvent<'_>,
) -> anyhow::Result<KnownEvent> {
    let raw = match event.raw.char_indices().nth(RAW_CHARS) {
        Some((end, _)) => &event.raw[..end],
        None => event.raw,
    };
    let known = match event.place {
        Place::Line { file, offset, .. } => known_line(connection, file, offset, raw)?,
        Place::Document(place) => known_document(connection, &event.uid, place)?,
    };
    if let Some((id, uid)) = known {
        return Ok(KnownEvent { id, uid, is_new: false });
    }
    let (file, offset, line) = match event.place {
        Place::Line { file, offset, line } => {
            (Some(file), Some(offset.cast_signed()), Some(line.cast_signed()))
        }
        Place::Document(_) => (None, None, None),
    };
    connection
        .prepare_cached(
            "INSERT INTO events (file, offset, line, uid, occurred, source, raw) \
             VALUES (:file, :offset, :line, :uid, :occurred, :source, :raw)",
        )?
        .execute(named_params! {
            ":file": file,
            ":offset": offset,
            ":line": line,
            ":uid": event.uid,
            ":occurred": event.occurred.map(|time| time.0),
            ":source": event.source,
            ":raw": raw,
        })?;
    let id = connection.last_insert_rowid();
    if let Place::Document(place) = event.place {
        connection
            .prepare_cached(
                "INSERT INTO documents (event, uid, index_name, document, routing) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((id, &event.uid, place.index, place.id, place.routing))?;
    }
    Ok(KnownEvent { id, uid: event.uid.clone(), is_new: true })
}

fn known_line(
    connection: &Connection,
    file: i64,
    offset: u64,
    raw: &str,
) -> anyhow::Result<Option<(i64, String)>> {
    let offset = offset.cast_signed();
    let known = connection
        .prepare_cached("SELECT id, uid FROM events WHERE file = ?1 AND offset = ?2")?
        .query_row((file, offset), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if known.is_some() {
        return Ok(known);
    }
    // A truncated file is stored as a new one. A line that is unchanged at its old offset stays the
    // same event.
    let moved = connection
        .prepare_cached(
            "UPDATE events SET file = ?1 WHERE offset = ?2 AND raw = ?3 \
             AND file = (SELECT predecessor FROM files WHERE id = ?1) RETURNING id, uid",
        )?
        .query_row((file, offset, raw), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(moved)
}

/// Finds an event by its id, and stores where its document is now: an index may be copied to
/// another one. The earlier place may still exist.
fn known_document(
    connection: &Connection,
    uid: &str,
    place: DocumentPlace<'_>,
) -> anyhow::Result<Option<(i64, String)>> {
    connection
        .prepare_cached(
            "INSERT INTO document_copies SELECT event, index_name, document, routing \
             FROM documents WHERE uid = ?1 AND index_name <> ?2 ON CONFLICT DO NOTHING",
        )?
        .execute((uid, place.index))?;
    let known = connection
        .prepare_cached(
            "UPDATE documents SET index_name = ?2, document = ?3, routing = ?4 WHERE uid = ?1 \
             RETURNING event, uid",
        )?
        .query_row((uid, place.index, place.id, place.routing), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    Ok(known)
}

/// Returns the unique id of an event. The same line of the same file always has the same id.
pub(crate) fn event_uid(identity: &[u8], offset: u64) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(identity).update(&offset.to_le_bytes());
    // 128 bits are enough to avoid collisions.
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Length of the ids that a cluster gives to documents: 15 bytes in base64.
const MADE_ID_CHARS: usize = 20;

/// Returns the unique id of an event in an index. An id that the cluster made is unique, and stays
/// when the index is copied to another one. Any other id is unique in its index only.
pub(crate) fn document_uid(index: &str, id: &str) -> String {
    let is_made = id.len() == MADE_ID_CHARS
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"document\0");
    if !is_made {
        hasher.update(index.as_bytes()).update(b"\0");
    }
    hasher.update(id.as_bytes());
    hasher.finalize().to_hex()[..32].to_owned()
}

/// The type of entry of a match by a conjunction.
pub(crate) const CONJUNCTION: &str = "conjunction";

/// Returns the number of the newest match; 0 if there is none.
pub(crate) fn last_match(connection: &Connection) -> anyhow::Result<i64> {
    let sql = "SELECT coalesce(max(id), 0) FROM matches";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Adds a match of an indicator to an event; `false` if it is known already. A retracted match
/// becomes valid again, with the details that the indicator has now: its marking decides who may
/// see the match. `parts` are the indicator's coverings: several for a conjunction.
pub(crate) fn insert_match(
    connection: &Connection,
    event: i64,
    parts: &[Covering<'_>],
    is_written: bool,
    finding: &Finding,
) -> anyhow::Result<bool> {
    let Some(Covering { found, indicator }) = parts.first() else { return Ok(false) };
    let entry = &found.matched.entry;
    let conjunction = indicator.conjunction.as_ref();
    let joined = |text: fn(&Covering<'_>) -> String| {
        parts.iter().map(text).collect::<Vec<_>>().join(" AND ")
    };
    let matched: Option<i64> = connection
        .prepare_cached(
            "INSERT INTO matches (event, feed, indicator, entry_type, entry, observable, field, \
             how, confidence, tlp, name, threats, generation, found, historic, written, told) \
             VALUES (:event, :feed, :indicator, :entry_type, :entry, :observable, :field, \
             :how, :confidence, :tlp, :name, :threats, :generation, :found, :historic, :written, \
             :told) \
             ON CONFLICT (event, feed, indicator) DO UPDATE SET retracted = NULL, reason = NULL, \
             entry_type = excluded.entry_type, entry = excluded.entry, \
             observable = excluded.observable, field = excluded.field, how = excluded.how, \
             confidence = excluded.confidence, tlp = excluded.tlp, name = excluded.name, \
             threats = excluded.threats, generation = excluded.generation, \
             found = excluded.found, historic = excluded.historic, written = excluded.written \
             WHERE retracted IS NOT NULL RETURNING id",
        )?
        .query_row(
            named_params! {
            ":event": event,
            ":feed": indicator.feed,
            ":indicator": indicator.shown_id(),
            ":entry_type": conjunction.map_or(entry.kind.stix_name(), |_| CONJUNCTION),
            ":entry": conjunction.map_or(&entry.value, |part| &part.text),
            ":observable": joined(|part| part.found.observable.clone()),
            ":field": joined(|part| part.found.field.clone()),
            ":how": conjunction.map_or(found.matched.how.name(), |_| CONJUNCTION),
            ":confidence": indicator.confidence,
            ":tlp": indicator.tlp.map(|tlp: Tlp| tlp as u8),
            ":name": indicator.name,
            ":threats": threats_json(&indicator.threats),
            ":generation": finding.generation.cast_signed(),
            ":found": finding.now.0,
            ":historic": finding.is_historic,
            ":written": is_written,
            ":told": finding.is_told,
            },
            |row| row.get(0),
        )
        .optional()?;
    let Some(matched) = matched else { return Ok(false) };
    if conjunction.is_some() {
        insert_parts(connection, matched, parts)?;
    }
    Ok(true)
}

/// Stores the parts of a match by a conjunction. Those of a retracted match are replaced.
fn insert_parts(
    connection: &Connection,
    matched: i64,
    parts: &[Covering<'_>],
) -> anyhow::Result<()> {
    connection.prepare_cached("DELETE FROM match_parts WHERE match = ?1")?.execute([matched])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO match_parts (match, entry_type, entry, observable) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for part in parts {
        let entry = &part.found.matched.entry;
        let entry_type = match entry.kind {
            EntryType::FileName => "file-name",
            kind => kind.stix_name(),
        };
        insert.execute((matched, entry_type, &entry.value, &part.found.observable))?;
    }
    Ok(())
}
