//! Asking long work to end.

use tokio::sync::watch;

/// A request to stop that every part of the program sees. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Sender<bool>);

impl Stop {
    pub(crate) fn new() -> Stop {
        Stop(watch::Sender::new(false))
    }

    /// Asks everything to end at its next safe point.
    pub(crate) fn request(&self) {
        self.0.send_replace(true);
    }

    /// Whether that was asked; looked at between two pieces of work.
    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when it is asked.
    pub(crate) async fn requested(&self) {
        // The sender is held here, so the channel cannot close.
        let _ = self.0.subscribe().wait_for(|stop| *stop).await;
    }
}
