//! Polls on request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use threatsieve_blacklist::Timestamp;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use super::Service;
use crate::rounds::RoundReport;

/// A request to poll one feed in a round of its own.
pub(crate) struct PollRequest {
    pub(super) feed: String,
    answer: oneshot::Sender<Result<Polled, Unpolled>>,
    has_begun: Arc<AtomicBool>,
}

/// A round that was asked for.
#[derive(Debug)]
pub(crate) struct Polled {
    /// Time of the last poll before it that succeeded.
    pub(crate) begin: Option<Timestamp>,
    /// Time of this poll.
    pub(crate) end: Timestamp,
    pub(crate) report: RoundReport,
}

/// A reason why there is no report.
#[derive(Debug)]
pub(crate) enum Unpolled {
    /// Too many requests wait.
    Busy,
    /// The round did not begin in time. It was taken off the queue.
    NotBegun(Duration),
    /// The round began, but did not end in time. It goes on.
    NotEnded(Duration),
    /// The program ends.
    Stopping,
    /// The configuration names the feed no longer.
    Gone,
    /// The round failed as a whole.
    Failed(String),
}

impl PollRequest {
    /// Notes that the round begins. Returns false if nobody waits for it any longer.
    pub(super) fn begin(&self) -> bool {
        self.has_begun.store(true, Ordering::Release);
        !self.answer.is_closed()
    }

    /// Answers the request.
    pub(super) fn end(self, answer: Result<Polled, Unpolled>) {
        // The log has the report, too: the caller may be gone.
        _ = self.answer.send(answer);
    }
}

impl Service {
    /// Polls a feed in a round of its own, and waits for its end.
    pub(crate) async fn poll(&self, feed: &str, max_wait: Duration) -> Result<Polled, Unpolled> {
        let (answer, answered) = oneshot::channel();
        let has_begun = Arc::new(AtomicBool::new(false));
        let request =
            PollRequest { feed: feed.to_owned(), answer, has_begun: Arc::clone(&has_begun) };
        self.requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => Unpolled::Busy,
            TrySendError::Closed(_) => Unpolled::Stopping,
        })?;
        let stopped = async {
            self.stop.requested().await;
            // A round that runs ends soon, and its report says that it was stopped.
            if has_begun.load(Ordering::Acquire) {
                std::future::pending().await
            }
        };
        tokio::select! {
            biased;
            answer = answered => answer.unwrap_or(Err(Unpolled::Stopping)),
            () = stopped => Err(Unpolled::Stopping),
            () = tokio::time::sleep(max_wait) => Err(match has_begun.load(Ordering::Acquire) {
                true => Unpolled::NotEnded(max_wait),
                false => Unpolled::NotBegun(max_wait),
            }),
        }
    }
}
