//! What can go wrong between a feed's server and here, told apart by what helps.

use std::io;
use std::time::Duration;

/// Why a request brought nothing that can be used. The feed's name is put before it by whoever polls.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// An answer, but not the one that was asked for.
    #[error("{url}: expected {expected}, got {got}")]
    Answer {
        url: String,
        expected: String,
        /// Status, content type and the body's first characters.
        got: String,
        status: u16,
        /// What the server asked for (RFC 9110, section 10.2.3).
        retry_after: Option<Duration>,
    },
    #[error("{url}: no connection")]
    Connect { url: String, source: reqwest::Error },
    #[error("{url}: the connection broke after {bytes} bytes of the body")]
    Broken { url: String, bytes: u64, source: reqwest::Error },
    #[error("{url}: expected {what} within {}, got nothing; {setting} is the limit", humantime::format_duration(*limit))]
    Silent { url: String, what: &'static str, limit: Duration, setting: &'static str },
    #[error(
        "{url}: expected a body of at most {limit} bytes, unpacked, got a longer one; {remedy}"
    )]
    TooLong { url: String, limit: u64, remedy: &'static str },
    #[error("{url}: redirected to {target}, which is not followed: {why}")]
    Redirect { url: String, target: String, why: &'static str },
    /// A server elsewhere sends this program to a host of this machine or a private network.
    #[error(
        "{url}: it leads to {target}, which is not asked: {why}; `allow_redirects_to` in [http] allows it"
    )]
    Foreign { url: String, target: String, why: String },
    /// What the server says of itself does not fit the configuration, and will not until one of them is changed.
    #[error("{url}: {what}")]
    Unfit { url: String, what: String },
    /// What was fetched cannot be the feed.
    #[error("{url}: {what}")]
    Content { url: String, what: String },
    #[error("the temporary file for what is fetched")]
    Spool(#[from] io::Error),
}

impl Fault {
    /// Whether it stays until somebody changes something, so that asking again soon is of no use.
    pub(crate) fn is_permanent(&self) -> bool {
        match self {
            Fault::Answer { status, .. } => (400..500).contains(status) && !is_passing(*status),
            Fault::Redirect { .. }
            | Fault::Foreign { .. }
            | Fault::Unfit { .. }
            | Fault::TooLong { .. } => true,
            Fault::Connect { .. }
            | Fault::Broken { .. }
            | Fault::Silent { .. }
            | Fault::Content { .. }
            | Fault::Spool(_) => false,
        }
    }

    /// Whether the same request may well succeed in a moment.
    pub(super) fn is_brief(&self) -> bool {
        match self {
            Fault::Answer { status, .. } => is_passing(*status) || *status >= 500,
            Fault::Connect { .. } | Fault::Broken { .. } => true,
            _ => false,
        }
    }

    /// Whether the poll's own time was over.
    pub(crate) fn is_poll_timeout(&self) -> bool {
        matches!(self, Fault::Silent { setting: super::POLL_TIMEOUT, .. })
    }

    /// How long the server wants to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Fault::Answer { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The status of an answer that was not the one asked for.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Fault::Answer { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Request Timeout, Too Early, Too Many Requests.
fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429)
}
