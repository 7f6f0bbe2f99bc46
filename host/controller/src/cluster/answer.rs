//! What a server's answer says.

use serde_json::Value as Json;

use super::Fault;
use crate::output::clipped;

/// Longest answer that is read: the mappings of some thousand indices.
pub(super) const MAX_ANSWER_BYTES: u64 = 256 * 1024 * 1024;
/// Most characters of a reason that are kept.
const REASON_CHARS: usize = 500;
/// The type of the plugin's own refusals.
const REFUSED: &str = "threatsieve_refused";

/// Whether another host of the cluster may do better: the one that answered knows no cluster manager, or is a proxy before nobody.
pub(super) fn is_away(status: u16) -> bool {
    matches!(status, 502..=504)
}

/// The answer's JSON, or why there is none.
pub(super) fn read(
    host: &str,
    what: &'static str,
    status: u16,
    body: &[u8],
    redact: impl Fn(&str) -> String,
) -> Result<Json, Fault> {
    let json: Result<Json, _> = serde_json::from_slice(body);
    let host = host.to_owned();
    if (200..300).contains(&status) {
        return json.map_err(|error| Fault::Unfit { host, what, got: format!("no JSON: {error}") });
    }
    let error = json.as_ref().map_or(&Json::Null, |json| &json["error"]);
    let shown = |text: &str| redact(&clipped(text.trim().as_bytes(), REASON_CHARS));
    let reason = shown(&reason(error).unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()));
    Err(match status {
        401 | 403 => Fault::Denied { host, what, status, reason },
        _ if error["type"] == REFUSED => {
            let kind = shown(error["kind"].as_str().unwrap_or("no kind"));
            Fault::Refused { host, kind, reason }
        }
        400 | 405 if is_unknown(&reason) => Fault::NoPlugin { host },
        _ => Fault::Answer { host, what, status, reason },
    })
}

/// What an error says: a text, or an object with a type and a reason.
fn reason(error: &Json) -> Option<String> {
    match error {
        Json::String(text) => Some(text.clone()),
        Json::Object(_) => {
            let (kind, reason) = (error["type"].as_str(), error["reason"].as_str());
            match (kind, reason) {
                (Some(REFUSED), Some(reason)) | (None, Some(reason)) => Some(reason.to_owned()),
                (Some(kind), Some(reason)) => Some(format!("{kind}: {reason}")),
                (Some(kind), None) => Some(kind.to_owned()),
                (None, None) => None,
            }
        }
        _ => None,
    }
}

/// How a server says that it has nothing at a path of ours.
fn is_unknown(reason: &str) -> bool {
    reason.contains("no handler found for uri [/_plugins/_threatsieve/")
        || reason.contains("Incorrect HTTP method for uri [/_plugins/_threatsieve/")
}
