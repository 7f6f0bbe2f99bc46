//! Cursors: where a feed's next poll continues. A cursor is stored with its feed in the state, as
//! JSON.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use threatsieve_blacklist::Timestamp;

use crate::config::{Feed, MispPlace, Origin};

/// A cursor and the settings that it was written with. If the URL or the defaults change, the
/// cursor does not apply, and the feed is read as a new one.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor<T> {
    /// See [`source()`].
    source: String,
    #[serde(flatten)]
    at: T,
}

/// A time that is written in RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Moment(pub(super) Timestamp);

impl From<Moment> for String {
    /// RFC 3339 with six digits of a second, as TAXII 2.1 requires (section 1.6.9).
    fn from(moment: Moment) -> String {
        let moment = jiff::Timestamp::from_microsecond(moment.0.0);
        moment.map_or_else(
            |_| String::new(),
            |moment| moment.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        )
    }
}

impl TryFrom<String> for Moment {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Moment, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|moment| Moment(Timestamp(moment.as_microsecond())))
    }
}

/// Reads the cursor of the last poll; `None` if there is none that applies to this configuration.
pub(super) fn read<T: DeserializeOwned>(feed: &Feed, cursor: Option<&Json>) -> Option<T> {
    // A cursor that cannot be read was written by another version. The feed is read as a new one.
    let cursor: Cursor<T> = serde_json::from_value(cursor?.clone()).ok()?;
    (cursor.source == source(feed)).then_some(cursor.at)
}

pub(super) fn write<T: Serialize>(feed: &Feed, at: T) -> anyhow::Result<Json> {
    Ok(serde_json::to_value(Cursor { source: source(feed), at })?)
}

/// Returns whether the last poll ended at its limit, or before the server had the result. The key
/// is the same in all cursors.
pub(super) fn is_paused(cursor: &Json) -> bool {
    cursor.get("resume").is_some()
}

/// Returns a digest of the settings that a cursor depends on: 16 hexadecimal digits.
fn source(feed: &Feed) -> String {
    let origin = match &feed.origin {
        Origin::Taxii(taxii) => format!("{} {:?} {:?}", taxii.url, taxii.collection, taxii.since),
        Origin::Taxii1(taxii) => format!(
            "{} {:?} {:?} {:?} {:?} {} {:?}",
            taxii.server.url,
            taxii.poll_url.as_ref().map(url::Url::as_str),
            taxii.collection,
            taxii.since,
            taxii.content_bindings,
            taxii.subscribe,
            taxii.subscription_id
        ),
        Origin::Url(url) => url.url.to_string(),
        Origin::Path(path) => format!("{path:?}"),
        Origin::Misp(misp) => {
            format!("{} {} {:?}", misp.server.url, misp.published_only, misp.wanted)
        }
        Origin::MispFeed(files) => match &files.place {
            MispPlace::Url(url) => format!("{} {:?}", url.url, files.wanted),
            MispPlace::Folder(path) => format!("{path:?} {:?}", files.wanted),
        },
    };
    let defaults = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        feed.confidence, feed.tlp, feed.url_mode, feed.format, feed.match_port
    );
    // Without a filter, cursors of versions that knew none still apply.
    let filter = match feed.policy.objects.is_open() {
        true => String::new(),
        false => format!(" {:?}", feed.policy.objects),
    };
    blake3::hash(format!("{origin}\n{defaults}{filter}").as_bytes()).to_hex()[..16].to_owned()
}
