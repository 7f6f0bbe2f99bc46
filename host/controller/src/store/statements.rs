//! Reads indicators' statements for a build: those in force, and those that changed since the last
//! build.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Row, Rows, Transaction};
use threatsieve_blacklist::Timestamp;

use super::body::Statement;
use super::{ACTIVE, REVOKED};

/// The decision whether to continue with the next row.
pub(crate) type Walk = anyhow::Result<ControlFlow<()>>;

/// The dates of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowDates {
    /// The publisher's last change.
    pub(crate) modified: Option<Timestamp>,
    /// The last change of the row.
    pub(crate) changed: Timestamp,
}

impl RowDates {
    /// Reads two columns, from the given one on.
    pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<RowDates> {
        let modified = row.get::<_, Option<i64>>(first)?.map(Timestamp);
        Ok(RowDates { modified, changed: Timestamp(row.get(first + 1)?) })
    }
}

/// A row that changed since the last build.
pub(crate) struct Changed {
    pub(crate) id: String,
    pub(crate) dates: RowDates,
    /// Its statement at the last build; `None` if it was not in force.
    pub(crate) former: Option<Statement>,
    /// Its statement now; `None` if it is not in force any more.
    pub(crate) now: Option<Statement>,
    /// True if its flags were retracted. All of its values then count as new.
    pub(crate) is_withdrawn: bool,
}

/// Returns the number of a feed; `None` if it never delivered anything.
pub(crate) fn feed_number(connection: &Connection, name: &str) -> anyhow::Result<Option<i64>> {
    let row =
        connection.query_row("SELECT id FROM feeds WHERE name = ?1", [name], |row| row.get(0));
    Ok(row.optional()?)
}

/// Visits the statements of a feed that are in force, in the order of the identifiers. Passes the
/// identifier, the dates and the statement.
pub(crate) fn walk_active(
    transaction: &Transaction<'_>,
    feed: i64,
    visit: impl FnMut(&str, RowDates, Statement) -> Walk,
) -> anyhow::Result<()> {
    let mut select = transaction.prepare_cached(
        "SELECT id, modified, changed, body FROM indicators WHERE feed = ?1 AND state = ?2 \
         ORDER BY id",
    )?;
    visit_statements(select.query((feed, ACTIVE))?, visit)
}

/// Visits the statements of a feed that are in force and newly count since a generation, as
/// [`walk_active`] does.
pub(crate) fn walk_new(
    transaction: &Transaction<'_>,
    feed: i64,
    since: u64,
    visit: impl FnMut(&str, RowDates, Statement) -> Walk,
) -> anyhow::Result<()> {
    let mut select = transaction.prepare_cached(
        "SELECT id, modified, changed, body FROM indicators JOIN new_indicators n USING (feed, id) \
         WHERE feed = ?1 AND state = ?2 AND n.generation > ?3 ORDER BY id",
    )?;
    visit_statements(select.query((feed, ACTIVE, since.cast_signed()))?, visit)
}

fn visit_statements(
    mut rows: Rows<'_>,
    mut visit: impl FnMut(&str, RowDates, Statement) -> Walk,
) -> anyhow::Result<()> {
    while let Some(row) = rows.next()? {
        let id = row.get_ref(0)?.as_str()?;
        let dates = RowDates::read(row, 1)?;
        let statement = Statement::decode(id, row.get_ref(3)?.as_blob()?)?;
        if visit(id, dates, statement)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Visits the rows of a feed that changed since the last build.
pub(crate) fn walk_changed(
    transaction: &Transaction<'_>,
    feed: i64,
    mut visit: impl FnMut(Changed) -> Walk,
) -> anyhow::Result<()> {
    let mut select = transaction.prepare_cached(
        "SELECT pending.id, former, CASE state WHEN ?2 THEN body END, withdrawn, modified, \
         coalesce(changed, 0) FROM pending \
         LEFT JOIN indicators USING (feed, id) WHERE pending.feed = ?1",
    )?;
    let mut rows = select.query((feed, ACTIVE))?;
    while let Some(row) = rows.next()? {
        let id = row.get_ref(0)?.as_str()?.to_owned();
        let (former, now) = (statement(row, &id, 1)?, statement(row, &id, 2)?);
        let is_withdrawn = row.get::<_, Option<bool>>(3)?.unwrap_or_default();
        let dates = RowDates::read(row, 4)?;
        if visit(Changed { id, dates, former, now, is_withdrawn })?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Returns whether an indicator in force has a value other than this entry's.
pub(crate) fn has_other_values(
    connection: &Connection,
    feed: &str,
    id: &str,
    entry: &str,
) -> anyhow::Result<bool> {
    let mut select = connection.prepare_cached(
        "SELECT body FROM feeds JOIN indicators ON indicators.feed = feeds.id \
         WHERE name = ?1 AND indicators.id = ?2 AND state = ?3",
    )?;
    let mut rows = select.query((feed, id, ACTIVE))?;
    let Some(row) = rows.next()? else { return Ok(false) };
    let statement = Statement::decode(id, row.get_ref(0)?.as_blob()?)?;
    Ok(statement.parts.iter().flat_map(|part| &part.values).any(|value| value.to_string() != entry))
}

/// Returns the number of values that left because their indicators were revoked since the last
/// build.
pub(crate) fn revoked_values(transaction: &Transaction<'_>) -> anyhow::Result<u64> {
    let mut select = transaction.prepare(
        "SELECT pending.id, former FROM pending JOIN indicators USING (feed, id) \
         WHERE former IS NOT NULL AND state = ?1",
    )?;
    let mut rows = select.query([REVOKED])?;
    let mut values = 0;
    while let Some(row) = rows.next()? {
        let former = Statement::decode(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_blob()?)?;
        values += former.parts.iter().map(|part| part.values.len() as u64).sum::<u64>();
    }
    Ok(values)
}

fn statement(row: &Row<'_>, id: &str, column: usize) -> anyhow::Result<Option<Statement>> {
    let body = row.get_ref(column)?.as_blob_or_null()?;
    body.map(|body| Statement::decode(id, body)).transpose()
}
