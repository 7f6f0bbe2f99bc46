//! Requests to stop long work.

use std::time::Duration;

use tokio::sync::watch;

/// A request to stop that every part of the program can see. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Sender<bool>);

impl Stop {
    pub(crate) fn new() -> Stop {
        Stop(watch::Sender::new(false))
    }

    /// Asks every part of the program to end at its next safe point.
    pub(crate) fn request(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether a stop was requested. Long work calls this between two pieces.
    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until a stop is requested.
    pub(crate) async fn requested(&self) {
        // `self` keeps the sender, so the channel cannot close.
        let _ = self.0.subscribe().wait_for(|stop| *stop).await;
    }

    /// Waits for some time, or until a stop is requested.
    pub(crate) async fn pause(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.requested() => {}
        }
    }
}
