//! The cluster's hosts, of which the one that answered last is asked next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use opensearch::http::transport::{Connection, ConnectionPool};
use url::Url;

/// Clones share whose turn it is.
#[derive(Debug, Clone)]
pub(super) struct Hosts {
    all: Arc<[(String, Connection)]>,
    /// Counted on without end; its remainder is a place.
    turn: Arc<AtomicUsize>,
}

impl Hosts {
    /// At least one.
    pub(super) fn new(urls: &[Url]) -> Hosts {
        let named = |url: &Url| {
            let shown = url.as_str().trim_end_matches('/').to_owned();
            (shown, Connection::new(url.clone()))
        };
        Hosts { all: urls.iter().map(named).collect(), turn: Arc::default() }
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// The name of the host that is asked next.
    pub(super) fn current(&self) -> String {
        self.place().0.clone()
    }

    /// Has another host asked next.
    pub(super) fn turn(&self) {
        self.turn.fetch_add(1, Ordering::Relaxed);
    }

    fn place(&self) -> &(String, Connection) {
        &self.all[self.turn.load(Ordering::Relaxed) % self.all.len()]
    }
}

impl ConnectionPool for Hosts {
    fn next(&self) -> Connection {
        self.place().1.clone()
    }
}
