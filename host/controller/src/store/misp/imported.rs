//! Packages that an earlier program sent to a server. When such a package comes, it counts as sent;
//! if its event is not known, the server is searched for it first.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension};

use crate::store::Store;
use crate::store::feeds::feed_id;

impl Store {
    /// Stores packages with the numbers of their events. What is known already stays. Returns how
    /// many are new.
    pub(crate) fn import_misp_packages(
        &mut self,
        server: &str,
        feed: &str,
        packages: &BTreeMap<String, Option<i64>>,
    ) -> anyhow::Result<u64> {
        let server = self.misp_server(server)?.id;
        let transaction = self.write()?;
        let feed = feed_id(&transaction, feed)?;
        let mut insert = transaction.prepare_cached(
            "INSERT INTO misp_imported (server, feed, package, event) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?;
        let mut new = 0;
        for (package, event) in packages {
            new += insert.execute((server, feed, package, event))? as u64;
        }
        drop(insert);
        transaction.commit()?;
        Ok(new)
    }
}

/// Returns the number of the event of a package that an earlier program sent over a link, if that
/// is known; `None` if no earlier program sent the package.
pub(super) fn imported(
    connection: &Connection,
    link: i64,
    package: &str,
) -> anyhow::Result<Option<Option<i64>>> {
    let mut event = connection.prepare_cached(
        "SELECT event FROM misp_imported JOIN misp_feeds USING (server, feed)
         WHERE misp_feeds.id = ?1 AND misp_imported.package = ?2",
    )?;
    Ok(event.query_row((link, package), |row| row.get(0)).optional()?)
}
