//! MISP as a source of indicators: servers, and feeds in MISP's format.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use threatsieve_blacklist::Timestamp;
use threatsieve_feed::misp::{MATCHED_TYPES, TagFilter};
use url::Url;

use super::feed::UrlFeed;
use super::kinds::Plain;
use super::misp::{Misp, MispTarget};
use super::reader::Field;
use super::shown::quoted;

/// A type of attributes that events are matched for.
pub(super) const ATTRIBUTE_TYPE: Plain<String> = Plain {
    name: "type of MISP",
    expected: "a type of MISP that events are matched for (domain, hostname, domain|ip, \
               hostname|port, ip-dst, ip-src, ip-dst|port, ip-src|port, url, uri, md5, sha1, \
               sha256, filename|md5, filename|sha1, filename|sha256, malware-sample, email, \
               email-src, email-dst)",
    parse: |value| {
        let text = value.as_str()?;
        MATCHED_TYPES.contains(&text).then(|| text.to_owned())
    },
};

/// A MISP server, whose attributes are read.
#[derive(Debug, Clone)]
pub(crate) struct MispServer {
    /// The server's base URL. Its authentication is the key.
    pub(crate) server: UrlFeed,
    /// Attributes per request.
    pub(crate) page_attributes: u32,
    /// Time before the last poll whose changes are requested again.
    pub(crate) overlap: Duration,
    /// Time after which everything is read again.
    pub(crate) compare_every: Duration,
    /// Events that are not published are not read.
    pub(crate) published_only: bool,
    /// The folder to which the server's warninglists are saved.
    pub(crate) warninglists_to: Option<PathBuf>,
    pub(crate) wanted: MispWanted,
}

/// A feed in MISP's format: a manifest, and a file for each event.
#[derive(Debug, Clone)]
pub(crate) struct MispFiles {
    pub(crate) place: MispPlace,
    pub(crate) wanted: MispWanted,
}

/// The place of a feed's files.
#[derive(Debug, Clone)]
pub(crate) enum MispPlace {
    /// The URL of the folder or of its manifest.
    Url(UrlFeed),
    Folder(PathBuf),
}

/// The attributes that a feed reads.
#[derive(Debug, Clone)]
pub(crate) struct MispWanted {
    /// Types of attributes; `None` for all.
    pub(crate) types: Option<BTreeSet<String>>,
    pub(crate) tags: TagFilter,
    /// Events that were not changed since are not read.
    pub(crate) since: Option<Timestamp>,
}

impl MispWanted {
    pub(super) fn new(
        types: &Field<'_, Option<Vec<String>>>,
        tags: &Field<'_, Option<Vec<String>>>,
        since: &Field<'_, Option<Timestamp>>,
    ) -> Option<MispWanted> {
        let types = types.value.clone()?;
        let tags = tags.value.clone()?.unwrap_or_default();
        Some(MispWanted {
            types: types.map(|types| types.into_iter().collect()),
            tags: TagFilter::new(tags.iter().map(String::as_str)),
            since: since.value?,
        })
    }
}

/// Notes targets that are the server that a feed reads. What came from there is not sent back.
/// Another feed with the same values may send them.
pub(super) fn check_no_return(
    source: &MispServer,
    targets: &Field<'_, Vec<MispTarget>>,
    servers: &[Misp],
) {
    for target in targets.value.iter().flatten() {
        let server = servers.iter().find(|server| server.name == target.server);
        if server.is_some_and(|server| source.is_at(&server.url)) {
            targets.place.problem(format!(
                "expected another server than the one that the feed reads, got {}, which has the \
                 same URL: what comes from a server is not sent back to it",
                quoted(&target.server)
            ));
        }
    }
}

impl MispServer {
    /// Returns whether this is the server at a URL: the same scheme, host, port and base path.
    fn is_at(&self, url: &Url) -> bool {
        is_same_server(&self.server.url, url)
    }
}

/// Returns whether two base URLs are those of one server.
fn is_same_server(one: &Url, other: &Url) -> bool {
    let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
    one.origin() == other.origin() && path(one) == path(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_all_types() {
        for kind in MATCHED_TYPES {
            let named = [format!(" {kind},"), format!(" {kind})"), format!("({kind},")];
            assert!(named.iter().any(|one| ATTRIBUTE_TYPE.expected.contains(one)), "{kind}");
        }
    }

    #[test]
    fn a_server_is_known_by_scheme_host_port_and_base_path() {
        let url = |text: &str| Url::parse(text).unwrap();
        let misp = url("https://misp.example.org/base/");
        for same in ["https://MISP.example.org:443/base", "https://misp.example.org/base//"] {
            assert!(is_same_server(&misp, &url(same)), "{same}");
        }
        for other in [
            "http://misp.example.org/base/",
            "https://misp.example.org:8443/base/",
            "https://misp.example.org/",
            "https://misp.example.com/base/",
        ] {
            assert!(!is_same_server(&misp, &url(other)), "{other}");
        }
    }
}
