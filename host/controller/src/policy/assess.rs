//! The reasons why an indicator in the state is not active: the policy of its feed, `[matching]`,
//! and values that no blacklist accepts.

use threatsieve_blacklist::compile::admitted;
use threatsieve_blacklist::{CompileOptions, Tlp, Value};

use super::{Outside, Policies};
use crate::config::{Config, FeedRole};
use crate::store::body::Statement;
use crate::store::statements::RowDates;
use crate::store::{Assessment, Why};

/// Applies everything that decides which of an indicator's values count.
pub(crate) struct Assessor<'a> {
    config: &'a Config,
    policies: Policies,
    options: CompileOptions,
}

impl<'a> Assessor<'a> {
    /// Reads the lists that the policies name.
    pub(crate) fn new(config: &'a Config) -> anyhow::Result<Assessor<'a>> {
        let options = CompileOptions {
            accept_special: config.blacklist.accept_special,
            accept_broad: config.blacklist.accept_broad,
            ..CompileOptions::default()
        };
        Ok(Assessor { config, policies: Policies::load(config)?, options })
    }

    /// Takes away what does not count.
    pub(crate) fn assess(
        &self,
        feed: &str,
        dates: RowDates,
        statement: &mut Statement,
    ) -> Assessment {
        let mut why = Vec::new();
        let Some(rules) = self.policies.of(feed) else {
            let rule = "no_feed";
            let reason = "its feed is not configured any more".to_owned();
            why.push(Why { value: None, rule, reason });
            statement.parts.clear();
            return Assessment { why, is_rejected: false };
        };
        if self.is_allow_list(feed) {
            return Assessment::default();
        }
        let mut outside = |value: &Value, reason: Outside| {
            let (rule, reason) = (reason.rule(), reason.to_string());
            why.push(Why { value: Some(value.to_string()), rule, reason });
        };
        rules.apply(dates, statement, &mut outside);
        if let Some(reason) = self.excludes(statement) {
            for value in statement.parts.iter().flat_map(|part| &part.values) {
                outside(value, reason.clone());
            }
            statement.parts.clear();
        }
        let before = why.len();
        for part in &mut statement.parts {
            part.values.retain(|value| match admitted(value.clone(), &self.options) {
                Ok(_) => true,
                Err(reason) => {
                    let (value, reason) = (Some(value.to_string()), reason.to_string());
                    why.push(Why { value, rule: "rejected", reason });
                    false
                }
            });
        }
        Assessment { is_rejected: before == 0 && !why.is_empty(), why }
    }

    /// Returns the reason why a statement does not count by `[matching]`.
    fn excludes(&self, statement: &Statement) -> Option<Outside> {
        let (wanted, ceiling) = (self.config.policy.min_confidence, self.config.policy.max_tlp);
        let below = statement.confidence.filter(|said| *said < wanted);
        let marked = statement.tlp.unwrap_or(Tlp::Clear);
        below
            .map(|said| Outside::BelowConfidence { said, wanted })
            .or_else(|| (marked > ceiling).then_some(Outside::AboveTlp { marked, ceiling }))
    }

    fn is_allow_list(&self, feed: &str) -> bool {
        let mut feeds = self.config.feeds.iter();
        feeds.any(|one| one.name == feed && one.role == FeedRole::Allow)
    }
}
