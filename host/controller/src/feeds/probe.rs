//! Connecting to a feed without changing the state.

use std::time::Duration;

use threatsieve_feed::taxii1::StatusType;

use super::fetched::blocking;
use super::http::Fault;
use super::{misp, path, taxii, taxii1, url};
use crate::config::{Feed, Http, Origin};

/// Longest time for a check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30);
/// The status code of success.
const OK: u16 = 200;

/// Connects, and describes in a few words what a poll would fetch.
pub(crate) async fn probe(feed: &Feed, http: &Http) -> anyhow::Result<String> {
    let answer = connect(feed, http).await;
    let secrets = super::secrets(feed);
    answer
        .map(|text| secrets.redact(&text))
        .map_err(|error| anyhow::Error::msg(secrets.redact(&format!("{error:#}"))))
}

/// Connects, and returns the status code of the server as HTTP has it: 200 if a poll would find
/// what it needs, and 0 without a connection. On a failure, the reason comes with it.
pub(crate) async fn check(feed: &Feed, http: &Http) -> (u16, Option<String>) {
    match tokio::time::timeout(CHECK_TIMEOUT, connect(feed, http)).await {
        Ok(Ok(_)) => (OK, None),
        Ok(Err(error)) => {
            (status_of(&error), Some(super::secrets(feed).redact(&format!("{error:#}"))))
        }
        Err(_) => (0, Some(format!("no answer within {} s", CHECK_TIMEOUT.as_secs()))),
    }
}

/// Connects. The answer may hold secrets.
async fn connect(feed: &Feed, http: &Http) -> anyhow::Result<String> {
    match &feed.origin {
        Origin::Taxii(taxii) => taxii::probe(taxii, http).await,
        Origin::Taxii1(taxii) => taxii1::probe(taxii, http).await,
        Origin::Url(url) => url::probe(url, http).await,
        Origin::Misp(misp) => misp::probe_server(misp, http).await,
        Origin::MispFeed(files) => misp::probe_files(files, http).await,
        Origin::Path(path) => blocking(|| path::probe(path)),
    }
}

/// Returns the status code that tells a failure best.
fn status_of(error: &anyhow::Error) -> u16 {
    let fault = error.chain().find_map(|cause| cause.downcast_ref::<Fault>());
    match fault {
        Some(Fault::Answer { status, .. }) if *status >= 400 => *status,
        Some(Fault::Status { kind: StatusType::Unauthorized, .. }) => 401,
        Some(Fault::Status { kind: StatusType::Denied, .. }) => 403,
        Some(Fault::Status { kind: StatusType::NotFound, .. }) => 404,
        // The server was reached, but not as one of this kind.
        Some(
            Fault::Answer { .. }
            | Fault::Status { .. }
            | Fault::Redirect { .. }
            | Fault::Foreign { .. }
            | Fault::Unfit { .. }
            | Fault::TooLong { .. }
            | Fault::Content { .. },
        ) => 502,
        Some(
            Fault::Connect { .. } | Fault::Broken { .. } | Fault::Silent { .. } | Fault::Spool(_),
        )
        | None => 0,
    }
}
