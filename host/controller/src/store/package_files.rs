//! Files to which packages of STIX 1.x are written: their names, and how far each feed's packages
//! are written to a folder.

use rusqlite::OptionalExtension;

use super::Store;
use super::feeds::feed_id;

impl Store {
    /// Returns the number of the last package of a feed that was written to a folder; 0 before the
    /// first.
    pub(crate) fn package_position(&self, feed: &str, folder: &str) -> anyhow::Result<i64> {
        let mut position = self.connection.prepare_cached(
            "SELECT position FROM package_folders JOIN feeds ON feeds.id = feed
             WHERE feeds.name = ?1 AND folder = ?2",
        )?;
        Ok(position.query_row((feed, folder), |row| row.get(0)).optional()?.unwrap_or(0))
    }

    /// Stores that the packages of a feed are written to a folder, up to this number.
    pub(crate) fn set_package_position(
        &mut self,
        feed: &str,
        folder: &str,
        number: i64,
    ) -> anyhow::Result<()> {
        let transaction = self.write()?;
        transaction
            .prepare_cached(
                "INSERT INTO package_folders (feed, folder, position) VALUES (?1, ?2, ?3)
                 ON CONFLICT (feed, folder) DO UPDATE SET position = excluded.position",
            )?
            .execute((feed_id(&transaction, feed)?, folder, number))?;
        Ok(transaction.commit()?)
    }

    /// Counts the packages of a feed that are not written to a folder yet. `None` is a folder that
    /// is missing: then the folder counts to which most are written.
    pub(crate) fn waiting_packages(&self, feed: &str, folder: Option<&str>) -> anyhow::Result<u64> {
        let mut count = self.connection.prepare_cached(
            "SELECT count(*) FROM packages JOIN feeds ON feeds.id = packages.feed
             WHERE feeds.name = ?1 AND dropped IS NULL AND number > coalesce((SELECT max(position)
             FROM package_folders WHERE feed = feeds.id AND folder = coalesce(?2, folder)), 0)",
        )?;
        Ok(count.query_row((feed, folder), |row| row.get(0))?)
    }

    /// Returns the names of the files of a feed's packages in a folder. A new package gets the
    /// first of its names that no other package has there, in upper or lower case: `name` makes
    /// the first, the second, and so on, from its id.
    pub(crate) fn package_file_names(
        &mut self,
        feed: &str,
        folder: &str,
        ids: &[&str],
        name: impl Fn(&str, u32) -> String,
    ) -> anyhow::Result<Vec<String>> {
        let transaction = self.write()?;
        let feed = feed_id(&transaction, feed)?;
        let mut known = transaction.prepare_cached(
            "SELECT name FROM package_files WHERE folder = ?1 AND feed = ?2 AND package = ?3",
        )?;
        let mut insert = transaction.prepare_cached(
            "INSERT INTO package_files (folder, folded, name, feed, package)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (folder, folded) DO NOTHING",
        )?;
        let mut names = Vec::new();
        for id in ids {
            if let Some(name) = known.query_row((folder, feed, id), |row| row.get(0)).optional()? {
                names.push(name);
                continue;
            }
            let mut attempt = 0;
            names.push(loop {
                let name = name(id, attempt);
                let folded = name.to_ascii_lowercase();
                if insert.execute((folder, folded, &name, feed, id))? > 0 {
                    break name;
                }
                attempt += 1;
            });
        }
        drop((known, insert));
        transaction.commit()?;
        Ok(names)
    }

    /// Returns whether a file of this name in a folder is a package's.
    pub(crate) fn is_package_file(&self, folder: &str, name: &str) -> anyhow::Result<bool> {
        let mut known = self
            .connection
            .prepare_cached("SELECT 1 FROM package_files WHERE folder = ?1 AND folded = ?2")?;
        Ok(known.exists((folder, name.to_ascii_lowercase()))?)
    }
}
