//! Matches and generations, as the API shows them.

use std::collections::BTreeMap;

use serde::Serialize;
use threatsieve_blacklist::Tlp;
use utoipa::ToSchema;

use crate::store::generations::Generation;
use crate::store::matches::StoredMatch;
use crate::text::Rfc3339;

/// A match: an event, and an indicator that covers it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MatchStatus {
    /// Number of the match in the state.
    pub(crate) id: i64,
    /// The event's id in the output.
    pub(crate) event: String,
    /// The event's own time.
    pub(crate) occurred: Option<Rfc3339>,
    /// The host that the event is from.
    pub(crate) source: Option<String>,
    /// The log file and the line in it; `null` for a document.
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u64>,
    /// The index and the id of the document in it; `null` for a line.
    pub(crate) index: Option<String>,
    pub(crate) document: Option<String>,
    /// The start of the line, or of the document.
    pub(crate) raw: String,
    pub(crate) feed: String,
    pub(crate) indicator: String,
    /// The indicator's title.
    pub(crate) name: Option<String>,
    pub(crate) entry_type: String,
    pub(crate) entry: String,
    pub(crate) observable: String,
    /// The event's field that has the observable.
    pub(crate) field: String,
    /// The way in which the entry covers the observable.
    pub(crate) r#match: String,
    pub(crate) confidence: Option<u8>,
    pub(crate) tlp: Option<&'static str>,
    pub(crate) generation: u64,
    pub(crate) found: Rfc3339,
    /// Found in stored lines, which were matched before.
    pub(crate) historic: bool,
    pub(crate) retracted: Option<Rfc3339>,
}

impl From<StoredMatch> for MatchStatus {
    fn from(one: StoredMatch) -> MatchStatus {
        MatchStatus {
            id: one.id,
            event: one.event,
            occurred: one.occurred.map(Rfc3339),
            source: one.source,
            file: one.path,
            line: one.line,
            index: one.index,
            document: one.document,
            raw: one.raw,
            feed: one.feed,
            indicator: one.indicator,
            name: one.name,
            entry_type: one.entry_type,
            entry: one.entry,
            observable: one.observable,
            field: one.field,
            r#match: one.how,
            confidence: one.confidence,
            tlp: one.tlp.map(Tlp::name),
            generation: one.generation,
            found: Rfc3339(one.found),
            historic: one.is_historic,
            retracted: one.retracted.map(Rfc3339),
        }
    }
}

/// A generation of the blacklist.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GenerationStatus {
    pub(crate) generation: u64,
    pub(crate) built: Rfc3339,
    pub(crate) entries: u64,
    /// Numbers of entries by type, with the names of STIX; empty if an earlier version built it.
    pub(crate) types: BTreeMap<String, u64>,
    /// The blacklist's own digest, in hexadecimal.
    pub(crate) digest: String,
    /// New lines are matched with it.
    pub(crate) in_use: bool,
}

impl GenerationStatus {
    pub(crate) fn new(generation: Generation, in_use: Option<u64>) -> GenerationStatus {
        GenerationStatus {
            in_use: in_use == Some(generation.generation),
            generation: generation.generation,
            built: Rfc3339(generation.built),
            entries: generation.entries,
            types: generation.types,
            digest: generation.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}
