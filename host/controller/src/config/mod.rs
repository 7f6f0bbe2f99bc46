//! The configuration: one TOML file, checked as a whole before anything starts.
//!
//! # Design
//!
//! Each setting is defined once, in the file of its table, as a field under `settings!` or
//! `fields!` (see [`definition`]):
//!
//! ```text
//! /// Longest wait for a connection.                           description
//! #[setting(DURATION, default = "10s", example = "5s")]        kind, default, example
//! pub(crate) connect_timeout: Duration,                        key, type
//! ```
//!
//! From that one place come the struct, the reading of the file, the default, the check of the
//! range, the messages, `config show`, and the row in docs/reference.md.
//!
//! - `settings!` makes a struct of values: for tables where each value is checked by itself.
//! - `fields!` makes a struct of [`reader::Field`]s, each a value with its place in the file: for
//!   tables whose settings depend on each other. A function next to it does these checks and makes
//!   the struct that the rest of the program sees.
//! - A *kind* ([`kinds`], [`nested`]) is a type with its range and unit, its name in the
//!   reference, and what a message expects.
//! - A [`reader::Reader`] is one TOML table. It knows the table's definition: it reports unknown
//!   keys with the nearest known one, fills in defaults, and reports what is missing.
//! - A [`problem::Problem`] is noted, not returned, so that one run reports all of them.
//!
//! The `toml` crate parses, with the place of each value. Deriving serde's traits would define a
//! setting once, too, but serde stops at the first fault of a table; it has no place for what one
//! setting says of another; and defaults would not be visible to `config show` and the reference.

use std::path::PathBuf;

use threatsieve_blacklist::Policy;
use threatsieve_feed::preset::Presets;

#[macro_use]
mod definition;

mod alerts;
mod blacklist;
mod credentials;
mod feed;
mod http;
mod kinds;
mod load;
mod logs;
mod misp;
mod misp_source;
mod nested;
mod opensearch;
mod output;
mod policy;
mod preset;
mod problem;
mod reader;
mod secret;
mod server;
mod service;
mod shown;
mod smtp;
mod taxii;
#[cfg(test)]
mod tests;
mod webhook;

#[cfg(test)]
pub(crate) use alerts::Recipient;
pub(crate) use alerts::{Alerts, Transport};
pub(crate) use blacklist::BlacklistConfig;
pub(crate) use credentials::{Auth, ClientCertificate, is_loopback};
pub(crate) use definition::{Presence, Setting};
#[cfg(test)]
pub(crate) use feed::Hold;
pub(crate) use feed::{Feed, FeedRole, Origin, Saving, UrlFeed};
pub(crate) use http::Http;
pub(crate) use load::{ConfigError, Loaded, feed_of_url, load, tables};
pub(crate) use logs::{History, LogSource};
pub(crate) use misp::{Distribution, Misp, MispTarget, MispWay, Withdraw};
pub(crate) use misp_source::{MispFiles, MispPlace, MispServer, MispWanted};
pub(crate) use opensearch::{Backfill, CheckedBy, OpenSearch, Way, of_hosts};
pub(crate) use output::Output;
pub(crate) use policy::{FeedPolicy, Scope};
pub(crate) use preset::unknown as unknown_preset;
pub(crate) use secret::Secret;
pub(crate) use server::{Role, Server};
pub(crate) use service::{Health, Logging, Retention, Schedule};
pub(crate) use smtp::{Smtp, SmtpTls};
pub(crate) use taxii::{Taxii1Feed, TaxiiFeed, TaxiiSightings};
pub(crate) use webhook::{Webhook, WebhookPreset};

/// A first configuration file. It is valid as it is. A line that starts with `#` and no space is a
/// setting that is switched off.
pub(crate) const FIRST_FILE: &str = include_str!("first.toml");

/// The content of the file, checked. Relative paths start from the file's folder. Names are unique.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Folder of the state: the database, blacklists, the lock.
    pub(crate) state: PathBuf,
    pub(crate) schedule: Schedule,
    pub(crate) http: Http,
    /// The presets of the program and of the file.
    pub(crate) presets: Presets,
    pub(crate) feeds: Vec<Feed>,
    /// MISP servers that get indicators.
    pub(crate) misp: Vec<Misp>,
    pub(crate) blacklist: BlacklistConfig,
    /// Conditions that a match must meet.
    pub(crate) policy: Policy,
    pub(crate) logs: Vec<LogSource>,
    pub(crate) history: History,
    pub(crate) output: Output,
    pub(crate) alerts: Option<Alerts>,
    pub(crate) webhooks: Vec<Webhook>,
    pub(crate) opensearch: Option<OpenSearch>,
    /// The HTTP server of `run`.
    pub(crate) server: Option<Server>,
    pub(crate) health: Health,
    pub(crate) retention: Retention,
    pub(crate) logging: Logging,
}

impl Config {
    /// The indices whose stored events are matched again and followed.
    pub(crate) fn backfill(&self) -> Option<(&OpenSearch, &Backfill)> {
        let cluster = self.opensearch.as_ref()?;
        Some((cluster, cluster.backfill.as_ref()?))
    }

    /// The pattern of links to events in a cluster, with `{index}` and `{id}`.
    pub(crate) fn event_link(&self) -> Option<&str> {
        self.backfill()?.1.link.as_deref()
    }

    /// Returns whether matches are reported to anybody, by mail or webhook.
    pub(crate) fn reports_matches(&self) -> bool {
        self.alerts.is_some() || !self.webhooks.is_empty()
    }
}
