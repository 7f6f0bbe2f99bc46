//! Size of the state, and its contents.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::config::Config;
use crate::store::{Kept, Store};
use crate::text::{Rfc3339, grouped, sized};

/// The state's files, and the rows in them that `[retention]` limits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateStatus {
    /// The database; 0 before the first round.
    pub(crate) bytes: u64,
    /// Part of the database that is free for new rows.
    pub(crate) free_bytes: u64,
    /// Size of the stored blacklists.
    pub(crate) blacklist_bytes: u64,
    /// Time of the last check for damage, which found none.
    pub(crate) checked: Option<Rfc3339>,
    /// Time of the last removal of rows beyond the limits.
    pub(crate) pruned: Option<Rfc3339>,
    pub(crate) kept: KeptStatus,
}

/// Rows by kind.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeptStatus {
    pub(crate) rejections: Rows,
    pub(crate) events: Rows,
    pub(crate) mails: Rows,
    /// Deliveries to webhooks.
    pub(crate) deliveries: Rows,
    pub(crate) generations: Rows,
    pub(crate) packages: Rows,
    pub(crate) rounds: Rows,
}

/// Rows of one kind and their limits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rows {
    pub(crate) rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_age_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) oldest: Option<Rfc3339>,
}

impl StateStatus {
    pub(super) fn read(config: &Config, store: &Store) -> anyhow::Result<StateStatus> {
        let (bytes, free_bytes) = store.size()?;
        let upkeep = store.upkeep()?;
        Ok(StateStatus {
            bytes,
            free_bytes,
            blacklist_bytes: folder_bytes(&config.state.join("blacklists")),
            checked: upkeep.checked.map(Rfc3339),
            pruned: upkeep.pruned.map(Rfc3339),
            kept: KeptStatus::read(config, store)?,
        })
    }
}

impl KeptStatus {
    fn read(config: &Config, store: &Store) -> anyhow::Result<KeptStatus> {
        let retention = &config.retention;
        let kept = |table, time| store.kept(table, time);
        Ok(KeptStatus {
            rejections: Rows::new(kept("rejections", "NULL")?, Some(retention.rejections), None),
            events: Rows::new(
                kept("events", "occurred")?,
                Some(retention.events),
                Some(config.history.window),
            ),
            mails: Rows::new(kept("mails", "composed")?, None, Some(retention.mails)),
            deliveries: Rows::new(
                kept("webhook_deliveries", "composed")?,
                None,
                Some(retention.mails),
            ),
            generations: Rows::new(
                kept("generations", "built")?,
                Some(retention.generations),
                None,
            ),
            packages: Rows::new(kept("packages", "seen")?, None, Some(retention.packages)),
            rounds: Rows::new(kept("rounds", "started")?, Some(retention.rounds), None),
        })
    }
}

impl Rows {
    fn new(kept: Kept, limit: Option<u32>, max_age: Option<Duration>) -> Rows {
        Rows {
            rows: kept.rows,
            limit,
            max_age_seconds: max_age.map(|age| age.as_secs()),
            oldest: kept.oldest.map(Rfc3339),
        }
    }

    /// `12 events (at most 1,000,000; 90days)`
    fn text(&self, name: &str) -> String {
        let limit = self.limit.map(|limit| format!("at most {}", grouped(limit.into())));
        let age = self
            .max_age_seconds
            .map(|seconds| humantime::format_duration(Duration::from_secs(seconds)).to_string());
        let limits: Vec<String> = limit.into_iter().chain(age).collect();
        format!("{} {name} ({})", grouped(self.rows), limits.join("; "))
    }
}

fn folder_bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}

impl fmt::Display for StateStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [bytes, free, blacklists] =
            [self.bytes, self.free_bytes, self.blacklist_bytes].map(sized);
        let or_never =
            |at: Option<Rfc3339>| at.map_or_else(|| "never".to_owned(), |at| at.to_string());
        writeln!(
            f,
            "state     {bytes} ({free} free), blacklists {blacklists}; checked for damage {}, cleared {}",
            or_never(self.checked),
            or_never(self.pruned)
        )?;
        let KeptStatus { rejections, events, mails, deliveries, generations, packages, rounds } =
            &self.kept;
        let rows = [
            rejections.text("rejections").replace("at most", "a feed at most"),
            events.text("events"),
            mails.text("mails"),
            deliveries.text("deliveries"),
            generations.text("generations"),
            packages.text("packages"),
            rounds.text("rounds"),
        ];
        writeln!(f, "          {}", rows.join(", "))
    }
}
