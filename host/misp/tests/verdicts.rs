//! The verdict on each captured answer, compared with a table that was checked by hand.

mod captured;

use std::collections::BTreeMap;
use std::time::Duration;

use threatsieve_misp::{Answer, Call, Verdict, unanswered, verdict};

/// Lines of a verdict, and of the captures below it with two spaces before their names.
const TABLE: &str = include_str!("verdicts.txt");

/// Returns the verdict's name, with the details that a client acts on.
fn shown(verdict: &Verdict) -> String {
    let waits = |wait: &Option<Duration>| {
        wait.map(|wait| format!(" after {} s", wait.as_secs())).unwrap_or_default()
    };
    match verdict {
        Verdict::Accepted => "accepted".to_owned(),
        Verdict::Exists { event: None } => "exists".to_owned(),
        Verdict::Exists { event: Some(event) } => format!("exists as {event}"),
        Verdict::NotFound => "not found".to_owned(),
        Verdict::NotNewer => "not newer".to_owned(),
        Verdict::Blocklisted => "blocklisted".to_owned(),
        Verdict::Refused { .. } => "refused".to_owned(),
        Verdict::TooLarge => "too large".to_owned(),
        Verdict::Paused { .. } => "paused".to_owned(),
        Verdict::Transient { wait, .. } => format!("transient{}", waits(wait)),
        Verdict::Uncertain { wait, .. } => format!("uncertain{}", waits(wait)),
    }
}

#[test]
fn every_captured_answer_has_the_verdict_of_the_table() {
    let mut expected = BTreeMap::new();
    let mut current = "";
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("  ") {
            Some(name) => {
                assert_eq!(expected.insert(name.to_owned(), current.to_owned()), None, "{name}");
            }
            None => current = line,
        }
    }
    let found: BTreeMap<String, String> = captured::load()
        .iter()
        .map(|(name, capture)| (name.clone(), shown(&verdict(capture.call(), &capture.answer()))))
        .collect();
    assert_eq!(found.len(), 498);
    let wrong: Vec<String> = found
        .iter()
        .filter(|(name, verdict)| expected.get(*name) != Some(*verdict))
        .map(|(name, verdict)| format!("{name}: {verdict}, expected {:?}", expected.get(name)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(found.len(), expected.len());
}

#[test]
fn answers_of_proxies_and_broken_answers_have_verdicts() {
    let html = b"<!DOCTYPE html><html><body>Login</body></html>";
    let event = br#"{"Event": {"id": "1", "uuid": "15e25829-320b-558d-aa09-fe9307626369"}}"#;
    let answer = |status, body| Answer { status, body, ..Answer::default() };
    for (call, answer, want) in [
        (Call::Add, answer(200, html), "paused"),
        (Call::Read, answer(200, html), "paused"),
        (Call::Add, answer(200, &event[..40]), "uncertain"),
        (Call::Add, answer(200, b""), "uncertain"),
        (Call::Read, answer(200, &event[..40]), "transient"),
        (Call::Edit, answer(200, event), "accepted"),
        (Call::Edit, answer(200, b"{}"), "uncertain"),
        (Call::Add, answer(401, b""), "paused"),
        (Call::Add, answer(403, html), "paused"),
        (Call::Read, answer(404, html), "paused"),
        (Call::Add, answer(405, html), "paused"),
        (Call::Add, answer(503, html), "transient"),
        (Call::Add, answer(504, html), "uncertain"),
        (Call::Read, answer(504, html), "transient"),
        (Call::Add, answer(599, html), "uncertain"),
        (Call::Add, answer(100, b""), "uncertain"),
        (Call::Add, answer(422, b""), "refused"),
        (Call::Add, Answer { retry_after: Some("7"), ..answer(503, html) }, "transient after 7 s"),
        (Call::Add, Answer { retry_after: Some("x"), ..answer(429, html) }, "transient"),
        (
            Call::Add,
            Answer { rate_limit_reset: Some("999999999"), ..answer(429, html) },
            "transient after 86400 s",
        ),
    ] {
        assert_eq!(shown(&verdict(call, &answer)), want, "{call:?} {answer:?}");
    }
    assert_eq!(shown(&unanswered(Call::Upload, None, "time-out")), "uncertain");
    assert_eq!(shown(&unanswered(Call::Read, None, "time-out")), "transient");
}

#[test]
fn reasons_are_those_of_misp() {
    let reason = |name: &str| {
        let captures = captured::load();
        let capture = &captures[name];
        match verdict(capture.call(), &capture.answer()) {
            Verdict::Refused { reason } | Verdict::Paused { reason } => reason,
            other => panic!("{other:?}"),
        }
    };
    let bad = reason("event_add_bad_fields");
    assert!(bad.contains("Expected date format: YYYY-MM-DD"), "{bad}");
    let xml = reason("stix1_malformed_accept_xml");
    assert!(xml.starts_with("Error while loading the STIX file"), "{xml}");
    assert!(reason("event_add_no_accept").contains("login page"));
    let role = reason("event_add_no_perm_add");
    assert_eq!(role, "You do not have permission to use this functionality.");
}
