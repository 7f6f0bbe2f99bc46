//! The last push to the OpenSearch cluster.

use std::collections::BTreeMap;

use rusqlite::named_params;
use threatsieve_blacklist::Timestamp;

use super::Store;
use super::feeds::json;

/// Number of unchecked events on each node of the cluster since it started, by the node's name.
pub(crate) type Unchecked = BTreeMap<String, u64>;

/// The last push.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct LastPush {
    /// The generation that was pushed; `None` before the first push.
    pub(crate) generation: Option<u64>,
    pub(crate) digest: Option<Vec<u8>>,
    pub(crate) attempted: Option<Timestamp>,
    /// Time at which the cluster accepted it.
    pub(crate) taken: Option<Timestamp>,
    /// Time at which all ingest nodes first served it.
    pub(crate) acknowledged: Option<Timestamp>,
    /// Kind of the cluster's refusal.
    pub(crate) refused: Option<String>,
    /// Error of the push that failed.
    pub(crate) error: Option<String>,
    /// Counts from the last query of the nodes; `None` before the first query.
    pub(crate) unchecked: Option<Unchecked>,
    /// Increase of these counts since the query before.
    pub(crate) newly_unchecked: u64,
}

impl LastPush {
    /// Returns how many unchecked events were added since the last query. Counting starts with the
    /// first query. If a count shrank, its node was restarted.
    pub(crate) fn newly_unchecked(&self, now: &Unchecked) -> u64 {
        let Some(before) = &self.unchecked else { return 0 };
        let grown = |(node, count): (&String, &u64)| {
            let before = before.get(node).copied().unwrap_or(0);
            count.checked_sub(before).unwrap_or(*count)
        };
        now.iter().map(grown).sum()
    }

    /// Returns whether the push had this content.
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
                unchecked: json(row, "unchecked")?,
                newly_unchecked: row.get("newly_unchecked")?,
            })
        })
    }

    pub(crate) fn set_last_push(&self, push: &LastPush) -> rusqlite::Result<()> {
        self.connection.execute(
            "UPDATE push SET generation = :generation, digest = :digest, attempted = :attempted,
             taken = :taken,
             acknowledged = :acknowledged, refused = :refused, error = :error,
             unchecked = :unchecked, newly_unchecked = :newly_unchecked",
            named_params! {
                ":generation": push.generation,
                ":digest": push.digest,
                ":attempted": push.attempted.map(|time| time.0),
                ":taken": push.taken.map(|time| time.0),
                ":acknowledged": push.acknowledged.map(|time| time.0),
                ":refused": push.refused,
                ":error": push.error,
                ":unchecked": push.unchecked.as_ref()
                    .map(|counts| serde_json::json!(counts).to_string()),
                ":newly_unchecked": push.newly_unchecked,
            },
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchecked_events_are_counted_from_one_time_to_the_next() {
        let counts = |counts: &[(&str, u64)]| -> Unchecked {
            counts.iter().map(|(node, count)| ((*node).to_owned(), *count)).collect()
        };
        let mut push = LastPush::default();
        assert_eq!(push.newly_unchecked(&counts(&[("a", 7)])), 0, "counting begins");
        push.unchecked = Some(counts(&[("a", 7), ("b", 5)]));
        assert_eq!(push.newly_unchecked(&counts(&[("a", 7), ("b", 5)])), 0);
        assert_eq!(push.newly_unchecked(&counts(&[("a", 9), ("b", 1), ("c", 4)])), 2 + 1 + 4);
    }
}
