//! The inputs of the last generation, with which the next one is compared.

use std::time::Duration;

use threatsieve_blacklist::image::FORMAT;
use threatsieve_blacklist::{NORMALISER, Timestamp};

use super::newly::{PolicyKept, Rules};
use crate::config::{Config, FeedRole};
use crate::policy;
use crate::store::generations::{Builds, last_policy, set_policy};
use crate::store::{Connection, Transaction};

/// Minimum age of the generation in use before expired indicators alone cause a new one: a day. Any
/// other change removes them too.
const EXPIRY_MAY_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The state's records of earlier builds.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) builds: Builds,
    /// The rules of the generation in use. `None` before the first one, or if it was made by a
    /// version that did not store them.
    pub(super) built_rules: Option<Rules>,
}

impl Ledger {
    pub(super) fn read(connection: &Connection) -> anyhow::Result<Ledger> {
        let builds = Builds::read(connection)?;
        let built_rules = builds.built_rules.as_deref().map(serde_json::from_str).transpose()?;
        Ok(Ledger { builds, built_rules })
    }

    /// Number of entries of the generation in use.
    pub(super) fn entries(&self) -> u64 {
        self.builds.in_use.as_ref().map_or(0, |in_use| in_use.entries)
    }

    /// Returns whether a build now would give the generation in use again.
    pub(super) fn is_current(&self, settings: &Settings, now: Timestamp) -> bool {
        // If the clock was set back, there is no wait.
        let has_waited = |built: Timestamp| now < built || now.since(built) >= EXPIRY_MAY_WAIT;
        let rested = self.builds.built.is_none_or(has_waited);
        let is_over =
            rested && self.builds.next_expiry.is_some_and(|expiry| expiry <= settings.over(now));
        self.builds.change == self.builds.built_change
            && self.builds.built_settings.as_deref() == Some(settings.made_with.as_str())
            && !is_over
    }

    /// Returns the reason why the build is held back, if the same build was held back before.
    pub(super) fn held_already(&self, settings: &Settings) -> Option<&str> {
        let is_same = self.builds.held_change == Some(self.builds.change)
            && self.builds.held_settings.as_deref() == Some(settings.judged_with.as_str())
            && !self.builds.is_allowed;
        self.builds.held.as_deref().filter(|_| is_same)
    }
}

/// The parts of the configuration that a generation depends on.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// Decides the content.
    pub(super) made_with: String,
    /// Decides the content, and whether it is trusted.
    pub(super) judged_with: String,
    window: Duration,
}

impl Settings {
    pub(super) fn of(config: &Config) -> Settings {
        let blacklist = &config.blacklist;
        let mut feeds: Vec<_> = config
            .feeds
            .iter()
            .map(|feed| {
                let policy = format!("{:?}", feed.policy);
                (feed.name.as_str(), feed.role == FeedRole::Allow, policy)
            })
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
                &feeds,
                policy::fingerprint(config)
            )
        );
        let judged_with =
            format!("{:?}", (&made_with, blacklist.max_shrink.to_bits(), &blacklist.canaries));
        Settings { made_with, judged_with, window: config.history.window }
    }

    /// The start of the history window. An indicator that ended by then matches no line that is
    /// read.
    fn over(&self, now: Timestamp) -> Timestamp {
        now.minus(self.window)
    }
}

/// Stores the policy of this round, and compares it with that of the last round.
pub(super) fn take_policy(
    transaction: &Transaction<'_>,
    config: &Config,
) -> anyhow::Result<Loosened> {
    let now = PolicyKept::of(config);
    let before = last_policy(transaction)?;
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

/// The differences of a policy from that of the last round.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Loosened {
    /// Something counts that did not count before.
    pub(super) more_counts: bool,
    /// Events count that were too old before.
    pub(super) older_events_count: bool,
}
