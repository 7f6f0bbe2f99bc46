//! What the OpenSearch cluster has of the blacklist in use.

use std::collections::BTreeMap;

use rusqlite::named_params;
use threatsieve_blacklist::Timestamp;

use super::Store;
use super::feeds::json;

/// Events that a cluster's nodes did not check since they started, by the node's name.
pub(crate) type Unchecked = BTreeMap<String, u64>;

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
    /// Counts of the nodes when they were asked last; `None` if they never were.
    pub(crate) unchecked: Option<Unchecked>,
    /// By how much these grew since the time before.
    pub(crate) newly_unchecked: u64,
}

impl LastPush {
    /// Compares counts with those of the last time. The first ones are where counting begins; a count that shrank is
    /// that of a node that was started again.
    pub(crate) fn newly_unchecked(&self, now: &Unchecked) -> u64 {
        let Some(before) = &self.unchecked else { return 0 };
        let grown = |(node, count): (&String, &u64)| {
            let before = before.get(node).copied().unwrap_or(0);
            count.checked_sub(before).unwrap_or(*count)
        };
        now.iter().map(grown).sum()
    }

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
                unchecked: json(row, "unchecked")?,
                newly_unchecked: row.get("newly_unchecked")?,
            })
        })
    }

    pub(crate) fn set_last_push(&self, push: &LastPush) -> rusqlite::Result<()> {
        self.connection.execute(
            "UPDATE push SET generation = :generation, digest = :digest, attempted = :attempted, taken = :taken,
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
                ":unchecked": push.unchecked.as_ref().map(|counts| serde_json::json!(counts).to_string()),
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
