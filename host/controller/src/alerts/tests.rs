//! From rows of matches to mails in a folder. `tests/test_mail.py` tests with a real mail server.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::params;
use tempfile::TempDir;
use threatsieve_blacklist::{Timestamp, Tlp};

use super::mail::MAX_MAIL_BYTES;
use super::{Audience, deliver};
use crate::config::{Alerts, Recipient, Transport};
use crate::stop::Stop;
use crate::store::Store;
use crate::store::mutes::MuteKind;

/// Set this variable to write the golden files again.
const REGENERATE: &str = "THREATSIEVE_REGENERATE";
/// 2026-11-25T03:45:00Z.
pub(super) const NOW: Timestamp = Timestamp(1_795_578_300_000_000);

/// Composes mails, and returns their number.
fn compose(alerts: Option<&Alerts>, store: &mut Store, now: Timestamp) -> anyhow::Result<u64> {
    let audience = Audience { alerts, webhooks: &[], blacklist: "default", link: None };
    Ok(super::compose(audience, store, now)?.mails)
}

/// A state with rows as matching stores them.
pub(super) struct State {
    folder: TempDir,
    pub(super) store: Store,
    lines: i64,
}

/// The statement of an indicator about an event.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) feed: &'a str,
    pub(super) indicator: &'a str,
    pub(super) entry_type: &'a str,
    pub(super) entry: &'a str,
    pub(super) how: &'a str,
    pub(super) confidence: Option<u8>,
    pub(super) tlp: Option<Tlp>,
    pub(super) name: Option<&'a str>,
}

/// A line of a list, which states only the value.
pub(super) fn listed<'a>(feed: &'a str, entry: &'a str) -> Said<'a> {
    Said {
        feed,
        indicator: entry,
        entry_type: "domain-name",
        entry,
        how: "exact",
        confidence: None,
        tlp: None,
        name: None,
    }
}

impl State {
    pub(super) fn new() -> State {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store
            .connection()
            .execute(
                "INSERT INTO files (id, source, digest, digest_bytes, path, device, inode, size,
                                    modified, seen)
                 VALUES (1, 'squid', x'00', 1, '/var/log/squid/access.log', 1, 1, 1, 1, 1)",
                [],
            )
            .unwrap();
        State { folder, store, lines: 0 }
    }

    /// Adds an event that occurred `ago` seconds before now.
    pub(super) fn event(&mut self, ago: i64, source: Option<&str>, raw: &str) -> i64 {
        self.lines += 1;
        let (line, occurred) = (self.lines, NOW.0 - ago * 1_000_000);
        self.store
            .connection()
            .execute(
                "INSERT INTO events (id, file, offset, line, uid, occurred, source, raw)
                 VALUES (?1, 1, ?1, ?1, ?1 || '', ?2, ?3, ?4)",
                params![line, occurred, source, raw],
            )
            .unwrap();
        line
    }

    pub(super) fn matched(&self, event: i64, observable: &str, said: Said<'_>, historic: bool) {
        self.store
            .connection()
            .execute(
                "INSERT INTO matches (event, feed, indicator, entry_type, entry, observable, field,
                                      how, confidence, tlp, name, generation, found, historic)
                 VALUES (?, ?, ?, ?, ?, ?, 'url.original', ?, ?, ?, ?, 1, 1, ?)",
                params![
                    event,
                    said.feed,
                    said.indicator,
                    said.entry_type,
                    said.entry,
                    observable,
                    said.how,
                    said.confidence,
                    said.tlp.map(|tlp| tlp as u8),
                    said.name,
                    historic
                ],
            )
            .unwrap();
    }

    fn mails(&self) -> PathBuf {
        self.folder.path().join("mails")
    }

    fn alerts(&self, recipients: &[(&str, Tlp)]) -> Alerts {
        Alerts {
            from: "Threatsieve <threatsieve@soc.example>".to_owned(),
            recipients: recipients
                .iter()
                .map(|(address, max_tlp)| Recipient {
                    address: (*address).to_owned(),
                    max_tlp: *max_tlp,
                })
                .collect(),
            operators: Vec::new(),
            transport: Transport::Folder(self.mails()),
            max_groups: 20,
            max_examples: 2,
            give_up_after: Duration::from_secs(3 * 86_400),
        }
    }

    fn bodies(&self) -> Vec<(String, String)> {
        let mut statement = self
            .store
            .connection()
            .prepare("SELECT recipient, body FROM mails ORDER BY id")
            .unwrap();
        let rows =
            statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?))).unwrap();
        rows.map(|row| row.map(|(to, body)| (to, String::from_utf8(body).unwrap())).unwrap())
            .collect()
    }
}

/// The matches of one night: two feeds with the same value, a list that states only values, a URL
/// in stored logs, and hostile texts.
pub(super) fn night() -> State {
    let mut state = State::new();
    let c2 = Said {
        feed: "misp",
        indicator: "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        entry_type: "domain-name",
        entry: "evil.example",
        how: "subdomain",
        confidence: Some(90),
        tlp: Some(Tlp::Amber),
        name: Some("Emotet command and control, see http://evil.example/panel"),
    };
    for (ago, source, path) in [
        (2000, "10.20.30.41", "gate.php?id=1"),
        (1400, "10.20.30.41", "gate.php?id=2"),
        (300, "10.20.30.77", ""),
    ] {
        let url = format!("http://cdn.evil.example/{path}");
        let raw = format!(
            "1795576300.123    212 {source} TCP_MISS/200 4391 GET {url} - \
             HIER_DIRECT/198.51.100.7 text/html"
        );
        let event = state.event(ago, Some(source), &raw);
        state.matched(event, &url, c2, false);
        state.matched(
            event,
            &url,
            Said { how: "subdomain", ..listed("urlhaus", "evil.example") },
            false,
        );
    }
    let url = Said {
        feed: "partner",
        indicator: "indicator--26ffb872-1dd9-446e-b6f5-d58527e5b5d2",
        entry_type: "url",
        entry: "http://files.bad.example/download/invoice.zip",
        how: "url",
        confidence: Some(45),
        tlp: Some(Tlp::Red),
        name: Some("<script>alert(1)</script> & co"),
    };
    for ago in [20 * 86_400, 12 * 86_400] {
        let raw = format!(
            "1793900000.001     87 10.20.31.5 TCP_MISS/200 88123 GET {} - HIER_DIRECT/203.0.113.9 \
             application/zip",
            url.entry
        );
        let event = state.event(ago, Some("10.20.31.5"), &raw);
        state.matched(event, url.entry, url, true);
    }
    let address = Said { entry_type: "ipv6-addr", ..listed("blocklist", "2001:db8::bad:1") };
    let event =
        state.event(900, None, "conn 2001:db8::bad:1 bob@evil.example\r\nBcc: all@soc.example");
    state.matched(event, "2001:db8::bad:1", address, false);
    state
}

/// The decoded text and HTML forms of a mail.
fn parts(mail: &str) -> (String, String) {
    let (headers, _) = mail.split_once("\r\n\r\n").unwrap();
    let boundary = headers.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
    let decoded = |part: &str| {
        let (_, body) = part.split_once("\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        let joined = body.replace("=\r\n", "").replace("\r\n", "\n");
        let mut rest = joined.as_bytes();
        while let [first, tail @ ..] = rest {
            rest = tail;
            if *first == b'=' {
                bytes.push(
                    u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap(),
                );
                rest = &tail[2..];
            } else {
                bytes.push(*first);
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    let parts: Vec<_> = mail.split(&format!("--{boundary}")).collect();
    (decoded(parts[1]), decoded(parts[2]))
}

pub(super) fn assert_golden(name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/alerts/golden").join(name);
    if std::env::var_os(REGENERATE).is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, got).unwrap();
    }
    let want = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        want == got,
        "{} differs from what is composed now; look at the difference with {REGENERATE}=1 set",
        path.display()
    );
}

#[test]
fn both_forms_are_as_they_were_looked_at() {
    let mut state = night();
    let alerts = state.alerts(&[("soc@soc.example", Tlp::Red)]);
    assert_eq!(compose(Some(&alerts), &mut state.store, NOW).unwrap(), 1);
    let (_, mail) = state.bodies().remove(0);
    let (text, html) = parts(&mail);
    assert_golden("digest.txt", &text);
    assert_golden("digest.html", &html);
    for raw in
        ["evil.example", "bad.example", "2001:db8::bad", "198.51.100.7", "http://", "<script>alert"]
    {
        assert!(!text.contains(raw) || raw == "<script>alert", "{raw} in the text");
        assert!(!html.contains(raw), "{raw} in the HTML");
    }
    let (headers, _) = mail.split_once("\r\n\r\n").unwrap();
    assert!(
        headers.contains("Subject: [threatsieve] TLP:RED 3 indicators matched, 6 events, 3 hosts"),
        "{headers}"
    );
    assert!(headers.contains("Auto-Submitted: auto-generated"), "{headers}");
    assert!(!headers.contains("Bcc"), "{headers}");
}

#[test]
fn each_recipient_is_told_what_is_under_the_ceiling() {
    let mut state = night();
    let alerts = state.alerts(&[
        ("all@soc.example", Tlp::Red),
        ("some@soc.example", Tlp::Green),
        ("amber@soc.example", Tlp::Amber),
    ]);
    assert_eq!(compose(Some(&alerts), &mut state.store, NOW).unwrap(), 3);
    let bodies = state.bodies();
    let told = |at: usize, text: &str| {
        let (plain, html) = parts(&bodies[at].1);
        assert_eq!(plain.contains(text), html.contains(text), "{text}");
        plain.contains(text)
    };
    assert!(told(0, "misp") && told(0, "partner") && told(0, "urlhaus") && told(0, "TLP:RED"));
    assert!(
        !told(1, "misp")
            && !told(1, "Emotet")
            && !told(1, "partner")
            && !told(1, "TLP:")
            && !told(1, "(90)")
    );
    assert!(told(1, "urlhaus") && told(1, "evil[.]example"), "the list vouches for it too");
    assert!(told(2, "misp") && !told(2, "partner") && !told(2, "TLP:RED") && told(2, "TLP:AMBER"));
}

#[test]
fn everything_is_told_once() {
    let mut state = night();
    let alerts = state.alerts(&[("soc@soc.example", Tlp::Clear)]);
    assert_eq!(compose(Some(&alerts), &mut state.store, NOW).unwrap(), 1);
    assert_eq!(compose(Some(&alerts), &mut state.store, NOW).unwrap(), 0, "nothing new");
    let event = state.event(10, None, "later");
    state.matched(event, "later.example", listed("urlhaus", "later.example"), false);
    let later = Timestamp(NOW.0 + 1);
    assert_eq!(compose(Some(&alerts), &mut state.store, later).unwrap(), 1);
    let (text, _) = parts(&state.bodies()[1].1);
    assert!(text.contains("later[.]example") && !text.contains("evil[.]example"), "{text}");
    // Without recipients, matches are marked as reported too. A match that is retracted before it
    // is reported is no news, until it holds again.
    for retracted in [None, Some(1)] {
        let event = state.event(10, None, "more");
        state.matched(event, "more.example", listed("urlhaus", "more.example"), false);
        state
            .store
            .connection()
            .execute("UPDATE matches SET retracted = ? WHERE told = 0", [retracted])
            .unwrap();
        assert_eq!(compose(retracted.map(|_| &alerts), &mut state.store, later).unwrap(), 0);
        assert_eq!(compose(Some(&alerts), &mut state.store, later).unwrap(), 0);
    }
    let again = "UPDATE matches SET retracted = NULL WHERE retracted IS NOT NULL";
    assert_eq!(state.store.connection().execute(again, []).unwrap(), 1);
    assert_eq!(compose(Some(&alerts), &mut state.store, later).unwrap(), 1);
    let (text, _) = parts(&state.bodies().pop().unwrap().1);
    assert!(text.contains("more[.]example"), "{text}");
    assert_eq!(compose(Some(&alerts), &mut state.store, later).unwrap(), 0);
}

#[test]
fn muted_matches_are_counted_and_not_told() {
    let mut state = night();
    let until = Timestamp(NOW.0 + 1);
    for (kind, value) in [
        (MuteKind::Indicator, "2001[:]db8[:][:]bad:1"),
        (MuteKind::Host, "hxxp://CDN[.]evil[.]example/"),
        (MuteKind::Source, "10[.]20[.]31[.]5"),
    ] {
        state.store.mute(kind, value, until, "known", Timestamp(0)).unwrap();
    }
    let alerts = state.alerts(&[("soc@soc.example", Tlp::Red)]);
    assert_eq!(compose(Some(&alerts), &mut state.store, NOW).unwrap(), 0, "all is muted");
    let silenced =
        |state: &State| state.store.mutes().unwrap().iter().map(|mute| mute.silenced).sum::<u64>();
    assert_eq!(silenced(&state), 9);
    let next = |state: &mut State, now| {
        let event = state.event(10, Some("10.20.31.5"), "x");
        state.matched(event, "new.example", listed("urlhaus", "new.example"), false);
        let event = state.event(10, Some("10.20.31.6"), "x");
        state.matched(event, "new.example", listed("urlhaus", "new.example"), false);
        assert_eq!(compose(Some(&alerts), &mut state.store, now).unwrap(), 1);
        parts(&state.bodies().pop().unwrap().1).0
    };
    let text = next(&mut state, NOW);
    assert!(text.contains("10 matches were muted"), "{text}");
    assert!(!text.contains("10[.]20[.]31[.]5"), "{text}");
    let text = next(&mut state, until);
    assert!(
        text.contains("10[.]20[.]31[.]5") && !text.contains("muted"),
        "the mutes have ended: {text}"
    );
}

#[test]
fn a_flood_is_one_mail_of_bounded_size() {
    let mut state = State::new();
    let long = "ü".repeat(2000);
    state.store.connection().execute_batch("BEGIN").unwrap();
    for number in 0..3000 {
        let source = format!("host-{number}.{}", "x".repeat(200));
        let event = state.event(number, Some(&source), &long);
        for feed in 0..3 {
            let (feed, entry) =
                (format!("feed-{feed}"), format!("{number}.{}.example", "y".repeat(400)));
            state.matched(event, &entry, Said { name: Some(&long), ..listed(&feed, &entry) }, true);
        }
    }
    state.store.connection().execute_batch("COMMIT").unwrap();
    let mut alerts = state.alerts(&[("soc@soc.example", Tlp::Red)]);
    (alerts.max_groups, alerts.max_examples) = (500, 50);
    assert_eq!(compose(Some(&alerts), &mut state.store, NOW).unwrap(), 1);
    let (_, mail) = state.bodies().remove(0);
    assert!(
        mail.len() <= MAX_MAIL_BYTES && mail.len() > MAX_MAIL_BYTES / 10,
        "{} bytes",
        mail.len()
    );
    let (text, _) = parts(&mail);
    assert!(
        text.contains("3,000 indicators matched: 3,000 events from 3,000 hosts"),
        "{}",
        &text[..300]
    );
    assert!(text.contains("more indicators") && text.contains("more hosts"));
    assert!(mail.split("\r\n").all(|line| line.len() <= 998), "RFC 5322 section 2.1.1");
}

#[test]
fn most_sure_first_then_most_events() {
    let mut state = State::new();
    for (entry, confidence, events) in [
        ("low", Some(5), 9),
        ("few", Some(80), 1),
        ("many", Some(75), 3),
        ("unsaid", None, 2),
        ("none", Some(0), 8),
    ] {
        for _ in 0..events {
            let event = state.event(1, Some(entry), "x");
            state.matched(event, entry, Said { confidence, ..listed("list", entry) }, false);
        }
    }
    let alerts = state.alerts(&[("soc@soc.example", Tlp::Red)]);
    compose(Some(&alerts), &mut state.store, NOW).unwrap();
    let (text, _) = parts(&state.bodies()[0].1);
    let why = text.split("WHY").nth(1).unwrap().split("NEWEST").next().unwrap();
    let order: Vec<_> =
        why.lines().filter_map(|line| line.split_once(". ")).map(|(_, name)| name).collect();
    assert_eq!(order, ["many", "few", "unsaid", "low", "none"]);
}

#[tokio::test]
async fn a_folder_gets_each_mail_under_its_own_name() {
    let mut state = night();
    let mut alerts = state.alerts(&[("a@soc.example", Tlp::Red), ("b@soc.example", Tlp::Red)]);
    compose(Some(&alerts), &mut state.store, NOW).unwrap();
    let bodies = state.bodies();
    // If the folder cannot be made, mails are kept and tried again when they are due.
    fs::write(state.mails(), "in the way").unwrap();
    let stop = Stop::new();
    let delivery = deliver(Some(&alerts), &mut state.store, NOW, &stop).await.unwrap();
    assert_eq!((delivery.sent, delivery.retried, delivery.given_up), (0, 2, 0));
    fs::remove_file(state.mails()).unwrap();
    assert_eq!(
        deliver(Some(&alerts), &mut state.store, NOW, &stop).await.unwrap(),
        Default::default(),
        "not due"
    );
    let due = Timestamp(NOW.0 + 60_000_000);
    // An address that is no longer a recipient gets nothing.
    let removed = alerts.recipients.pop().unwrap();
    let delivery = deliver(Some(&alerts), &mut state.store, due, &stop).await.unwrap();
    assert_eq!((delivery.sent, delivery.retried, delivery.given_up), (1, 0, 1));
    let files: Vec<_> =
        fs::read_dir(state.mails()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(fs::read_to_string(&files[0]).unwrap(), bodies[0].1);
    let undelivered = state.store.undelivered_mails(10).unwrap();
    assert_eq!(undelivered.len(), 1);
    assert_eq!(
        (undelivered[0].recipient.as_str(), undelivered[0].given_up),
        (removed.address.as_str(), true)
    );
    let counts = state.store.mail_counts().unwrap();
    assert_eq!((counts.waiting, counts.sent, counts.given_up), (0, 1, 1));
}

#[tokio::test]
async fn what_cannot_be_delivered_for_long_is_given_up() {
    let mut state = night();
    let alerts = state.alerts(&[("a@soc.example", Tlp::Red)]);
    compose(Some(&alerts), &mut state.store, NOW).unwrap();
    fs::write(state.mails(), "in the way").unwrap();
    let (mut now, mut tries) = (NOW, 0);
    while state.store.mail_counts().unwrap().waiting > 0 {
        deliver(Some(&alerts), &mut state.store, now, &Stop::new()).await.unwrap();
        tries += 1;
        let next = state.store.undelivered_mails(1).unwrap().remove(0).next_attempt;
        assert!(next.is_none_or(|next| next > now && next.0 - now.0 <= 3_600_000_000));
        now = next.unwrap_or(now);
    }
    assert_eq!(now.0 - NOW.0, 3 * 86_400_000_000);
    assert!((70..90).contains(&tries), "{tries}");
    let lost = state.store.undelivered_mails(1).unwrap().remove(0);
    assert!(lost.error.unwrap().contains("tried for 3days"));
}
