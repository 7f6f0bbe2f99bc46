//! Takes back flags of events that are recorded only now, if the allow-list or a list of a policy
//! suppresses them since.

use threatsieve_blacklist::{Blacklist, Timestamp};
use threatsieve_runner::MemoryFile;

use super::allowed::Allowed;
use super::harmless::retract_harmless;
use crate::config::Config;
use crate::policy::Policies;
use crate::store::Transaction;

/// The lists that suppress flags.
pub(crate) struct Suppressed<'a> {
    config: &'a Config,
    allowed: Allowed<'a>,
    /// Read when the first flag is checked; `None` inside if a list cannot be read.
    policies: Option<Option<Policies>>,
}

impl<'a> Suppressed<'a> {
    /// `blacklist` is the one in use.
    pub(crate) fn new(config: &'a Config, blacklist: &'a Blacklist<MemoryFile>) -> Suppressed<'a> {
        Suppressed { config, allowed: Allowed::new(blacklist), policies: None }
    }

    /// Retracts matches with a row number above `after` that the lists suppress.
    pub(crate) fn retract(
        &mut self,
        transaction: &Transaction<'_>,
        after: i64,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        self.allowed.retract(transaction, after, now)?;
        let policies = self.policies.get_or_insert_with(|| match Policies::load(self.config) {
            Ok(policies) => Some(policies),
            Err(error) => {
                // The blacklist is held back for it, which is a condition.
                tracing::warn!(error = format!("{error:#}"), "a list of a policy cannot be used");
                None
            }
        });
        if let Some(policies) = policies {
            retract_harmless(transaction, policies, after, now)?;
        }
        Ok(())
    }
}
