//! The result of fetching a feed, before it is stored in the state.

use std::path::PathBuf;

use serde_json::Value as Json;
use threatsieve_feed::StixSet;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::http::Spooled;
use super::misp::MispEvents;
use super::taxii1::Blocks;

/// The result of fetching a feed.
pub(super) struct Fetched {
    /// `None` if nothing is new.
    pub(super) body: Option<Body>,
    /// The cursor for the next poll; `None` keeps the present one.
    pub(super) cursor: Option<Json>,
    /// STIX objects, or content blocks, read so far.
    pub(super) objects: u64,
    /// Bytes fetched, unpacked.
    pub(super) bytes: u64,
    /// The poll ended at its limit of time or objects. There is more after the cursor.
    pub(super) goes_on: bool,
}

/// The content of a delivery.
pub(super) enum Body {
    /// Objects that were added to a collection.
    Objects(Box<StixSet>),
    /// Content blocks that were added to a collection, or with `true` all that it has.
    Blocks(Blocks, bool),
    /// The whole content of a URL, and the URL for messages.
    Whole(Spooled, String),
    /// Events of MISP that changed.
    Misp(Box<MispEvents>),
    /// All files of a path, and what they were like when the path was examined.
    Files(Vec<PathBuf>, crate::sources::Likeness),
}

/// Runs work that keeps a thread busy. On a runtime with several threads, other tasks continue
/// meanwhile.
pub(super) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
