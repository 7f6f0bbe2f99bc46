//! `threatsieve mute`: adds, removes and lists mutes.

use std::fmt::Write;

use anyhow::Context as _;
use threatsieve_blacklist::Timestamp;

use super::configured::{loaded, now};
use crate::cli::{MuteArgs, MuteEnd, MuteTarget, MuteVerb};
use crate::exit::{Exit, Failure};
use crate::output::Sink;
use crate::status::MuteStatus;
use crate::store::Store;
use crate::store::mutes::MuteKind;
use crate::text::{counted, escape_controls, rfc3339, safe_json};

/// Runs the command that the arguments name: `list` if there is none.
pub(crate) fn mute_alerts(args: &MuteArgs) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(&args.config.path())? else { return Ok(Exit::Usage) };
    let (state, now) = (&loaded.config.state, now());
    let text = match &args.verb {
        None | Some(MuteVerb::List) => list_mutes(&Store::open_to_read(state)?, now, args.json)?,
        Some(MuteVerb::Add(add)) => {
            let (kind, value) = target(&add.target)?;
            add_mute(&mut Store::open(state)?, kind, value, end(&add.end, now), &add.reason, now)?
        }
        Some(MuteVerb::Remove(removed)) => {
            let (kind, value) = target(removed)?;
            remove_mute(&mut Store::open(state)?, kind, value)?
        }
    };
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
}

fn target(target: &MuteTarget) -> anyhow::Result<(MuteKind, &str)> {
    let kinds = [
        (MuteKind::Indicator, &target.indicator),
        (MuteKind::Host, &target.host),
        (MuteKind::Source, &target.source),
    ];
    kinds
        .into_iter()
        .find_map(|(kind, value)| value.as_deref().map(|value| (kind, value)))
        .context("expected --indicator, --host or --source, got none")
}

fn end(end: &MuteEnd, now: Timestamp) -> Timestamp {
    end.until.map_or(now.plus(end.duration.unwrap_or_default()), |at| at.0)
}

/// Mutes something until a given time. Returns a message about it.
fn add_mute(
    store: &mut Store,
    kind: MuteKind,
    value: &str,
    until: Timestamp,
    reason: &str,
    now: Timestamp,
) -> anyhow::Result<String> {
    let value = store.mute(kind, value, until, reason, now)?;
    Ok(format!("{} {} is muted until {}\n", kind.name(), escape_controls(&value), rfc3339(until)))
}

/// Ends a mute. Returns a message about it. A value that is not muted is an error, because it may
/// be mistyped.
fn remove_mute(store: &mut Store, kind: MuteKind, value: &str) -> anyhow::Result<String> {
    match store.unmute(kind, value)? {
        Some(value) => {
            Ok(format!("{} {} is not muted any more\n", kind.name(), escape_controls(&value)))
        }
        None => anyhow::bail!(
            "expected a muted {}, got {value:?}, which is not muted: `threatsieve mute list` shows \
             all mutes",
            kind.name()
        ),
    }
}

/// Lists all mutes as text, or as JSON with one object per line. Mutes that have ended are marked.
fn list_mutes(store: &Store, now: Timestamp, as_json: bool) -> anyhow::Result<String> {
    let mut text = String::new();
    for mute in store.mutes()? {
        let mute = MuteStatus::new(mute, now);
        if as_json {
            _ = writeln!(text, "{}", safe_json(&serde_json::to_string(&mute)?));
            continue;
        }
        let (end, until) = (if mute.ended { "ended" } else { "until" }, mute.until);
        let silenced = counted(mute.silenced, "match", "matches");
        let (value, reason) = (escape_controls(&mute.value), escape_controls(&mute.reason));
        _ = writeln!(text, "{:<9} {value}  {end} {until}, {silenced} muted: {reason}", mute.kind);
    }
    if text.is_empty() && !as_json {
        text.push_str("nothing is muted\n");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutes_are_added_listed_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let (now, until) = (Timestamp(0), Timestamp(3_600_000_000));
        assert_eq!(list_mutes(&store, now, false).unwrap(), "nothing is muted\n");
        let said =
            add_mute(&mut store, MuteKind::Indicator, "evil[.]example", until, "a\nscan", now)
                .unwrap();
        assert_eq!(said, "indicator evil.example is muted until 1970-01-01T01:00:00Z\n");
        let listed =
            "indicator evil.example  until 1970-01-01T01:00:00Z, 0 matches muted: a\\x0ascan\n";
        assert_eq!(list_mutes(&store, now, false).unwrap(), listed);
        assert!(list_mutes(&store, until, false).unwrap().contains("ended"));
        assert!(list_mutes(&store, now, true).unwrap().contains(r#""value":"evil.example""#));
        let mistyped =
            remove_mute(&mut store, MuteKind::Indicator, "evil.exmple").unwrap_err().to_string();
        assert!(mistyped.contains("which is not muted"), "{mistyped}");
        remove_mute(&mut store, MuteKind::Indicator, "hxxp[:]//nothing").unwrap_err();
        remove_mute(&mut store, MuteKind::Indicator, "evil.example").unwrap();
        assert_eq!(list_mutes(&store, now, true).unwrap(), "");
    }
}
