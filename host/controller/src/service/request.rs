//! Rounds on request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use threatsieve_blacklist::Timestamp;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use super::Service;
use crate::rounds::RoundReport;

/// A request for a round.
pub(super) struct RoundRequest {
    /// The one feed that is polled, due or not. `None`: all that are due.
    pub(super) feed: Option<String>,
    /// `None` if nobody waits for the end.
    answer: Option<oneshot::Sender<Result<Polled, Unpolled>>>,
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

impl RoundRequest {
    /// Notes that the round begins. Returns false if nobody waits for it any longer.
    pub(super) fn begin(&self) -> bool {
        self.has_begun.store(true, Ordering::Release);
        self.answer.as_ref().is_none_or(|answer| !answer.is_closed())
    }

    /// Answers the request.
    pub(super) fn end(self, answer: Result<Polled, Unpolled>) {
        // The log has the report, too: the caller may be gone.
        if let Some(waiting) = self.answer {
            _ = waiting.send(answer);
        }
    }
}

impl Service {
    /// Asks for a round, and does not wait for it. With a feed, the round polls that one now, due
    /// or not; without, it is one as the schedule does.
    pub(crate) fn ask_for_round(&self, feed: Option<String>) -> Result<(), Unpolled> {
        let in_use = self.in_use();
        if let Some(name) = &feed
            && !in_use.config.feeds.iter().any(|feed| feed.name == *name)
        {
            return Err(Unpolled::Gone);
        }
        self.queue(RoundRequest { feed, answer: None, has_begun: Arc::default() })
    }

    fn queue(&self, request: RoundRequest) -> Result<(), Unpolled> {
        self.requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => Unpolled::Busy,
            TrySendError::Closed(_) => Unpolled::Stopping,
        })?;
        // A backfill goes on after the round.
        self.end_slice(|_| true);
        Ok(())
    }

    /// Polls a feed in a round of its own, and waits for its end.
    pub(crate) async fn poll(&self, feed: &str, max_wait: Duration) -> Result<Polled, Unpolled> {
        let (answer, answered) = oneshot::channel();
        let has_begun = Arc::new(AtomicBool::new(false));
        self.queue(RoundRequest {
            feed: Some(feed.to_owned()),
            answer: Some(answer),
            has_begun: Arc::clone(&has_begun),
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
