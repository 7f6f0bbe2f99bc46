//! Reads the stored matches, for people and programs.

use rusqlite::{OptionalExtension, Row, ToSql, named_params};
use threatsieve_blacklist::{Timestamp, Tlp};

use super::Store;
use super::mails::tlp_of;

/// The conditions of a list. A match must meet all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct MatchQuery {
    pub(crate) feed: Option<String>,
    /// An indicator's id.
    pub(crate) indicator: Option<String>,
    /// The host that the event is from.
    pub(crate) source: Option<String>,
    /// Part of the entry or of the observable, ignoring case.
    pub(crate) text: Option<String>,
    /// Earliest and latest time at which it was found; the latest is excluded.
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    /// Only retracted ones, or only those that are not.
    pub(crate) is_retracted: Option<bool>,
    /// Number of the last match of the page before.
    pub(crate) before: Option<i64>,
    /// Maximum number of results.
    pub(crate) limit: usize,
}

/// A match, with its event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredMatch {
    pub(crate) id: i64,
    /// The event's id in the output.
    pub(crate) event: String,
    pub(crate) occurred: Option<Timestamp>,
    pub(crate) source: Option<String>,
    /// File and line of the event; `None` for a document.
    pub(crate) path: Option<String>,
    pub(crate) line: Option<u64>,
    /// Index and id of the document; `None` for a line.
    pub(crate) index: Option<String>,
    pub(crate) document: Option<String>,
    /// The start of the line, or of the document.
    pub(crate) raw: String,
    pub(crate) feed: String,
    pub(crate) indicator: String,
    pub(crate) entry_type: String,
    pub(crate) entry: String,
    pub(crate) observable: String,
    pub(crate) field: String,
    pub(crate) how: String,
    pub(crate) confidence: Option<u8>,
    pub(crate) tlp: Option<Tlp>,
    pub(crate) name: Option<String>,
    pub(crate) generation: u64,
    pub(crate) found: Timestamp,
    pub(crate) is_historic: bool,
    pub(crate) retracted: Option<Timestamp>,
}

/// The flagged events and the matches that were found in one span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) start: Timestamp,
    pub(crate) events: u64,
    /// Those that were found in stored lines.
    pub(crate) historic: u64,
}

/// The matches that are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct MatchCounts {
    pub(crate) matches: u64,
    pub(crate) retracted: u64,
    /// Time at which the newest was found.
    pub(crate) newest: Option<Timestamp>,
}

const COLUMNS: &str = "m.id, e.uid, e.occurred, e.source, f.path, e.line, e.raw, m.feed, \
                       m.indicator, m.entry_type, m.entry, m.observable, m.field, m.how, \
                       m.confidence, m.tlp, m.name, m.generation, m.found, m.historic, \
                       m.retracted, d.index_name, d.document";

impl Store {
    /// Lists matches, the newest first. Also returns whether there are more than the limit.
    pub(crate) fn matches(&self, query: &MatchQuery) -> anyhow::Result<(Vec<StoredMatch>, bool)> {
        // Only conditions that are asked for: without the others, an index can help.
        let mut sql = format!(
            "SELECT {COLUMNS} FROM matches m JOIN events e ON e.id = m.event \
             LEFT JOIN files f ON f.id = e.file \
             LEFT JOIN documents d ON d.event = e.id WHERE 1"
        );
        let text = query.text.as_ref().map(|text| text.to_lowercase());
        let (since, until) = (query.since.map(|at| at.0), query.until.map(|at| at.0));
        let conditions: [(&str, &str, Option<&dyn ToSql>); 8] = [
            ("m.feed = :feed", ":feed", as_sql(&query.feed)),
            ("m.indicator = :indicator", ":indicator", as_sql(&query.indicator)),
            ("e.source = :source", ":source", as_sql(&query.source)),
            ("m.found >= :since", ":since", as_sql(&since)),
            ("m.found < :until", ":until", as_sql(&until)),
            ("(m.retracted IS NOT NULL) = :is", ":is", as_sql(&query.is_retracted)),
            ("m.id < :before", ":before", as_sql(&query.before)),
            (
                "(instr(lower(m.entry), :text) OR instr(lower(m.observable), :text))",
                ":text",
                as_sql(&text),
            ),
        ];
        let mut values: Vec<(&str, &dyn ToSql)> = Vec::new();
        for (condition, name, value) in conditions {
            if let Some(value) = value {
                sql.push_str(" AND ");
                sql.push_str(condition);
                values.push((name, value));
            }
        }
        // One more shows whether there are more.
        let limit = i64::try_from(query.limit)?.saturating_add(1);
        values.push((":limit", &limit));
        sql.push_str(" ORDER BY m.id DESC LIMIT :limit");
        let mut select = self.connection.prepare_cached(&sql)?;
        let rows = select.query_map(&*values, stored)?;
        let mut found = rows.collect::<Result<Vec<_>, _>>()?;
        let has_more = found.len() > query.limit;
        found.truncate(query.limit);
        Ok((found, has_more))
    }

    /// Returns the match with this number.
    pub(crate) fn one_match(&self, id: i64) -> anyhow::Result<Option<StoredMatch>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM matches m JOIN events e ON e.id = m.event \
             LEFT JOIN files f ON f.id = e.file \
             LEFT JOIN documents d ON d.event = e.id WHERE m.id = ?1"
        );
        Ok(self.connection.prepare_cached(&sql)?.query_row([id], stored).optional()?)
    }

    /// Counts the stored matches.
    pub(crate) fn match_counts(&self) -> anyhow::Result<MatchCounts> {
        let sql = "SELECT count(*), count(retracted), \
                   (SELECT found FROM matches ORDER BY id DESC LIMIT 1) FROM matches";
        Ok(self.connection.query_row(sql, [], |row| {
            let newest = row.get::<_, Option<i64>>(2)?.map(Timestamp);
            Ok(MatchCounts { matches: row.get(0)?, retracted: row.get(1)?, newest })
        })?)
    }

    /// Counts the events that were flagged from `since` on, in spans of `micros`. Spans without
    /// any are left out.
    pub(crate) fn flagged_over_time(
        &self,
        since: Timestamp,
        micros: i64,
    ) -> anyhow::Result<Vec<Bar>> {
        let mut select = self.connection.prepare_cached(
            "SELECT (found - :since) / :micros AS span, count(DISTINCT event), \
             count(DISTINCT CASE WHEN historic THEN event END) FROM matches \
             WHERE found >= :since AND retracted IS NULL GROUP BY span ORDER BY span",
        )?;
        let rows =
            select.query_map(named_params! { ":since": since.0, ":micros": micros }, |row| {
                let span: i64 = row.get(0)?;
                let start = Timestamp(since.0 + span * micros);
                Ok(Bar { start, events: row.get(1)?, historic: row.get(2)? })
            })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn as_sql<T: ToSql>(value: &Option<T>) -> Option<&dyn ToSql> {
    value.as_ref().map(|value| value as &dyn ToSql)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredMatch> {
    let time = |column| row.get::<_, Option<i64>>(column).map(|time| time.map(Timestamp));
    Ok(StoredMatch {
        id: row.get(0)?,
        event: row.get(1)?,
        occurred: time(2)?,
        source: row.get(3)?,
        path: row.get(4)?,
        line: row.get(5)?,
        raw: row.get(6)?,
        feed: row.get(7)?,
        indicator: row.get(8)?,
        entry_type: row.get(9)?,
        entry: row.get(10)?,
        observable: row.get(11)?,
        field: row.get(12)?,
        how: row.get(13)?,
        confidence: row.get(14)?,
        tlp: tlp_of(row.get(15)?),
        name: row.get(16)?,
        generation: row.get(17)?,
        found: Timestamp(row.get(18)?),
        is_historic: row.get(19)?,
        retracted: time(20)?,
        index: row.get(21)?,
        document: row.get(22)?,
    })
}
