//! What the last generation was made of, and what the next one is compared with.

use anyhow::Context;
use rusqlite::{Connection, OptionalExtension, Transaction, named_params};
use threatsieve_blacklist::image::FORMAT;
use threatsieve_blacklist::{Blacklist, NORMALISER, Role, Timestamp};
use threatsieve_runner::MemoryFile;

use super::newly::{PolicyKept, Rules};
use crate::config::{Config, FeedRole};

/// Indicators that are of no more use leave with the next generation; if nothing else makes one, after a day at the latest.
const EXPIRY_MAY_WAIT_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// The state's row about builds, and the generation in use.
#[derive(Debug)]
pub(super) struct Ledger {
    change: i64,
    pub(super) last_generation: u64,
    built_change: i64,
    built_settings: Option<String>,
    /// The rules of the generation in use; `None` before the first one, or when it was made by a
    /// version that did not keep them.
    pub(super) built_rules: Option<Rules>,
    pub(super) built: Option<Timestamp>,
    next_expiry: Option<Timestamp>,
    held_change: Option<i64>,
    held_settings: Option<String>,
    pub(super) held: Option<String>,
    pub(super) is_allowed: bool,
    /// Entries of the generation in use.
    pub(super) entries: u64,
    pub(super) active_file: Option<String>,
    /// Size and time of that file when it was written.
    pub(super) written: Option<String>,
}

impl Ledger {
    pub(super) fn read(connection: &Connection) -> anyhow::Result<Ledger> {
        let active = connection
            .query_row("SELECT entries, file, written FROM generations WHERE active = 1", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let (entries, active_file, written) =
            active.map_or((0, None, None), |(entries, file, written)| (entries, Some(file), written));
        let (mut ledger, rules) = connection.query_row("SELECT * FROM builds", [], |row| {
            let time = |column| row.get::<_, Option<i64>>(column).map(|time| time.map(Timestamp));
            let ledger = Ledger {
                change: row.get("change")?,
                last_generation: row.get("last_generation")?,
                built_change: row.get("built_change")?,
                built_settings: row.get("built_settings")?,
                built_rules: None,
                built: time("built")?,
                next_expiry: time("next_expiry")?,
                held_change: row.get("held_change")?,
                held_settings: row.get("held_settings")?,
                held: row.get("held")?,
                is_allowed: row.get("allowed")?,
                entries,
                active_file,
                written,
            };
            Ok((ledger, row.get::<_, Option<String>>("built_rules")?))
        })?;
        ledger.built_rules = rules.map(|rules| serde_json::from_str(&rules)).transpose()?;
        Ok(ledger)
    }

    /// Whether the generation in use is what would be built.
    pub(super) fn is_current(&self, settings: &Settings, now: Timestamp) -> bool {
        // A clock that was set back makes nobody wait.
        let has_waited = |built: Timestamp| now < built || now.0 - built.0 >= EXPIRY_MAY_WAIT_MICROS;
        let rested = self.built.is_none_or(has_waited);
        let is_over = rested && self.next_expiry.is_some_and(|expiry| expiry <= settings.over(now));
        self.change == self.built_change
            && self.built_settings.as_deref() == Some(settings.made_with.as_str())
            && !is_over
    }

    /// Why what would be built is held back, if it was built and held before.
    pub(super) fn held_already(&self, settings: &Settings) -> Option<&str> {
        let is_same = self.held_change == Some(self.change)
            && self.held_settings.as_deref() == Some(settings.judged_with.as_str())
            && !self.is_allowed;
        self.held.as_deref().filter(|_| is_same)
    }
}

/// What of the configuration a generation depends on.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// As far as it decides what is in it.
    made_with: String,
    /// And whether it is trusted.
    judged_with: String,
    rules: Rules,
    window_micros: i64,
}

impl Settings {
    pub(super) fn of(config: &Config) -> Settings {
        let blacklist = &config.blacklist;
        let mut feeds: Vec<_> =
            config.feeds.iter().map(|feed| (feed.name.as_str(), feed.role == FeedRole::Allow)).collect();
        feeds.sort_unstable();
        let made_with = format!(
            "{:?}",
            (
                FORMAT,
                NORMALISER,
                &blacklist.name,
                blacklist.accept_special,
                blacklist.accept_broad,
                &blacklist.sign_key,
                &feeds
            )
        );
        let judged_with = format!("{:?}", (&made_with, blacklist.max_shrink.to_bits(), &blacklist.canaries));
        let rules = Rules::of(config);
        Settings { made_with, judged_with, rules, window_micros: window_micros(config) }
    }

    /// What ended by then matches no line that is looked at.
    fn over(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_sub(self.window_micros))
    }
}

/// How far back lines are matched.
pub(super) fn window_micros(config: &Config) -> i64 {
    i64::try_from(config.history.window.as_micros()).unwrap_or(i64::MAX)
}

/// Keeps the generation in use, and why.
pub(super) fn hold(
    transaction: &Transaction<'_>,
    settings: &Settings,
    generation: u64,
    why: &str,
) -> anyhow::Result<()> {
    transaction.execute(
        "UPDATE builds SET last_generation = :generation, held_change = change, held_settings = :settings, held = :why",
        named_params! { ":generation": number(generation)?, ":settings": settings.judged_with, ":why": why },
    )?;
    Ok(())
}

/// A blacklist's file as it was written.
pub(super) struct MadeFile<'a> {
    /// In the folder of blacklists.
    pub(super) name: &'a str,
    /// Its size and time.
    pub(super) written: Option<&'a str>,
    pub(super) blacklist: &'a Blacklist<MemoryFile>,
}

/// Puts a generation in use.
pub(super) fn activate(
    transaction: &Transaction<'_>,
    generation: u64,
    file: &MadeFile<'_>,
    now: Timestamp,
    next_expiry: Option<Timestamp>,
    settings: &Settings,
) -> anyhow::Result<()> {
    let number = number(generation)?;
    transaction.execute("UPDATE generations SET active = 0 WHERE active = 1", [])?;
    transaction.execute(
        "INSERT INTO generations (generation, built, file, digest, entries, active, written) \
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6)",
        (
            number,
            now.0,
            file.name,
            file.blacklist.digest(),
            file.blacklist.entries(Role::Block),
            file.written,
        ),
    )?;
    transaction.execute("DELETE FROM pending", [])?;
    transaction.execute(
        "UPDATE builds SET last_generation = :generation, built_change = change, built_settings = :settings, built_rules = :rules,
         built = :now, next_expiry = :next_expiry, held_change = NULL, held_settings = NULL, held = NULL, allowed = 0",
        named_params! {
            ":generation": number,
            ":settings": settings.made_with,
            ":rules": serde_json::to_string(&settings.rules)?,
            ":now": now.0,
            ":next_expiry": next_expiry.map(|time| time.0),
        },
    )?;
    Ok(())
}

/// Forgets generations from before the last `kept` ones.
pub(super) fn forget_generations(
    transaction: &Transaction<'_>,
    generation: u64,
    kept: u32,
) -> anyhow::Result<()> {
    let sql = "DELETE FROM generations WHERE generation <= ?1 - ?2 AND active = 0";
    transaction.execute(sql, (number(generation)?, kept))?;
    Ok(())
}

/// Keeps the policy of this round, and compares it with that of the last one.
pub(super) fn take_policy(transaction: &Transaction<'_>, config: &Config) -> anyhow::Result<Loosened> {
    let now = PolicyKept::of(config);
    let before: Option<String> = transaction.query_row("SELECT policy FROM builds", [], |row| row.get(0))?;
    let before: Option<PolicyKept> = before.map(|before| serde_json::from_str(&before)).transpose()?;
    if before.as_ref() != Some(&now) {
        transaction.execute("UPDATE builds SET policy = ?1", [serde_json::to_string(&now)?])?;
    }
    Ok(before.map_or(Loosened::default(), |before| Loosened {
        more_counts: now.lets_in_more_than(&before),
        older_events_count: now.looks_back_further_than(&before),
    }))
}

/// How a policy differs from that of the last round.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Loosened {
    /// Something counts that did not.
    pub(super) more_counts: bool,
    /// Events count that were too old.
    pub(super) older_events_count: bool,
}

fn number(generation: u64) -> anyhow::Result<i64> {
    i64::try_from(generation).context("generations are used up")
}
