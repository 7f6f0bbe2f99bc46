//! What the last generation was made of, and what the next one is compared with.

use threatsieve_blacklist::image::FORMAT;
use threatsieve_blacklist::{NORMALISER, Timestamp};

use super::newly::{PolicyKept, Rules};
use crate::config::{Config, FeedRole};
use crate::store::generations::{Builds, policy, set_policy};
use crate::store::{Connection, Transaction};

/// Indicators that are of no more use leave with the next generation; if nothing else makes one, after
/// a day at the latest.
const EXPIRY_MAY_WAIT_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// What the state keeps of the builds before.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) builds: Builds,
    /// The rules of the generation in use; `None` before the first one, or when it was made by a
    /// version that did not keep them.
    pub(super) built_rules: Option<Rules>,
}

impl Ledger {
    pub(super) fn read(connection: &Connection) -> anyhow::Result<Ledger> {
        let builds = Builds::read(connection)?;
        let built_rules = builds.built_rules.as_deref().map(serde_json::from_str).transpose()?;
        Ok(Ledger { builds, built_rules })
    }

    /// Entries of the generation in use.
    pub(super) fn entries(&self) -> u64 {
        self.builds.in_use.as_ref().map_or(0, |in_use| in_use.entries)
    }

    /// Whether the generation in use is what would be built.
    pub(super) fn is_current(&self, settings: &Settings, now: Timestamp) -> bool {
        // A clock that was set back makes nobody wait.
        let has_waited =
            |built: Timestamp| now < built || now.0 - built.0 >= EXPIRY_MAY_WAIT_MICROS;
        let rested = self.builds.built.is_none_or(has_waited);
        let is_over =
            rested && self.builds.next_expiry.is_some_and(|expiry| expiry <= settings.over(now));
        self.builds.change == self.builds.built_change
            && self.builds.built_settings.as_deref() == Some(settings.made_with.as_str())
            && !is_over
    }

    /// Why what would be built is held back, if it was built and held before.
    pub(super) fn held_already(&self, settings: &Settings) -> Option<&str> {
        let is_same = self.builds.held_change == Some(self.builds.change)
            && self.builds.held_settings.as_deref() == Some(settings.judged_with.as_str())
            && !self.builds.is_allowed;
        self.builds.held.as_deref().filter(|_| is_same)
    }
}

/// What of the configuration a generation depends on.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// As far as it decides what is in it.
    pub(super) made_with: String,
    /// And whether it is trusted.
    pub(super) judged_with: String,
    pub(super) rules: Rules,
    window_micros: i64,
}

impl Settings {
    pub(super) fn of(config: &Config) -> Settings {
        let blacklist = &config.blacklist;
        let mut feeds: Vec<_> = config
            .feeds
            .iter()
            .map(|feed| (feed.name.as_str(), feed.role == FeedRole::Allow))
            .collect();
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
        let judged_with =
            format!("{:?}", (&made_with, blacklist.max_shrink.to_bits(), &blacklist.canaries));
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

/// Keeps the policy of this round, and compares it with that of the last one.
pub(super) fn take_policy(
    transaction: &Transaction<'_>,
    config: &Config,
) -> anyhow::Result<Loosened> {
    let now = PolicyKept::of(config);
    let before = policy(transaction)?;
    let before: Option<PolicyKept> =
        before.map(|before| serde_json::from_str(&before)).transpose()?;
    if before.as_ref() != Some(&now) {
        set_policy(transaction, &serde_json::to_string(&now)?)?;
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
