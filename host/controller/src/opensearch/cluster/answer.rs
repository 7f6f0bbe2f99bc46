//! What a server's answer says.

use serde_json::Value as Json;

use super::Fault;
use crate::network::Secrets;

/// Longest answer that is read, in bytes: what hundreds of nodes say of hundreds of blacklists.
pub(super) const MAX_ANSWER_BYTES: u64 = 32 * 1024 * 1024;
/// Longest answer of a request that expects much: the mappings of some thousand indices. Read as
/// JSON it takes several times its size.
pub(super) const MAX_LARGE_ANSWER_BYTES: u64 = 128 * 1024 * 1024;
/// Most characters of a reason that are kept.
const REASON_CHARS: usize = 500;
/// Most bytes of an answer that is no JSON which are looked at for its reason.
const REASON_BYTES: usize = 8 * REASON_CHARS;
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
    secrets: &Secrets,
) -> Result<Json, Fault> {
    let json: Result<Json, _> = serde_json::from_slice(body);
    let host = host.to_owned();
    if (200..300).contains(&status) {
        return json.map_err(|error| Fault::Unfit { host, what, got: format!("no JSON: {error}") });
    }
    let error = json.as_ref().map_or(&Json::Null, |json| &json["error"]);
    let shown = |text: &[u8]| secrets.excerpt(text.trim_ascii(), REASON_CHARS);
    let start = &body[..body.len().min(REASON_BYTES)];
    let reason = reason(error).map_or_else(|| shown(start), |reason| shown(reason.as_bytes()));
    Err(match status {
        401 | 403 => Fault::Denied { host, what, status, reason },
        _ if error["type"] == REFUSED => {
            let kind = shown(error["kind"].as_str().unwrap_or("no kind").as_bytes());
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
