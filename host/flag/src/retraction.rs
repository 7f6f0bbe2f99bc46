//! The record of a match that no longer holds.

use serde_json::{Value, json};
use threatsieve_blacklist::Timestamp;

use crate::rfc3339;

/// Builds the record for the event with this identifier. `named` is the feed and the indicator, or
/// `None` if the indicator's marking forbids naming it.
pub fn retraction(uid: &str, named: Option<(&str, &str)>, reason: &str, now: Timestamp) -> Value {
    let mut ours =
        json!({ "id": uid, "kind": "retraction", "reason": reason, "retracted": rfc3339(now) });
    match named {
        Some((feed, indicator)) => {
            ours["feed"] = json!(feed);
            ours["indicator"] = json!(indicator);
        }
        None => ours["withheld"] = json!(1),
    }
    json!({ "threatsieve": ours })
}
