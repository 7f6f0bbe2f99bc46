//! The cluster's hosts, of which the one that answered last is asked next.

use std::sync::atomic::{AtomicUsize, Ordering};

use url::Url;

use crate::network::shown_url;

/// At least one host, and whose turn it is.
#[derive(Debug)]
pub(super) struct Hosts {
    all: Vec<Url>,
    /// Counted on without end; its remainder is a place.
    turn: AtomicUsize,
}

impl Hosts {
    /// Keeps URLs with a path that ends with a slash: what is asked for is below it.
    pub(super) fn new(urls: &[Url]) -> Hosts {
        let folder = |url: &Url| {
            let mut url = url.clone();
            if !url.path().ends_with('/') {
                url.set_path(&format!("{}/", url.path()));
            }
            url
        };
        Hosts { all: urls.iter().map(folder).collect(), turn: AtomicUsize::new(0) }
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// The name of the host that is asked next.
    pub(super) fn current(&self) -> String {
        shown_url(self.next()).trim_end_matches('/').to_owned()
    }

    /// The URL of a path, without a leading slash, on that host.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.next().clone();
        let path = format!("{}{path}", url.path());
        url.set_path(&path);
        url
    }

    /// Has another host asked next.
    pub(super) fn turn(&self) {
        self.turn.fetch_add(1, Ordering::Relaxed);
    }

    fn next(&self) -> &Url {
        &self.all[self.turn.load(Ordering::Relaxed) % self.all.len()]
    }
}
