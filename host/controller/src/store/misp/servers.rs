//! The servers: whether they are paused, and since when they fail.

use rusqlite::{OptionalExtension, Row};
use threatsieve_blacklist::Timestamp;

use crate::store::Store;

/// The state of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerState {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// The reason why nothing is sent to it.
    pub(crate) paused: Option<String>,
    pub(crate) paused_since: Option<Timestamp>,
    /// An operator paused it, so only an operator resumes it.
    pub(crate) by_operator: bool,
    /// Time before which it is not tried again.
    pub(crate) next_attempt: Option<Timestamp>,
    /// Number of faults in a row.
    pub(crate) failures: u32,
}

const COLUMNS: &str = "id, name, paused, paused_since, by_operator, next_attempt, failures";

fn server(row: &Row<'_>) -> rusqlite::Result<ServerState> {
    let time = |column| row.get::<_, Option<i64>>(column).map(|time| time.map(Timestamp));
    Ok(ServerState {
        id: row.get(0)?,
        name: row.get(1)?,
        paused: row.get(2)?,
        paused_since: time(3)?,
        by_operator: row.get(4)?,
        next_attempt: time(5)?,
        failures: row.get(6)?,
    })
}

impl Store {
    /// Returns the state of a server. Adds a row for a new one.
    pub(crate) fn misp_server(&self, name: &str) -> anyhow::Result<ServerState> {
        self.connection
            .prepare_cached("INSERT INTO misp_servers (name) VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute([name])?;
        let sql = format!("SELECT {COLUMNS} FROM misp_servers WHERE name = ?1");
        Ok(self.connection.prepare_cached(&sql)?.query_row([name], server)?)
    }

    /// Returns the state of a server; `None` before its first round.
    pub(crate) fn known_misp_server(&self, name: &str) -> anyhow::Result<Option<ServerState>> {
        let sql = format!("SELECT {COLUMNS} FROM misp_servers WHERE name = ?1");
        Ok(self.connection.prepare_cached(&sql)?.query_row([name], server).optional()?)
    }

    /// Pauses a server; it is tried again at `next_attempt`, unless an operator pauses it. A pause
    /// that lasts keeps its start, and an operator's pause stays one.
    pub(crate) fn pause_misp(
        &self,
        server: i64,
        why: &str,
        by_operator: bool,
        next_attempt: Option<Timestamp>,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        self.connection.execute(
            "UPDATE misp_servers SET paused = ?2, paused_since = coalesce(paused_since, ?3),
             by_operator = max(by_operator, ?4), next_attempt = ?5, failures = failures + 1
             WHERE id = ?1",
            (server, why, now.0, by_operator, next_attempt.map(|time| time.0)),
        )?;
        Ok(())
    }

    /// Ends a pause.
    pub(crate) fn resume_misp(&self, server: i64) -> anyhow::Result<()> {
        self.connection.execute(
            "UPDATE misp_servers SET paused = NULL, paused_since = NULL, by_operator = 0,
             next_attempt = NULL, failures = 0 WHERE id = ?1",
            [server],
        )?;
        Ok(())
    }

    /// Stores that a server cannot be reached or is overloaded, and when it is tried again.
    pub(crate) fn misp_away(&self, server: i64, next_attempt: Timestamp) -> anyhow::Result<()> {
        self.connection.execute(
            "UPDATE misp_servers SET next_attempt = ?2, failures = failures + 1 WHERE id = ?1",
            (server, next_attempt.0),
        )?;
        Ok(())
    }

    /// Returns the last match that was considered for a sighting on a server.
    pub(crate) fn sightings_position(&self, server: i64) -> anyhow::Result<i64> {
        let sql = "SELECT sightings FROM misp_servers WHERE id = ?1";
        Ok(self.connection.query_row(sql, [server], |row| row.get(0))?)
    }

    pub(crate) fn set_sightings_position(&self, server: i64, last: i64) -> anyhow::Result<()> {
        let sql = "UPDATE misp_servers SET sightings = ?2 WHERE id = ?1";
        self.connection.execute(sql, (server, last))?;
        Ok(())
    }
}
