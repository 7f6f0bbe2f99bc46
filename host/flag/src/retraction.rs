//! The record of a match that does not hold any more.

use serde_json::{Value, json};
use threatsieve_blacklist::Timestamp;

use crate::rfc3339;

/// Makes the record for the event with that identifier. `named` is the feed and the indicator; `None`
/// where the marking of the indicator forbids to name it, so that it was never named.
pub fn retraction(uid: &str, named: Option<(&str, &str)>, reason: &str, now: Timestamp) -> Value {
    let mut ours = json!({ "id": uid, "kind": "retraction", "reason": reason, "retracted": rfc3339(now) });
    match named {
        Some((feed, indicator)) => {
            ours["feed"] = json!(feed);
            ours["indicator"] = json!(indicator);
        }
        None => ours["withheld"] = json!(1),
    }
    json!({ "threatsieve": ours })
}
