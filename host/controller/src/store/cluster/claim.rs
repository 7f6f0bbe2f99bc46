//! This state's claim to the cluster.

use rusqlite::OptionalExtension;

use crate::store::Store;

/// The claim, as the state knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnClaim {
    /// A random text that names this state.
    pub(crate) owner: String,
    /// The last number that it wrote into the claim.
    pub(crate) turn: u64,
    /// The holder, if it is another one.
    pub(crate) refused: Option<String>,
}

impl Store {
    /// Returns the claim; the first time, makes the name of this state.
    pub(crate) fn own_claim(&self) -> anyhow::Result<OwnClaim> {
        if let Some(claim) = self.known_claim()? {
            return Ok(claim);
        }
        let owner = uuid::Uuid::from_u128(fastrand::u128(..)).to_string();
        self.connection
            .execute("INSERT INTO cluster_claim (id, owner) VALUES (1, ?1)", [&owner])?;
        Ok(OwnClaim { owner, turn: 0, refused: None })
    }

    /// Returns the claim; `None` if this state never used a cluster.
    pub(crate) fn known_claim(&self) -> anyhow::Result<Option<OwnClaim>> {
        let sql = "SELECT owner, turn, refused FROM cluster_claim";
        let claim = self.connection.query_row(sql, [], |row| {
            let turn = row.get::<_, i64>(1)?.cast_unsigned();
            Ok(OwnClaim { owner: row.get(0)?, turn, refused: row.get(2)? })
        });
        Ok(claim.optional()?)
    }

    /// Stores the number in the claim, before it is written.
    pub(crate) fn set_claim(&self, turn: u64) -> anyhow::Result<()> {
        self.connection
            .execute("UPDATE cluster_claim SET turn = ?1, refused = NULL", [turn.cast_signed()])?;
        Ok(())
    }

    /// Stores that another controller holds the cluster.
    pub(crate) fn refuse_claim(&self, holder: &str) -> anyhow::Result<()> {
        self.connection.execute("UPDATE cluster_claim SET refused = ?1", [holder])?;
        Ok(())
    }
}
