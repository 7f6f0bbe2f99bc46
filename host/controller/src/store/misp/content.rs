//! The content of an event: the indicators that are assigned to it, and the values that the server
//! refuses.

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
    /// Its last statement; `None` if it is not known any more.
    pub(crate) statement: Option<Statement>,
    /// False if it is not in force any more.
    pub(crate) is_active: bool,
    pub(crate) threats: Vec<Threat>,
}

/// A value that a server refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The attribute's UUID.
    pub(crate) uuid: [u8; 16],
    pub(crate) value: String,
    pub(crate) reason: String,
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
        let is_active = row.get::<_, Option<i64>>(3)? == Some(ACTIVE);
        let body = row.get_ref(4)?.as_blob_or_null()?;
        let statement = body.map(|body| Statement::decode(&id, body)).transpose()?;
        let threats = threats_of_indicator(connection, row.get(5)?, &id)?;
        visit(Standing { id, dates, statement, is_active, threats })?;
    }
    Ok(())
}

impl Store {
    /// Returns the values of an event that the server refuses.
    pub(crate) fn misp_refused_values(&self, event: i64) -> anyhow::Result<Vec<Refused>> {
        let mut select = self
            .connection
            .prepare_cached("SELECT uuid, value, reason FROM misp_refused WHERE event = ?1")?;
        let rows = select.query_map([event], |row| {
            Ok(Refused { uuid: row.get(0)?, value: row.get(1)?, reason: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Replaces the values of an event that the server refuses.
    pub(crate) fn set_misp_refused(
        &mut self,
        event: i64,
        refused: &[Refused],
    ) -> anyhow::Result<()> {
        let transaction = self.write()?;
        transaction.execute("DELETE FROM misp_refused WHERE event = ?1", [event])?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO misp_refused (event, uuid, value, reason)
                 VALUES (?1, ?2, ?3, ?4)",
            )?;
            for one in refused {
                insert.execute((event, one.uuid, &one.value, &one.reason))?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}
