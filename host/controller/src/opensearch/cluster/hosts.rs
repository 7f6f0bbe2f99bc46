//! The cluster's hosts. The one that answered last gets the next request.

use std::sync::atomic::{AtomicUsize, Ordering};

use url::Url;

use crate::network::shown_url;

/// At least one host, and the one that gets the next request.
#[derive(Debug)]
pub(super) struct Hosts {
    all: Vec<Url>,
    /// A counter that only grows. Its remainder is the place of the next host.
    turn: AtomicUsize,
}

impl Hosts {
    /// Adds a slash to the end of each URL's path, because requests go to paths below it.
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

    /// Returns the name of the host that gets the next request.
    pub(super) fn current(&self) -> String {
        shown_url(self.next()).trim_end_matches('/').to_owned()
    }

    /// Returns the URL of a path on that host. The path has no leading slash.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.next().clone();
        let path = format!("{}{path}", url.path());
        url.set_path(&path);
        url
    }

    /// Moves on to the next host.
    pub(super) fn turn(&self) {
        self.turn.fetch_add(1, Ordering::Relaxed);
    }

    fn next(&self) -> &Url {
        &self.all[self.turn.load(Ordering::Relaxed) % self.all.len()]
    }
}
