//! What the OpenSearch cluster has of the blacklist in use.

use rusqlite::named_params;
use threatsieve_blacklist::Timestamp;

use super::Store;

/// The last push.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct LastPush {
    /// `None` before the first one.
    pub(crate) generation: Option<u64>,
    pub(crate) digest: Option<Vec<u8>>,
    pub(crate) attempted: Option<Timestamp>,
    /// When the cluster took it.
    pub(crate) taken: Option<Timestamp>,
    /// When all ingest nodes were first seen to serve it.
    pub(crate) acknowledged: Option<Timestamp>,
    /// The kind of the cluster's refusal.
    pub(crate) refused: Option<String>,
    /// Why it came to nothing.
    pub(crate) error: Option<String>,
}

impl LastPush {
    /// Whether it was of this content.
    pub(crate) fn is_of(&self, generation: u64, digest: &[u8]) -> bool {
        self.generation == Some(generation) && self.digest.as_deref() == Some(digest)
    }
}

impl Store {
    pub(crate) fn last_push(&self) -> rusqlite::Result<LastPush> {
        self.connection.query_row("SELECT * FROM push", [], |row| {
            let time = |column| row.get::<_, Option<i64>>(column).map(|time| time.map(Timestamp));
            Ok(LastPush {
                generation: row.get("generation")?,
                digest: row.get("digest")?,
                attempted: time("attempted")?,
                taken: time("taken")?,
                acknowledged: time("acknowledged")?,
                refused: row.get("refused")?,
                error: row.get("error")?,
            })
        })
    }

    pub(crate) fn set_last_push(&self, push: &LastPush) -> rusqlite::Result<()> {
        self.connection.execute(
            "UPDATE push SET generation = :generation, digest = :digest, attempted = :attempted, taken = :taken,
             acknowledged = :acknowledged, refused = :refused, error = :error",
            named_params! {
                ":generation": push.generation,
                ":digest": push.digest,
                ":attempted": push.attempted.map(|time| time.0),
                ":taken": push.taken.map(|time| time.0),
                ":acknowledged": push.acknowledged.map(|time| time.0),
                ":refused": push.refused,
                ":error": push.error,
            },
        )?;
        Ok(())
    }
}
