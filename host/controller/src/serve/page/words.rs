//! Counts and times in words.

use threatsieve_blacklist::Timestamp;

use super::overview::Overview;
use crate::serve::api::{Asked, Backfill};
use crate::text::{Rfc3339, counted, escape_controls, grouped, sized};

/// Returns how long ago something was, or how long it takes until then: `4 min ago`, `in 2 h`.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = (now.0 - at.0) / 1_000_000;
    let size = seconds.unsigned_abs();
    let text = match size {
        0..=1 => return "now".to_owned(),
        2..=89 => format!("{size} s"),
        90..=5399 => format!("{} min", (size + 30) / 60),
        5400..=172_799 => format!("{} h", (size + 1800) / 3600),
        _ => format!("{} days", (size + 43_200) / 86_400),
    };
    if seconds >= 0 { format!("{text} ago") } else { format!("in {text}") }
}

/// Returns a time for people, in UTC: `2026-11-29 22:41:14`.
pub(super) fn shown(at: Rfc3339) -> String {
    at.to_string().get(..19).unwrap_or_default().replace('T', " ")
}

/// Describes the last round and the next one.
pub(super) fn round_words(overview: &Overview) -> String {
    let now = overview.read;
    if let Some(since) = overview.running_since {
        return format!("A round is running, since {}", ago(since, now).replace(" ago", ""));
    }
    let last = match overview.status.round.as_ref() {
        Some(round) => match round.ended {
            Some(ended) => format!("Round {} ended {}", round.number, ago(ended.0, now)),
            None => format!("Round {} did not end", round.number),
        },
        None => "No round yet".to_owned(),
    };
    match overview.next_round {
        Some(next) if next > now => format!("{last}, the next one is due {}", ago(next, now)),
        Some(_) => format!("{last}, the next one is due"),
        None => format!("{last}, the schedule is stopped"),
    }
}

/// Describes the progress of a backfill.
pub(super) fn backfill_words(one: &Backfill) -> String {
    if let Some(asked) = &one.asked {
        return match &asked.outcome {
            Some(outcome) => escape_controls(outcome).into_owned(),
            None if one.state == "queued" => "It waits for its turn".to_owned(),
            None => {
                let read = counted(asked.read, "event", "events");
                format!("{} flagged of {read} read", grouped(asked.flagged))
            }
        };
    }
    let missed = match one.missed_files {
        0 => String::new(),
        count => format!("; {} cannot be read", counted(count, "file", "files")),
    };
    if one.left == 0 {
        return "Nothing to match again".to_owned();
    }
    let (done, total, left) = match one.unit {
        "bytes" => {
            let left = counted(one.left, "file", "files");
            (sized(one.done), sized(one.total), left)
        }
        _ => (grouped(one.done), grouped(one.total), counted(one.left, "shard", "shards")),
    };
    format!("{done} of {total}, {left} left{missed}")
}

/// Describes the events that somebody asked to have matched.
pub(super) fn range_words(asked: &Asked) -> String {
    let indices = match &asked.indices[..] {
        [] => "all indices".to_owned(),
        indices => escape_controls(&indices.join(", ")).into_owned(),
    };
    let time = |word: &str, at: Option<Rfc3339>| {
        at.map_or_else(String::new, |at| format!(", {word} {}", shown(at)))
    };
    format!("{indices}{}{}", time("since", asked.since), time("until", asked.until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_one_unit() {
        let now = Timestamp(10_000_000_000_000);
        let before = |seconds: i64| ago(Timestamp(now.0 - seconds * 1_000_000), now);
        for (seconds, want) in [
            (0, "now"),
            (45, "45 s ago"),
            (120, "2 min ago"),
            (5399, "90 min ago"),
            (7200, "2 h ago"),
            (3 * 86_400, "3 days ago"),
            (-60, "in 60 s"),
            (-900, "in 15 min"),
        ] {
            assert_eq!(before(seconds), want);
        }
    }
}
