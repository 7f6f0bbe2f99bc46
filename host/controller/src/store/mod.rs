//! The state: one embedded SQLite file, which is changed in transactions only.

use std::path::PathBuf;

use rusqlite::TransactionBehavior;
pub(crate) use rusqlite::{Connection, Transaction};

pub(crate) mod body;
pub(crate) mod cluster;
pub(crate) mod conditions;
mod damage;
pub(crate) mod digest;
pub(crate) mod events;
mod false_positives;
mod feeds;
pub(crate) mod files;
pub(crate) mod generations;
pub(crate) mod history;
pub(crate) mod ingest;
mod log_troubles;
pub(crate) mod mails;
pub(crate) mod matches;
pub(crate) mod misp;
mod misp_sources;
pub(crate) mod mutes;
mod open;
mod package_files;
pub(crate) mod packages;
pub(crate) mod private;
mod pushes;
pub(crate) mod records;
mod rejections;
mod retention;
pub(crate) mod retraction;
pub(crate) mod rounds;
mod search;
pub(crate) mod sightings;
pub(crate) mod standing;
pub(crate) mod statements;
pub(crate) mod threats;
pub(crate) mod untold;
mod upkeep;
pub(crate) mod webhooks;

pub(crate) use damage::StateDamage;
pub(crate) use false_positives::{FalsePositive, FalsePositives, Retracted};
pub(crate) use feeds::{FeedState, Held, Ingested, set_outside};
pub(crate) use ingest::{ACTIVE, Delivered, Ingest, REVOKED, Renamed};
pub(crate) use log_troubles::{LogTroubles, add_log_trouble, log_troubles, remove_log_trouble};
pub(crate) use open::{is_busy, is_of_database, is_overdue};
pub(crate) use pushes::{LastPush, Unchecked};
pub(crate) use rejections::{MAX_REJECTIONS, replace_rejections};
#[cfg(test)]
pub(crate) use retention::Limits;
pub(crate) use retention::{Kept, Pruned};
pub(crate) use search::{Assessment, Found, FoundValue, Query, State, Why};

/// The open state.
pub(crate) struct Store {
    connection: Connection,
    /// The database file.
    path: PathBuf,
    /// True if the program that had the state open before did not close it.
    was_left_open: bool,
}

impl Store {
    /// Returns the connection, for functions of this module that need no transaction.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Starts a transaction that only reads: everything in it sees the state of one moment.
    pub(crate) fn snapshot(&self) -> rusqlite::Result<Transaction<'_>> {
        self.connection.unchecked_transaction()
    }

    /// Starts a transaction that changes the state. Other processes cannot change it meanwhile.
    pub(crate) fn write(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.connection.transaction_with_behavior(TransactionBehavior::Immediate)
    }
}
