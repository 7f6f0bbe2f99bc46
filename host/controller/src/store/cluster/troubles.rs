//! Indices that are left out, with the reason.

use std::collections::BTreeMap;

use threatsieve_blacklist::Timestamp;

use crate::store::Store;

/// An index that is left out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct IndexTrouble {
    pub(crate) index: String,
    pub(crate) reason: String,
    /// Time since which it is left out, as RFC 3339.
    pub(crate) since: String,
}

impl Store {
    /// Replaces the list of indices that are left out. Returns those that are new in it.
    pub(crate) fn set_index_troubles(
        &mut self,
        troubles: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> anyhow::Result<Vec<String>> {
        let transaction = self.write()?;
        let mut gone = Vec::new();
        let mut statement = transaction.prepare("SELECT index_name FROM index_troubles")?;
        for name in statement.query_map([], |row| row.get::<_, String>(0))? {
            let name = name?;
            if !troubles.contains_key(&name) {
                gone.push(name);
            }
        }
        drop(statement);
        for name in gone {
            transaction.execute("DELETE FROM index_troubles WHERE index_name = ?1", [name])?;
        }
        let mut new = Vec::new();
        for (index, what) in troubles {
            let rows = transaction.execute(
                "UPDATE index_troubles SET what = ?2 WHERE index_name = ?1",
                (index, what),
            )?;
            if rows == 0 {
                transaction.execute(
                    "INSERT INTO index_troubles (index_name, what, since) VALUES (?1, ?2, ?3)",
                    (index, what, now.0),
                )?;
                new.push(index.clone());
            }
        }
        transaction.commit()?;
        Ok(new)
    }

    /// Returns the indices that are left out.
    pub(crate) fn index_troubles(&self) -> anyhow::Result<Vec<IndexTrouble>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT index_name, what, since FROM index_troubles ORDER BY index_name",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(IndexTrouble {
                index: row.get(0)?,
                reason: row.get(1)?,
                since: threatsieve_flag::rfc3339(Timestamp(row.get(2)?)),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
