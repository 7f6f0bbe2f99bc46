//! Reduces patterns, one per line on standard input, to JSON objects, one per line on standard
//! output:
//! `{"complete", "partial", "values": [{"type", "value", "mode"?, "start"?, "stop"?}], "unreduced":
//! [{"reason", "detail", "text", "at"}]}`
//! or `{"error", "kind": "syntax" | "meaning", "at"}`. Times are microseconds since 1970. `--v20`
//! selects the grammar of STIX 2.0 instead of 2.1.
#![allow(clippy::print_stdout, reason = "what an example is for")]

use std::io::{self, BufRead, Write};

use serde_json::{Value as Json, json};
use threatsieve_blacklist::{DomainMode, FileHash, Value};
use threatsieve_feed::pattern::{Grammar, Pattern, PatternError};
use threatsieve_feed::reduce::{Reduced, reduce};

fn main() -> io::Result<()> {
    let grammar =
        if std::env::args().any(|word| word == "--v20") { Grammar::V20 } else { Grammar::V21 };
    let mut output = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        writeln!(output, "{}", answer(&line?, grammar))?;
    }
    output.flush()
}

fn answer(text: &str, grammar: Grammar) -> Json {
    let pattern = match Pattern::parse(text, grammar) {
        Ok(pattern) => pattern,
        Err(error) => {
            let kind =
                if matches!(error, PatternError::Meaning { .. }) { "meaning" } else { "syntax" };
            return json!({"error": error.to_string(), "kind": kind, "at": error.at()});
        }
    };
    let reduction = reduce(&pattern);
    let parts = reduction.unreduced.iter().map(|part| {
        json!({
            "reason": part.reason.kind(),
            "detail": part.reason.to_string(),
            "text": part.text,
            "at": part.at,
        })
    });
    json!({
        "complete": reduction.unreduced.is_empty(),
        "partial": !reduction.values.is_empty() && !reduction.unreduced.is_empty(),
        "values": reduction.values.iter().map(value).collect::<Vec<_>>(),
        "unreduced": parts.collect::<Vec<_>>(),
    })
}

fn value(reduced: &Reduced) -> Json {
    let mut shown = match &reduced.value {
        Value::Domain(name, mode) => {
            let mode = match mode {
                DomainMode::AtAndBelow => "at_and_below",
                DomainMode::Exact => "exact",
                DomainMode::Below => "below",
                DomainMode::Tree => "tree",
            };
            json!({"type": "domain", "value": name, "mode": mode})
        }
        Value::Address(range) => json!({"type": "address", "value": range.to_string()}),
        Value::Url { key, .. } => json!({"type": "url", "value": key}),
        Value::Hash(hash) => {
            let kind = match hash {
                FileHash::Md5(_) => "md5",
                FileHash::Sha1(_) => "sha1",
                FileHash::Sha256(_) => "sha256",
            };
            json!({"type": kind, "value": hash.to_string()})
        }
        Value::Email(email) => json!({"type": "email", "value": email}),
        Value::All(parts) => json!({"type": "all", "value": parts.to_string()}),
    };
    for (name, time) in [("start", reduced.start), ("stop", reduced.stop)] {
        if let Some(time) = time {
            shown[name] = json!(time.0);
        }
    }
    shown
}
