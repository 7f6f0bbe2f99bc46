//! Conditions that begin, last and end, from one round's report to the next.

use std::path::PathBuf;

use tempfile::TempDir;
use threatsieve_blacklist::{Timestamp, Tlp};

use super::*;
use crate::alerts::compose_operations;
use crate::config::{Alerts, Config, Recipient, Transport};
use crate::follow::{FollowReport, HistoryReport, Trouble};
use crate::indicators::generation::tests::config;
use crate::rounds::RoundReport;
use crate::sinks::output_file::DrainReport;
use crate::store::Store;
use crate::store::ingest::tests::{NOW, store};

const HOUR: i64 = 3600 * 1_000_000;

struct Desk {
    _folder: TempDir,
    store: Store,
    config: Config,
    now: Timestamp,
}

impl Desk {
    /// Two feeds, `a` and `b`, and one operator.
    fn new() -> Desk {
        let (folder, store) = store();
        let mut config = config(PathBuf::from("/var/lib/threatsieve"));
        let recipient = Recipient { address: "soc@soc.example".to_owned(), max_tlp: Tlp::Red };
        config.alerts = Some(Alerts {
            from: "threatsieve@soc.example".to_owned(),
            recipients: vec![recipient],
            operators: Vec::new(),
            transport: Transport::Folder("mails".into()),
            max_groups: 1,
            max_examples: 1,
            give_up_after: std::time::Duration::from_secs(1),
        });
        Desk { _folder: folder, store, config, now: NOW }
    }

    /// Ends a round with this report, an hour after the last round.
    fn round(&mut self, report: &RoundReport) -> Changes {
        self.now.0 += HOUR;
        let before = read(self.store.connection()).unwrap();
        let current = assess(&self.config, &self.store, report, &before, self.now).unwrap();
        let transaction = self.store.write().unwrap();
        let changes = settle(&transaction, current).unwrap();
        compose_operations(&transaction, &self.config, &changes, self.now).unwrap();
        transaction.commit().unwrap();
        changes
    }

    fn mails(&self) -> Vec<(String, String)> {
        let sql = "SELECT subject, body FROM mails ORDER BY id";
        let mut statement = self.store.connection().prepare(sql).unwrap();
        let rows =
            statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?))).unwrap();
        rows.map(|row| {
            row.map(|(subject, body)| (subject, String::from_utf8(body).unwrap())).unwrap()
        })
        .collect()
    }

    /// Lets mails wait. These tests compose mails, never deliver them, and test other conditions.
    fn mails_may_wait(&mut self) {
        self.config.health.stuck_after = std::time::Duration::from_secs(365 * 24 * 3600);
    }
}

/// A round in which every step ran and nothing was wrong.
fn fine() -> RoundReport {
    RoundReport {
        follow: Some(FollowReport::default()),
        history: Some(HistoryReport::default()),
        records: Some(DrainReport::default()),
        ..RoundReport::default()
    }
}

fn unread(path: &str, source: &str) -> Trouble {
    Trouble {
        source: source.to_owned(),
        path: path.to_owned(),
        what: "permission denied".to_owned(),
    }
}

fn names(conditions: &[Condition]) -> Vec<String> {
    conditions.iter().map(ToString::to_string).collect()
}

#[test]
fn a_condition_is_reported_when_it_begins_and_when_it_ends() {
    let mut desk = Desk::new();
    desk.mails_may_wait();
    let mut wrong = fine();
    let follow = wrong.follow.as_mut().unwrap();
    follow.troubles = vec![unread("/a/1", "proxy"), unread("/a/2", "proxy"), unread("/b", "mail")];
    let changes = desk.round(&wrong);
    assert_eq!(names(&changes.began), ["logs not read: mail", "logs not read: proxy"]);
    let changes = desk.round(&wrong);
    assert!(changes.is_empty());
    assert_eq!(changes.lasting[1].what, "/a/1: permission denied, and 1 more");
    assert_eq!(changes.lasting[1].since.0.0, NOW.0 + HOUR, "it keeps its beginning");
    wrong.follow.as_mut().unwrap().troubles.pop();
    assert_eq!(names(&desk.round(&wrong).ended), ["logs not read: mail"]);
    assert_eq!(names(&desk.round(&fine()).ended), ["logs not read: proxy"]);
    assert!(desk.round(&fine()).is_empty() && read(desk.store.connection()).unwrap().is_empty());
    let subjects: Vec<String> = desk.mails().into_iter().map(|(subject, _)| subject).collect();
    let expected = [
        "problem: logs not read: mail, and 1 more",
        "over: logs not read: mail",
        "over: logs not read: proxy",
    ];
    assert_eq!(subjects, expected.map(|subject| format!("[threatsieve] {subject}")));
    let (_, body) = desk.mails().remove(1);
    for text in [
        "ENDED",
        "* logs not read: mail (after 2h)",
        "STILL WRONG",
        "* logs not read: proxy (for 2h)",
    ] {
        assert!(body.contains(text), "{text} is not in\n{body}");
    }
}

#[test]
fn what_a_step_would_have_found_out_stays_if_it_did_not_run() {
    let mut desk = Desk::new();
    desk.mails_may_wait();
    let mut wrong = fine();
    wrong.follow.as_mut().unwrap().unchecked = 3;
    wrong.history.as_mut().unwrap().missed = 1;
    wrong.records.as_mut().unwrap().error = Some("no space left".to_owned());
    assert_eq!(desk.round(&wrong).began.len(), 3);
    let failed = RoundReport {
        errors: vec!["matching new lines: disk: gone".to_owned()],
        ..RoundReport::default()
    };
    let changes = desk.round(&failed);
    assert_eq!(names(&changes.began), ["step failed: matching new lines"]);
    assert_eq!((changes.began[0].what.as_str(), changes.lasting.len()), ("disk: gone", 3));
    assert_eq!(desk.round(&fine()).ended.len(), 4);
}

#[test]
fn a_feed_is_dead_when_it_failed_for_long_enough() {
    let mut desk = Desk::new();
    desk.mails_may_wait();
    desk.config.feeds[1].every = Some(std::time::Duration::from_secs(48 * 3600));
    for name in ["a", "b"] {
        desk.store.feed_failed(name, NOW, "no connection", NOW).unwrap();
    }
    assert!(desk.round(&fine()).is_empty());
    desk.now.0 += 24 * HOUR;
    let changes = desk.round(&fine());
    assert_eq!(names(&changes.began), ["feed dead: a"], "the other one had no second try yet");
    assert_eq!(changes.began[0].since.0, NOW);
    assert!(changes.began[0].what.contains("last good poll: never; 1 failed poll in a row"));
    desk.now.0 += 72 * HOUR;
    assert_eq!(names(&desk.round(&fine()).began), ["feed dead: b"]);
    desk.store.feed_unchanged("a", desk.now, None).unwrap();
    assert_eq!(names(&desk.round(&fine()).ended), ["feed dead: a"]);
}

#[test]
fn every_kind_has_a_name_and_a_remedy() {
    let operations = std::fs::read_to_string("../../docs/operations.md").unwrap();
    for kind in Kind::ALL {
        assert_eq!(Kind::from_name(kind.name()), Some(kind));
        assert!(!kind.title().is_empty() && !kind.remedy("x").is_empty());
        assert!(
            operations.contains(&format!("| `{}` |", kind.name())),
            "{} is not explained",
            kind.name()
        );
    }
    assert_eq!(Kind::from_name("of a later version"), None);
}
