//! Upkeep of the state: when it is checked for damage, and the times of checks and removals.

use rusqlite::Connection;
use threatsieve_blacklist::Timestamp;

use super::{Store, damage};

/// Time between two checks of a state that was closed properly: a day.
const CHECKED_EVERY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// Times of upkeep; `None` for work that was never done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Upkeep {
    /// Time of the last check that found no damage.
    pub(crate) checked: Option<Timestamp>,
    /// Time of the last removal of old or surplus rows.
    pub(crate) pruned: Option<Timestamp>,
    /// Start of the last round, if it did nothing because the clock had jumped before it.
    pub(crate) suspect: Option<Timestamp>,
}

impl Store {
    /// Reads the times of upkeep.
    pub(crate) fn upkeep(&self) -> rusqlite::Result<Upkeep> {
        self.connection.query_row("SELECT checked, pruned, suspect FROM upkeep", [], |row| {
            let time = |at: usize| row.get::<_, Option<i64>>(at).map(|time| time.map(Timestamp));
            Ok(Upkeep { checked: time(0)?, pruned: time(1)?, suspect: time(2)? })
        })
    }

    /// Reads the whole state and fails with [`StateDamage`](super::StateDamage) if it is damaged.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        damage::check(&self.connection, &self.path)
    }

    /// Checks the state once a day, and after a round or a program that ended early. Returns
    /// whether it was checked.
    pub(crate) fn check_if_due(&mut self, now: Timestamp) -> anyhow::Result<bool> {
        let was_cut_short = self.last_round()?.is_some_and(|round| round.ended.is_none());
        let is_recent = |at: Timestamp| (0..CHECKED_EVERY_MICROS).contains(&(now.0 - at.0));
        let is_due = !self.upkeep()?.checked.is_some_and(is_recent);
        if !(is_due || was_cut_short || self.was_left_open) {
            return Ok(false);
        }
        self.check()?;
        self.was_left_open = false;
        set(&self.connection, "checked", Some(now))?;
        Ok(true)
    }

    /// Stores when the state was pruned.
    pub(crate) fn set_pruned(&self, now: Timestamp) -> rusqlite::Result<()> {
        set(&self.connection, "pruned", Some(now))
    }

    /// Stores the start of a round that did nothing because the clock had jumped; `None` clears it.
    pub(crate) fn set_suspect(&self, at: Option<Timestamp>) -> rusqlite::Result<()> {
        set(&self.connection, "suspect", at)
    }
}

fn set(connection: &Connection, column: &str, at: Option<Timestamp>) -> rusqlite::Result<()> {
    let sql = format!("UPDATE upkeep SET {column} = ?1");
    connection.execute(&sql, [at.map(|at| at.0)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::FileExt;
    use std::path::Path;

    use super::*;
    use crate::store::StateDamage;

    const DAY: i64 = CHECKED_EVERY_MICROS;

    /// Creates a state of many pages.
    fn filled() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let transaction = store.write().unwrap();
        for number in 0..5000 {
            let body = format!("{number:0200}");
            transaction.execute("INSERT INTO outbox_records (body) VALUES (?1)", [body]).unwrap();
        }
        transaction.commit().unwrap();
        (folder, store)
    }

    #[test]
    fn a_state_is_checked_daily_and_after_an_unclean_end() {
        let (folder, mut store) = filled();
        assert!(store.check_if_due(Timestamp(DAY)).unwrap(), "never checked");
        assert!(!store.check_if_due(Timestamp(2 * DAY - 1)).unwrap(), "less than a day");
        assert!(store.check_if_due(Timestamp(2 * DAY)).unwrap(), "a day");
        assert!(store.check_if_due(Timestamp(DAY)).unwrap(), "the clock went back");
        let number =
            store.begin_round(Path::new("threatsieve.toml"), Timestamp(DAY)).unwrap().number;
        assert!(store.check_if_due(Timestamp(DAY)).unwrap(), "a round was cut short");
        store.end_round(number, Timestamp(DAY), "{}").unwrap();
        assert!(!store.check_if_due(Timestamp(DAY)).unwrap());
        // The files that a killed program leaves.
        let killed = tempfile::tempdir().unwrap();
        for name in ["state.db", "state.db-wal"] {
            fs::copy(folder.path().join(name), killed.path().join(name)).unwrap();
        }
        for is_due in [true, false] {
            let mut store = Store::open(killed.path()).unwrap();
            assert_eq!(store.check_if_due(Timestamp(DAY)).unwrap(), is_due);
        }
    }

    #[test]
    fn damage_in_the_middle_is_found() {
        let (folder, store) = filled();
        drop(store);
        let path = folder.path().join("state.db");
        let file = fs::File::options().write(true).open(&path).unwrap();
        let middle = file.metadata().unwrap().len() / 2 / 4096 * 4096;
        file.write_all_at(&[0xff; 8192], middle).unwrap();
        let error = Store::open(folder.path()).unwrap().check_if_due(Timestamp(DAY)).unwrap_err();
        assert!(StateDamage::is_cause_of(&error), "{error:#}");
        let text = format!("{error:#}");
        assert!(
            text.contains("state.db: the state is damaged") && text.contains("Restore"),
            "{text}"
        );
        Store::open_to_read(folder.path()).unwrap().check().unwrap_err();
    }

    #[test]
    fn a_state_that_lost_its_end_is_found() {
        let (folder, store) = filled();
        drop(store);
        let file = fs::File::options().write(true).open(folder.path().join("state.db")).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2 / 4096 * 4096).unwrap();
        let error = Store::open(folder.path())
            .and_then(|mut store| store.check_if_due(Timestamp(DAY)).map(|_| ()))
            .unwrap_err();
        assert!(StateDamage::is_cause_of(&error), "{error:#}");
    }
}
