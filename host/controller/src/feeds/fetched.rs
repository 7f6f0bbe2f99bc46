//! What a poll brought, before it goes into the state.

use std::path::PathBuf;

use serde_json::Value as Json;
use threatsieve_feed::StixSet;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::http::Spooled;

/// What a poll brought.
pub(super) struct Fetched {
    /// `None` when nothing is new.
    pub(super) body: Option<Body>,
    /// Where the next poll goes on; `None` keeps the one before.
    pub(super) cursor: Option<Json>,
    /// STIX objects read so far.
    pub(super) objects: u64,
    /// Bytes fetched, unpacked.
    pub(super) bytes: u64,
    /// The poll ended at its limit of time or objects; from the cursor on there is more.
    pub(super) goes_on: bool,
}

pub(super) enum Body {
    /// What was added to a collection.
    Objects(Box<StixSet>),
    /// All that a URL has, and its name in messages.
    Whole(Spooled, String),
    /// All that is in these files, and what they were like when that was decided.
    Files(Vec<PathBuf>, super::path::Likeness),
}

/// Does what keeps a thread busy, without holding up who shares it.
pub(super) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
