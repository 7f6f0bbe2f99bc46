//! The contents of a digest for one recipient in one round: new matches up to a maximum TLP,
//! grouped by listed value and by source host.

use rusqlite::{Row, Transaction, params};
use threatsieve_blacklist::{Threat, Timestamp, Tlp};

use super::mails::tlp_of;
use super::threats::threats_of;

/// Maximum number of indicators shown for one listed value. More are only counted.
const MAX_VOUCHERS: u64 = 5;
/// Maximum number of hosts shown for one listed value, and of values for one host. More are only
/// counted.
const MAX_NAMED: u64 = 5;

/// Limits of a digest's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Extent {
    /// Maximum number of listed values, and of hosts.
    pub(crate) groups: usize,
    /// Maximum number of events for one value.
    pub(crate) examples: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Digest {
    pub(crate) totals: Totals,
    /// Listed values, by confidence, then by number of events, highest first.
    pub(crate) groups: Vec<Group>,
    /// Source hosts, in the same order.
    pub(crate) sources: Vec<SourceHost>,
    /// Matches that were muted since the last mail.
    pub(crate) muted: u64,
    /// Pattern of links to events in a cluster, with `{index}` and `{id}`; the caller sets it.
    pub(crate) link: Option<String>,
}

/// Counts of all matches, shown or not.
#[derive(Debug, Clone)]
pub(crate) struct Totals {
    pub(crate) events: u64,
    /// Events found in stored lines. They are older than the indicator.
    pub(crate) historic: u64,
    pub(crate) entries: u64,
    pub(crate) sources: u64,
    /// Number of hosts, plus one if events name no host.
    pub(crate) source_groups: u64,
    pub(crate) span: Span,
    pub(crate) tlp: Option<Tlp>,
}

/// First and last event time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) first: Option<Timestamp>,
    pub(crate) last: Option<Timestamp>,
}

/// A listed value with its events.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) entry_type: String,
    pub(crate) entry: String,
    pub(crate) events: u64,
    pub(crate) historic: u64,
    pub(crate) span: Span,
    pub(crate) confidence: Option<u8>,
    pub(crate) tlp: Option<Tlp>,
    pub(crate) vouchers: Vec<Voucher>,
    pub(crate) voucher_count: u64,
    pub(crate) sources: Vec<Share>,
    pub(crate) source_count: u64,
    /// Example events, newest first.
    pub(crate) examples: Vec<Example>,
}

/// An indicator that names the value.
#[derive(Debug, Clone)]
pub(crate) struct Voucher {
    pub(crate) feed: String,
    pub(crate) indicator: String,
    pub(crate) name: Option<String>,
    pub(crate) threats: Vec<Threat>,
    pub(crate) confidence: Option<u8>,
    pub(crate) tlp: Option<Tlp>,
}

/// A host or listed value with its number of events.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    /// The name; `None` if the event names no host.
    pub(crate) name: Option<String>,
    pub(crate) events: u64,
}

/// A host that events came from.
#[derive(Debug, Clone)]
pub(crate) struct SourceHost {
    pub(crate) name: Option<String>,
    pub(crate) events: u64,
    pub(crate) historic: u64,
    pub(crate) span: Span,
    pub(crate) confidence: Option<u8>,
    pub(crate) entries: Vec<Share>,
    pub(crate) entry_count: u64,
}

/// An example event.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    /// The event's id.
    pub(crate) uid: String,
    pub(crate) occurred: Option<Timestamp>,
    pub(crate) source: Option<String>,
    pub(crate) field: String,
    pub(crate) observable: String,
    pub(crate) how: String,
    pub(crate) is_historic: bool,
    pub(crate) place: ExamplePlace,
    pub(crate) raw: String,
}

/// The place of an example event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExamplePlace {
    Line { file: String, line: u64 },
    Document { index: String, id: String },
}

impl ExamplePlace {
    /// Returns the place in few characters: `FILE:LINE`, or `INDEX/ID`.
    pub(crate) fn short(&self) -> String {
        match self {
            ExamplePlace::Line { file, line } => format!("{file}:{line}"),
            ExamplePlace::Document { index, id } => format!("{index}/{id}"),
        }
    }

    /// Returns the event's page by a pattern with `{index}` and `{id}`.
    pub(crate) fn link(&self, pattern: Option<&str>) -> Option<String> {
        let ExamplePlace::Document { index, id } = self else { return None };
        let encoded = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes())
                .collect::<String>()
                .replace('+', "%20")
        };
        Some(pattern?.replace("{index}", &encoded(index)).replace("{id}", &encoded(id)))
    }
}

/// Reads the digest up to a maximum TLP from the round's temporary tables; `None` if it is empty.
pub(crate) fn read(
    transaction: &Transaction<'_>,
    ceiling: Tlp,
    extent: Extent,
    muted: u64,
) -> anyhow::Result<Option<Digest>> {
    let reader = Reader { transaction, ceiling: ceiling as i64, extent };
    let totals = reader.totals()?;
    if totals.events == 0 {
        return Ok(None);
    }
    let link = None;
    Ok(Some(Digest { groups: reader.groups()?, sources: reader.sources()?, totals, muted, link }))
}

const COUNTS: &str = "count(DISTINCT event), \
                      count(DISTINCT CASE WHEN historic THEN event END), \
                      min(occurred), max(occurred)";

struct Reader<'a> {
    transaction: &'a Transaction<'a>,
    ceiling: i64,
    extent: Extent,
}

impl Reader<'_> {
    fn totals(&self) -> anyhow::Result<Totals> {
        let query = format!(
            "SELECT {COUNTS}, count(DISTINCT entry), count(DISTINCT source),
             count(DISTINCT ifnull(source, 0)), max(tlp)
             FROM untold WHERE level <= ?"
        );
        Ok(self.transaction.query_row(&query, [self.ceiling], |row| {
            Ok(Totals {
                events: count(row, 0)?,
                historic: count(row, 1)?,
                span: span(row, 2)?,
                entries: count(row, 4)?,
                sources: count(row, 5)?,
                source_groups: count(row, 6)?,
                tlp: tlp_of(row.get(7)?),
            })
        })?)
    }

    fn groups(&self) -> anyhow::Result<Vec<Group>> {
        let query = format!(
            "SELECT {COUNTS}, count(DISTINCT source), max(confidence), max(tlp),
             entry_type, n.entry, n.id
             FROM untold p JOIN untold_entries n ON n.id = p.entry WHERE level <= ?
             GROUP BY p.entry ORDER BY max(rank) DESC, 1 DESC, n.entry, entry_type LIMIT ?"
        );
        let mut statement = self.transaction.prepare(&query)?;
        let mut rows = statement.query(params![self.ceiling, self.extent.groups as i64])?;
        let mut groups = Vec::new();
        while let Some(row) = rows.next()? {
            let id = row.get(9)?;
            let (vouchers, voucher_count) = self.vouchers(id)?;
            groups.push(Group {
                events: count(row, 0)?,
                historic: count(row, 1)?,
                span: span(row, 2)?,
                source_count: count(row, 4)?,
                confidence: row.get(5)?,
                tlp: tlp_of(row.get(6)?),
                entry_type: row.get(7)?,
                entry: row.get(8)?,
                vouchers,
                voucher_count,
                sources: self.shares(
                    "SELECT s.source, count(DISTINCT event) FROM untold p
                     LEFT JOIN untold_sources s ON s.id = p.source
                     WHERE p.entry IS ?1 AND level <= ?2 GROUP BY p.source
                     ORDER BY 2 DESC, 1 LIMIT ?3",
                    Some(id),
                )?,
                examples: self.examples(id)?,
            });
        }
        Ok(groups)
    }

    fn vouchers(&self, entry: i64) -> anyhow::Result<(Vec<Voucher>, u64)> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT feed, indicator, max(m.name), max(m.confidence), max(m.tlp), count(*) OVER (),
             max(m.threats)
             FROM untold p JOIN matches m ON m.id = p.match WHERE p.entry = ? AND level <= ?
             GROUP BY feed, indicator
             ORDER BY max(rank) DESC, max(m.confidence) DESC, feed, indicator LIMIT ?",
        )?;
        let mut rows = statement.query(params![entry, self.ceiling, MAX_VOUCHERS as i64])?;
        let (mut vouchers, mut all) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            all = count(row, 5)?;
            vouchers.push(Voucher {
                feed: row.get(0)?,
                indicator: row.get(1)?,
                name: row.get(2)?,
                threats: threats_of(row.get::<_, Option<String>>(6)?.as_deref(), self.ceiling),
                confidence: row.get(3)?,
                tlp: tlp_of(row.get(4)?),
            });
        }
        Ok((vouchers, all))
    }

    fn shares(&self, query: &str, of: Option<i64>) -> anyhow::Result<Vec<Share>> {
        let mut statement = self.transaction.prepare_cached(query)?;
        let rows = statement.query_map(params![of, self.ceiling, MAX_NAMED as i64], |row| {
            Ok(Share { name: row.get(0)?, events: count(row, 1)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn examples(&self, entry: i64) -> anyhow::Result<Vec<Example>> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT e.id, e.occurred, e.source, m.field, m.observable, m.how, m.historic,
             f.path, e.line, e.raw, e.uid, d.index_name, d.document
             FROM untold p JOIN matches m ON m.id = p.match JOIN events e ON e.id = m.event
             LEFT JOIN files f ON f.id = e.file LEFT JOIN documents d ON d.event = e.id
             WHERE p.entry = ? AND p.level <= ? ORDER BY p.occurred DESC",
        )?;
        let mut rows = statement.query(params![entry, self.ceiling])?;
        let (mut examples, mut events) = (Vec::new(), Vec::<i64>::new());
        // Rows come from the index in order, so no more are read than are shown.
        while examples.len() < self.extent.examples
            && let Some(row) = rows.next()?
        {
            let event = row.get(0)?;
            if events.contains(&event) {
                continue;
            }
            events.push(event);
            examples.push(Example {
                occurred: row.get::<_, Option<i64>>(1)?.map(Timestamp),
                source: row.get(2)?,
                field: row.get(3)?,
                observable: row.get(4)?,
                how: row.get(5)?,
                is_historic: row.get(6)?,
                place: match row.get(7)? {
                    Some(file) => ExamplePlace::Line { file, line: count(row, 8)? },
                    None => ExamplePlace::Document { index: row.get(11)?, id: row.get(12)? },
                },
                raw: row.get(9)?,
                uid: row.get(10)?,
            });
        }
        Ok(examples)
    }

    fn sources(&self) -> anyhow::Result<Vec<SourceHost>> {
        let query = format!(
            "SELECT {COUNTS}, count(DISTINCT entry), max(confidence), s.source, p.source
             FROM untold p LEFT JOIN untold_sources s ON s.id = p.source WHERE level <= ?
             GROUP BY p.source ORDER BY max(rank) DESC, 1 DESC, s.source LIMIT ?"
        );
        let mut statement = self.transaction.prepare(&query)?;
        let mut rows = statement.query(params![self.ceiling, self.extent.groups as i64])?;
        let mut sources = Vec::new();
        while let Some(row) = rows.next()? {
            sources.push(SourceHost {
                events: count(row, 0)?,
                historic: count(row, 1)?,
                span: span(row, 2)?,
                entry_count: count(row, 4)?,
                confidence: row.get(5)?,
                name: row.get(6)?,
                entries: self.shares(
                    "SELECT n.entry, count(DISTINCT event) FROM untold p
                     JOIN untold_entries n ON n.id = p.entry
                     WHERE p.source IS ?1 AND level <= ?2 GROUP BY p.entry
                     ORDER BY max(rank) DESC, 2 DESC, 1 LIMIT ?3",
                    row.get(7)?,
                )?,
            });
        }
        Ok(sources)
    }
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}

fn span(row: &Row<'_>, column: usize) -> rusqlite::Result<Span> {
    Ok(Span {
        first: row.get::<_, Option<i64>>(column)?.map(Timestamp),
        last: row.get::<_, Option<i64>>(column + 1)?.map(Timestamp),
    })
}

impl Digest {
    /// Halves the number of shown items; `false` if no more can be left out.
    pub(crate) fn halve(&mut self) -> bool {
        fn halve<T>(items: &mut Vec<T>) -> bool {
            let more = items.len() > 1;
            items.truncate(items.len().div_ceil(2));
            more
        }
        let mut halved = halve(&mut self.groups) | halve(&mut self.sources);
        for group in &mut self.groups {
            halved |=
                halve(&mut group.examples) | halve(&mut group.sources) | halve(&mut group.vouchers);
        }
        for source in &mut self.sources {
            halved |= halve(&mut source.entries);
        }
        halved
    }
}
