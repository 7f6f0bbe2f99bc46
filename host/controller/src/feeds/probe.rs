//! Connecting to a feed without changing the state.

use super::fetched::blocking;
use super::{misp, path, taxii, taxii1, url};
use crate::config::{Feed, Http, Origin};

/// Connects, and describes in a few words what a poll would fetch.
pub(crate) async fn probe(feed: &Feed, http: &Http) -> anyhow::Result<String> {
    let answer = match &feed.origin {
        Origin::Taxii(taxii) => taxii::probe(taxii, http).await,
        Origin::Taxii1(taxii) => taxii1::probe(taxii, http).await,
        Origin::Url(url) => url::probe(url, http).await,
        Origin::Misp(misp) => misp::probe_server(misp, http).await,
        Origin::MispFeed(files) => misp::probe_files(files, http).await,
        Origin::Path(path) => blocking(|| path::probe(path)),
    };
    let secrets = super::secrets(feed);
    answer
        .map(|text| secrets.redact(&text))
        .map_err(|error| anyhow::Error::msg(secrets.redact(&format!("{error:#}"))))
}
