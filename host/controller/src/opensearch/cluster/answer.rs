//! Reading a server's answers.

use serde_json::Value as Json;

use super::Fault;
use crate::network::Secrets;

/// Longest answer that is read, in bytes. Enough for hundreds of nodes with hundreds of blacklists.
pub(super) const MAX_ANSWER_BYTES: u64 = 32 * 1024 * 1024;
/// Longest answer of a request for much data, such as the mappings of some thousand indices. Parsed
/// JSON takes several times its size.
pub(super) const MAX_LARGE_ANSWER_BYTES: u64 = 128 * 1024 * 1024;
/// Maximum number of characters of a reason that are kept.
const REASON_CHARS: usize = 500;
/// Maximum number of bytes of an answer without JSON that are read as its reason.
const REASON_BYTES: usize = 8 * REASON_CHARS;
/// The type of the plugin's own refusals.
const REFUSED: &str = "threatsieve_refused";

/// Returns whether another host may succeed: the one that answered knows no cluster manager, or is
/// a proxy without a server behind it.
pub(super) fn is_away(status: u16) -> bool {
    matches!(status, 502..=504)
}

/// Returns the answer's JSON, or the fault that the answer reports.
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

/// Returns the reason of an error, which is a text, or an object with a type and a reason.
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

/// Returns whether the reason is that the server does not know a path of the plugin.
fn is_unknown(reason: &str) -> bool {
    reason.contains("no handler found for uri [/_plugins/_threatsieve/")
        || reason.contains("Incorrect HTTP method for uri [/_plugins/_threatsieve/")
}
