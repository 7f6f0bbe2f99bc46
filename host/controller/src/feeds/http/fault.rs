//! Faults of requests to a feed's server, distinguished by their remedy.

use std::io;
use std::time::Duration;

use threatsieve_feed::taxii1::StatusType;

/// A request that brought nothing usable. The caller adds the feed's name to the message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// An answer of another kind than the request asked for.
    #[error("{url}: expected {expected}, got {got}")]
    Answer {
        url: String,
        expected: String,
        /// Status, content type and first characters of the body.
        got: String,
        status: u16,
        /// Wait that the server asked for (RFC 9110, section 10.2.3).
        retry_after: Option<Duration>,
    },
    #[error("{url}: no connection")]
    Connect { url: String, source: reqwest::Error },
    #[error("{url}: the connection broke after {bytes} bytes of the body")]
    Broken { url: String, bytes: u64, source: reqwest::Error },
    #[error(
        "{url}: expected {what} within {}, got nothing; {setting} is the limit",
        humantime::format_duration(*limit)
    )]
    Silent { url: String, what: &'static str, limit: Duration, setting: &'static str },
    #[error(
        "{url}: expected a body of at most {limit} bytes, unpacked, got a longer one; {remedy}"
    )]
    TooLong { url: String, limit: u64, remedy: &'static str },
    #[error("{url}: redirected to {target}, which is not followed: {why}")]
    Redirect { url: String, target: String, why: &'static str },
    /// A server named a URL on this machine or in a private network.
    #[error(
        "{url}: the server refers to {target}, which is refused: {why}; \
         `allow_redirects_to` in [http] allows it"
    )]
    Foreign { url: String, target: String, why: String },
    /// The server's description of itself does not fit the configuration. That lasts until one of
    /// the two is changed.
    #[error("{url}: {what}")]
    Unfit { url: String, what: String },
    /// A TAXII 1 server answered with a status message that is not a success.
    #[error("{url}: expected {expected}, got the status {got}")]
    Status {
        url: String,
        expected: &'static str,
        /// Type, text and details.
        got: String,
        kind: StatusType,
        /// Wait that the server asked for.
        retry_after: Option<Duration>,
    },
    /// The content cannot be that of the feed.
    #[error("{url}: {what}")]
    Content { url: String, what: String },
    #[error("the temporary file for the body")]
    Spool(#[from] io::Error),
}

impl Fault {
    /// Returns whether the fault lasts until somebody changes something, so that a retry soon is
    /// useless.
    pub(crate) fn is_permanent(&self) -> bool {
        match self {
            Fault::Answer { status, .. } => (400..500).contains(status) && !is_passing(*status),
            Fault::Status { kind, .. } => is_lasting(kind),
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

    /// Returns whether the same request is likely to succeed soon.
    pub(super) fn is_brief(&self) -> bool {
        match self {
            Fault::Answer { status, .. } => is_passing(*status) || *status >= 500,
            Fault::Connect { .. } | Fault::Broken { .. } => true,
            _ => false,
        }
    }

    /// Returns whether the request ended because the time for the poll was over.
    pub(crate) fn is_poll_timeout(&self) -> bool {
        matches!(self, Fault::Silent { setting: super::POLL_TIMEOUT, .. })
    }

    /// Returns the wait that the server asked for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Fault::Answer { retry_after, .. } | Fault::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Returns the status, if the fault is an unexpected answer.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Fault::Answer { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Returns whether a TAXII 1 status lasts until somebody changes something.
fn is_lasting(kind: &StatusType) -> bool {
    match kind {
        StatusType::BadMessage
        | StatusType::Denied
        | StatusType::DestinationCollectionError
        | StatusType::NotFound
        | StatusType::PollingUnsupported
        | StatusType::Unauthorized
        | StatusType::UnsupportedMessage
        | StatusType::UnsupportedContent
        | StatusType::UnsupportedProtocol
        | StatusType::UnsupportedQuery => true,
        StatusType::AsynchronousPollError
        | StatusType::Failure
        | StatusType::InvalidResponsePart
        | StatusType::NetworkError
        | StatusType::Pending
        | StatusType::Retry
        | StatusType::Success
        | StatusType::Other(_) => false,
    }
}

/// Returns whether a status is a passing fault: Request Timeout, Too Early, Too Many Requests.
fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429)
}
