//! The content of an event: the indicators that are assigned to it, and the attributes that the
//! server was seen to have.

use std::collections::BTreeMap;

use rusqlite::Connection;
use threatsieve_blacklist::Threat;

use crate::store::Store;
use crate::store::body::Statement;
use crate::store::ingest::ACTIVE;
use crate::store::statements::RowDates;
use crate::store::threats::threats_of_indicator;

/// An indicator of an event.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) id: String,
    pub(crate) dates: RowDates,
    /// Its statement; `None` if it is not in force any more.
    pub(crate) statement: Option<Statement>,
    pub(crate) threats: Vec<Threat>,
}

/// An attribute of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// Its value, as in `matches.entry`.
    pub(crate) value: String,
    /// Why the server refuses it; `None` if it has it.
    pub(crate) refused: Option<String>,
}

/// Visits the indicators of an event in the order of their ids.
pub(crate) fn walk_event(
    connection: &Connection,
    event: i64,
    mut visit: impl FnMut(Standing) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut select = connection.prepare_cached(
        "SELECT named.indicator, modified, coalesce(changed, 0), state, body, misp_feeds.feed
         FROM misp_indicators AS named JOIN misp_feeds ON misp_feeds.id = named.misp_feed
         LEFT JOIN indicators ON indicators.feed = misp_feeds.feed
             AND indicators.id = named.indicator
         WHERE event = ?1 ORDER BY named.indicator",
    )?;
    let mut rows = select.query([event])?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let dates = RowDates::read(row, 1)?;
        let statement = match row.get::<_, Option<i64>>(3)? {
            Some(ACTIVE) => Some(Statement::decode(&id, row.get_ref(4)?.as_blob()?)?),
            _ => None,
        };
        let threats = threats_of_indicator(connection, row.get(5)?, &id)?;
        visit(Standing { id, dates, statement, threats })?;
    }
    Ok(())
}

impl Store {
    /// Returns the attributes of an event that were sent or refused before, by their UUIDs.
    pub(crate) fn misp_attributes(&self, event: i64) -> anyhow::Result<BTreeMap<[u8; 16], Held>> {
        let mut select = self
            .connection
            .prepare_cached("SELECT uuid, value, refused FROM misp_attributes WHERE event = ?1")?;
        let rows = select.query_map([event], |row| {
            Ok((row.get(0)?, Held { value: row.get(1)?, refused: row.get(2)? }))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Stores attributes of an event that the server has or refuses.
    pub(crate) fn hold_misp_attributes<'a>(
        &mut self,
        event: i64,
        attributes: impl Iterator<Item = ([u8; 16], &'a str, Option<&'a str>)>,
    ) -> anyhow::Result<()> {
        let transaction = self.write()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO misp_attributes (event, uuid, value, refused)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET value = excluded.value, refused = excluded.refused",
            )?;
            for (uuid, value, refused) in attributes {
                insert.execute((event, uuid, value, refused))?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}
