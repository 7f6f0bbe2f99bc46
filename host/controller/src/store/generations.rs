//! Generations of the blacklist: the one in use, earlier ones, and the contents of the last build.

use std::collections::BTreeMap;

use anyhow::Context;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params};
use threatsieve_blacklist::Timestamp;

use super::Store;
use super::feeds::json;

/// The state of builds, and the generation in use.
#[derive(Debug)]
pub(crate) struct Builds {
    /// Counter of changes to the indicators in force.
    pub(crate) change: i64,
    pub(crate) last_generation: u64,
    /// The counter's value when the generation in use was built.
    pub(crate) built_change: i64,
    pub(crate) built_settings: Option<String>,
    pub(crate) built_rules: Option<String>,
    pub(crate) built: Option<Timestamp>,
    pub(crate) next_expiry: Option<Timestamp>,
    pub(crate) held_change: Option<i64>,
    pub(crate) held_settings: Option<String>,
    /// The reason why the last build is held back.
    pub(crate) held: Option<String>,
    /// True if the next build is accepted, whatever it drops.
    pub(crate) is_allowed: bool,
    /// The generation in use; `None` before the first one.
    pub(crate) in_use: Option<Generation>,
}

/// A generation that was built.
#[derive(Debug, Clone)]
pub(crate) struct Generation {
    pub(crate) generation: u64,
    pub(crate) built: Timestamp,
    /// The file's name in the folder of blacklists.
    pub(crate) file: String,
    pub(crate) digest: Vec<u8>,
    /// Number of entries in the block list.
    pub(crate) entries: u64,
    /// Size and time of the file when it was written; `None` if written by a version that did not
    /// store them.
    pub(crate) written: Option<String>,
    /// Numbers of entries in the block list by type, with the names of STIX; empty if written by a
    /// version that did not store them.
    pub(crate) types: BTreeMap<String, u64>,
}

const COLUMNS: &str = "generation, built, file, digest, entries, written, types";

impl Builds {
    pub(crate) fn read(connection: &Connection) -> anyhow::Result<Builds> {
        let in_use = generation_in_use(connection)?;
        let builds = connection.query_row("SELECT * FROM builds", [], |row| {
            let time = |column| row.get::<_, Option<i64>>(column).map(|time| time.map(Timestamp));
            Ok(Builds {
                change: row.get("change")?,
                last_generation: row.get("last_generation")?,
                built_change: row.get("built_change")?,
                built_settings: row.get("built_settings")?,
                built_rules: row.get("built_rules")?,
                built: time("built")?,
                next_expiry: time("next_expiry")?,
                held_change: row.get("held_change")?,
                held_settings: row.get("held_settings")?,
                held: row.get("held")?,
                is_allowed: row.get("allowed")?,
                in_use,
            })
        })?;
        Ok(builds)
    }
}

pub(crate) fn generation_in_use(connection: &Connection) -> anyhow::Result<Option<Generation>> {
    let sql = format!("SELECT {COLUMNS} FROM generations WHERE active = 1");
    Ok(connection.query_row(&sql, [], generation).optional()?)
}

fn generation(row: &Row<'_>) -> rusqlite::Result<Generation> {
    Ok(Generation {
        generation: row.get("generation")?,
        built: Timestamp(row.get("built")?),
        file: row.get("file")?,
        digest: row.get("digest")?,
        entries: row.get("entries")?,
        written: row.get("written")?,
        types: json(row, "types")?.unwrap_or_default(),
    })
}

/// Keeps the generation in use, and stores why the new one is held back.
pub(crate) fn hold(
    transaction: &Transaction<'_>,
    generation: u64,
    settings: &str,
    why: &str,
) -> anyhow::Result<()> {
    transaction.execute(
        "UPDATE builds SET last_generation = :generation, held_change = change, \
         held_settings = :settings, held = :why",
        named_params! { ":generation": number(generation)?, ":settings": settings, ":why": why },
    )?;
    Ok(())
}

/// The inputs of the generation in use, which are compared with those of the next one.
#[derive(Debug)]
pub(crate) struct MadeOf<'a> {
    pub(crate) settings: &'a str,
    pub(crate) rules: &'a str,
    /// Time at which the first of its indicators ends.
    pub(crate) next_expiry: Option<Timestamp>,
}

/// Puts a generation in use.
pub(crate) fn activate(
    transaction: &Transaction<'_>,
    generation: &Generation,
    made_of: &MadeOf<'_>,
) -> anyhow::Result<()> {
    let number = number(generation.generation)?;
    transaction.execute("UPDATE generations SET active = 0 WHERE active = 1", [])?;
    let Generation { built, file, digest, entries, written, types, .. } = generation;
    let types = serde_json::to_string(types)?;
    transaction.execute(
        "INSERT INTO generations \
         (generation, built, file, digest, entries, active, written, types) \
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7)",
        (number, built.0, file, digest, entries, written, types),
    )?;
    transaction.execute("DELETE FROM pending", [])?;
    transaction.execute(
        "UPDATE builds SET last_generation = :generation, built_change = change, \
         built_settings = :settings, built_rules = :rules, built = :built, \
         next_expiry = :next_expiry, held_change = NULL, held_settings = NULL, held = NULL, \
         allowed = 0",
        named_params! {
            ":generation": number,
            ":settings": made_of.settings,
            ":rules": made_of.rules,
            ":built": built.0,
            ":next_expiry": made_of.next_expiry.map(|time| time.0),
        },
    )?;
    Ok(())
}

/// Removes all generations before the last `kept` ones.
pub(crate) fn forget(
    transaction: &Transaction<'_>,
    generation: u64,
    kept: u32,
) -> anyhow::Result<()> {
    let sql = "DELETE FROM generations WHERE generation <= ?1 - ?2 AND active = 0";
    transaction.execute(sql, (number(generation)?, kept))?;
    Ok(())
}

/// Returns the file names of the last `kept` generations in the folder of blacklists.
pub(crate) fn kept_files<C: FromIterator<String>>(
    connection: &Connection,
    kept: u32,
) -> anyhow::Result<C> {
    let mut statement = connection
        .prepare_cached("SELECT file FROM generations ORDER BY generation DESC LIMIT ?1")?;
    let names = statement.query_map([kept], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// Reads the policy of the last round, as JSON.
pub(crate) fn last_policy(transaction: &Transaction<'_>) -> anyhow::Result<Option<String>> {
    Ok(transaction.query_row("SELECT policy FROM builds", [], |row| row.get(0))?)
}

/// Stores the policy of this round.
pub(crate) fn set_policy(transaction: &Transaction<'_>, policy: &str) -> anyhow::Result<()> {
    transaction.execute("UPDATE builds SET policy = ?1", [policy])?;
    Ok(())
}

fn number(generation: u64) -> anyhow::Result<i64> {
    i64::try_from(generation).context("no generation numbers are left")
}

impl Store {
    /// Returns the generation in use; `None` before the first one.
    pub(crate) fn generation_in_use(&self) -> anyhow::Result<Option<Generation>> {
        generation_in_use(&self.connection)
    }

    /// Returns generations before a given one, the newest first.
    pub(crate) fn generations(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> anyhow::Result<Vec<Generation>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM generations WHERE ?1 IS NULL OR generation < ?1 \
             ORDER BY generation DESC LIMIT ?2"
        );
        let mut select = self.connection.prepare_cached(&sql)?;
        let rows = select.query_map((before, i64::try_from(limit)?), generation)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Requests the next build, even if nothing changed.
    pub(crate) fn build_again(&mut self) -> anyhow::Result<()> {
        self.connection
            .execute("UPDATE builds SET built_settings = NULL, held_settings = NULL", [])?;
        Ok(())
    }

    /// Accepts the next build, whatever it drops.
    pub(crate) fn allow_next_build(&mut self) -> anyhow::Result<()> {
        self.connection.execute("UPDATE builds SET allowed = 1", [])?;
        Ok(())
    }

    /// Requests the next build, even if nothing changed, with a number above this one.
    pub(crate) fn build_above(&mut self, generation: u64) -> anyhow::Result<()> {
        self.connection.execute(
            "UPDATE builds SET last_generation = max(last_generation, ?1), built_settings = NULL",
            [generation],
        )?;
        Ok(())
    }
}
