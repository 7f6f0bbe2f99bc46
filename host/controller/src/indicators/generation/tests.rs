use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use threatsieve_blacklist::{
    Batch, GuestBlacklist, Hit, Indicator, IndicatorId, Kind, Policy, Scratch, Tlp, UrlMode, Value,
};

use super::*;
use crate::config::{
    BlacklistConfig, Feed, FeedRole, Health, History, Http, Logging, Output, Retention, Schedule,
};
use crate::sinks::Access;
use crate::store::Delivered;
use crate::store::ingest::tests::{NOW, deliver, feed, stix};

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// A state, with a configuration for it.
pub(super) struct Bench {
    folder: TempDir,
    pub(super) store: Store,
    config: Config,
    pub(super) now: Timestamp,
}

pub(crate) fn config(state: PathBuf) -> Config {
    let second = Duration::from_secs(1);
    Config {
        state,
        schedule: Schedule::Every(second),
        http: Http {
            connect_timeout: second,
            idle_timeout: second,
            total_timeout: second,
            poll_timeout: Duration::ZERO,
            max_poll_objects: 1,
            max_body_bytes: 1,
            allow_redirects_to: Vec::new(),
            proxy: None,
            ca_files: Vec::new(),
            user_agent: String::new(),
            allow_plain_http: false,
        },
        presets: threatsieve_feed::preset::Presets::default(),
        misp: Vec::new(),
        feeds: vec![feed("a"), feed("b")],
        blacklist: BlacklistConfig {
            name: "test".to_owned(),
            accept_special: false,
            accept_broad: false,
            max_shrink: 1.0,
            canaries: Vec::new(),
            sign_key: None,
        },
        policy: Policy::default(),
        logs: Vec::new(),
        history: History { window: Duration::from_secs(30 * 24 * 60 * 60), budget: second },
        output: Output {
            file: PathBuf::new(),
            access: Access { mode: 0o640, group: None },
            flag_field: None,
            flag_value: String::new(),
            max_tlp: Tlp::Red,
        },
        alerts: None,
        webhooks: Vec::new(),
        opensearch: None,
        health: Health::for_tests(),
        retention: Retention::for_tests(),
        server: None,
        logging: Logging::for_tests(tracing::level_filters::LevelFilter::INFO),
    }
}

impl Bench {
    pub(super) fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let (store, config) =
            (Store::open(folder.path()).unwrap(), config(folder.path().to_owned()));
        Bench { folder, store, config, now: NOW }
    }

    pub(super) fn feed(&mut self, name: &str) -> &mut Feed {
        self.config.feeds.iter_mut().find(|feed| feed.name == name).unwrap()
    }

    /// Delivers a whole list.
    fn list(&mut self, feed: &str, values: &[&str]) {
        let lines = values.iter().map(|text| {
            Indicator::new(
                IndicatorId::Line(1),
                vec![Value::from_list(text, UrlMode::Exact).unwrap()],
            )
        });
        let feed = self.feed(feed).clone();
        deliver(&mut self.store, &feed, Delivered::Whole, lines.collect());
    }

    fn part(&mut self, feed: &str, indicators: Vec<Indicator>) {
        let feed = self.feed(feed).clone();
        deliver(&mut self.store, &feed, Delivered::Part, indicators);
    }

    fn revoke(&mut self, feed: &str, id: &str) {
        let feed = self.feed(feed).clone();
        let mut ingest = self.store.ingest(&feed, self.now).unwrap();
        ingest.revoke(id, None).unwrap();
        ingest.finish(Delivered::Part, None, false).unwrap();
    }

    pub(super) fn build(&mut self) -> Built {
        build(&mut self.store, &self.config, self.now).unwrap()
    }

    /// Builds, and returns those of the values that match.
    fn built(&mut self, values: &[&str]) -> Vec<String> {
        assert!(matches!(self.build(), Built::New { .. }));
        self.matching(values)
    }

    pub(super) fn active(&self) -> Blacklist<MemoryFile> {
        active(&self.store, &self.config).unwrap().unwrap()
    }

    fn matching(&self, values: &[&str]) -> Vec<String> {
        matching(&self.active(), values)
    }

    /// Adds a log that was matched in part.
    pub(super) fn log(&mut self) {
        let sql = "INSERT INTO files (source, digest, digest_bytes, path, device, inode, size, \
                                      modified, offset, seen)
             VALUES ('s', x'', 0, 'p', 1, 1, 1, 1, 100, 1)";
        self.store.connection().execute(sql, []).unwrap();
    }

    /// Returns whether stored lines became due since the last call.
    fn is_due(&mut self) -> bool {
        self.store.connection().execute("DELETE FROM history", []).unwrap() > 0
    }

    /// Builds, and returns whether stored lines became due.
    fn builds_due(&mut self) -> bool {
        assert!(matches!(self.build(), Built::New { .. }));
        self.is_due()
    }

    fn files(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }
}

fn matching(blacklist: &Blacklist<MemoryFile>, values: &[&str]) -> Vec<String> {
    let guest = GuestBlacklist::new(blacklist.guest_image()).unwrap();
    let mut batch = Batch::new();
    for value in values {
        batch.push(Kind::Any, value.as_bytes());
    }
    let mut hits: Vec<Hit> = Vec::new();
    guest.check(batch.as_bytes(), &mut Scratch::default(), &mut hits).unwrap();
    hits.retain(|hit| hit.allowed_by.is_none());
    let mut matching: Vec<_> =
        hits.iter().map(|hit| values[hit.observable as usize].to_owned()).collect();
    matching.dedup();
    matching
}

#[test]
fn a_value_stays_while_any_feed_vouches_for_it() {
    let mut bench = Bench::new();
    assert_eq!(bench.build(), Built::Unchanged);
    bench.list("a", &["evil.example", "bad.example"]);
    bench.part("b", vec![stix("indicator--1", 1, &["evil.example"])]);
    let values = ["evil.example", "bad.example"];
    assert_eq!(bench.built(&values), values);
    assert_eq!(bench.build(), Built::Unchanged);
    bench.list("a", &["else.example"]);
    assert_eq!(bench.built(&values), ["evil.example"]);
    bench.revoke("b", "indicator--1");
    assert_eq!(bench.built(&values), Vec::<String>::new());
    bench.list("a", &["evil.example"]);
    assert_eq!(bench.built(&values), ["evil.example"]);
    assert_eq!(bench.active().generation(), 4);
}

#[test]
fn the_same_state_gives_the_same_bytes() {
    let indicators: Vec<_> = (0..500)
        .map(|number| {
            stix(
                &format!("indicator--{number}"),
                1,
                &[&format!("n{number}.example"), "shared.example"],
            )
        })
        .collect();
    let bytes: Vec<_> = [false, true]
        .into_iter()
        .map(|is_reversed| {
            let mut bench = Bench::new();
            let mut indicators = indicators.clone();
            if is_reversed {
                indicators.reverse();
                bench.config.feeds.reverse();
                bench.list("b", &["list.example"]);
                for one in indicators {
                    bench.part("a", vec![one]);
                }
            } else {
                bench.part("a", indicators);
                bench.list("b", &["list.example"]);
            }
            bench.build();
            fs::read(bench.folder.path().join("blacklists/test-1.blacklist")).unwrap()
        })
        .collect();
    assert!(bytes[0] == bytes[1]);
}

#[test]
fn what_newly_counts_makes_stored_lines_due_and_nothing_else_does() {
    let mut bench = Bench::new();
    bench.list("a", &["old.example"]);
    bench.part("b", vec![stix("indicator--1", 1, &["one.example"])]);
    bench.build();
    // No line was ever matched, so none needs to be matched again.
    assert!(!bench.is_due());
    bench.log();
    bench.list("a", &["old.example", "new.example"]);
    assert!(bench.builds_due());
    bench.part("b", vec![stix("indicator--1", 2, &["one.example", "two.example"])]);
    bench.build();
    let until = "SELECT until FROM history";
    assert_eq!(
        bench.store.connection().query_row(until, [], |row| row.get::<_, i64>(0)).unwrap(),
        100
    );
    assert!(bench.is_due());
    // A changed title and a removed value are nothing new.
    let titled = Indicator {
        name: Some("x".into()),
        ..stix("indicator--1", 3, &["one.example", "two.example"])
    };
    bench.part("b", vec![titled]);
    bench.list("a", &["new.example"]);
    assert!(!bench.builds_due());
    // A value that left and came back within one generation is not new. A value that was absent
    // from one generation is new.
    bench.list("a", &["else.example"]);
    bench.list("a", &["new.example"]);
    assert!(!bench.builds_due());
    bench.list("a", &["new.example", "old.example"]);
    assert!(bench.builds_due());
    // The revoked indicator lost its flags, so it is new when it comes back.
    bench.revoke("b", "indicator--1");
    bench.part("b", vec![stix("indicator--1", 9, &["one.example", "two.example"])]);
    assert!(bench.builds_due());
}

#[test]
fn enough_confidence_and_a_looser_policy_are_new() {
    let mut bench = Bench::new();
    let said = |modified, confidence| Indicator {
        confidence: Some(confidence),
        ..stix("indicator--1", modified, &["evil.example"])
    };
    bench.config.policy.min_confidence = 50;
    bench.part("a", vec![said(1, 30)]);
    bench.build();
    bench.log();
    bench.part("a", vec![said(2, 40)]);
    assert!(!bench.builds_due());
    bench.part("a", vec![said(3, 60)]);
    assert!(bench.builds_due());
    bench.part("a", vec![said(4, 70)]);
    assert!(!bench.builds_due());
    let mut is_due = |change: fn(&mut Config)| {
        change(&mut bench.config);
        follow_policy(&mut bench.store, &bench.config, bench.now).unwrap();
        bench.is_due()
    };
    assert!(!is_due(|_| {}));
    assert!(!is_due(|config| config.policy.min_confidence = 60));
    assert!(is_due(|config| config.policy.min_confidence = 59));
    assert!(!is_due(|config| config.policy.max_tlp = Tlp::Green));
    assert!(is_due(|config| config.policy.max_tlp = Tlp::Amber));
    assert!(is_due(|config| config.policy.partial = true));
    assert!(!is_due(|config| (config.policy.partial, config.policy.exact) = (false, true)));
    assert!(is_due(|config| config.policy.exact = false));
    assert!(!is_due(|config| config.history.window -= Duration::from_secs(1)));
    assert!(is_due(|config| config.history.window += Duration::from_secs(1)));
    assert!(!is_due(|_| {}));
}

#[test]
fn a_wider_window_is_new() {
    let mut bench = Bench::new();
    let until = |modified, days: i64| Indicator {
        valid_until: Some(Timestamp(NOW.0 + days * DAY_MICROS)),
        ..stix("indicator--1", modified, &["evil.example"])
    };
    bench.part("a", vec![until(1, 5)]);
    bench.build();
    bench.log();
    bench.part("a", vec![until(2, 4)]);
    assert!(!bench.builds_due());
    bench.part("a", vec![until(3, 6)]);
    assert!(bench.builds_due());
}

#[test]
fn what_is_over_leaves_once_no_line_can_match_it() {
    let mut bench = Bench::new();
    let ending = Indicator {
        valid_until: Some(Timestamp(NOW.0 + DAY_MICROS)),
        ..stix("i", 1, &["ending.example"])
    };
    bench.part("a", vec![ending, stix("j", 1, &["staying.example"])]);
    bench.config.blacklist.max_shrink = 0.0;
    let values = ["ending.example", "staying.example"];
    assert_eq!(bench.built(&values), values);
    for days in [1, 10, 30] {
        bench.now = Timestamp(NOW.0 + days * DAY_MICROS);
        assert_eq!(bench.build(), Built::Unchanged, "{days}");
    }
    bench.now = Timestamp(NOW.0 + 31 * DAY_MICROS);
    // This does not count as shrinking either.
    assert_eq!(bench.built(&values), ["staying.example"]);
    assert_eq!(bench.build(), Built::Unchanged);
}

#[test]
fn allow_lists_suppress_and_their_change_makes_a_generation() {
    let mut bench = Bench::new();
    bench.list("a", &["evil.example", "good.example"]);
    bench.feed("b").role = FeedRole::Allow;
    bench.list("b", &["good.example"]);
    let values = ["evil.example", "good.example"];
    assert_eq!(bench.built(&values), ["evil.example"]);
    bench.log();
    bench.list("b", &["good.example", "evil.example"]);
    assert_eq!(bench.built(&values), Vec::<String>::new());
    assert!(!bench.is_due());
    // A value that is no longer allowed counts again.
    bench.list("b", &["good.example"]);
    assert_eq!(bench.built(&values), ["evil.example"]);
    assert!(bench.is_due());
    bench.list("b", &["evil.example"]);
    assert!(bench.builds_due());
    bench.feed("b").role = FeedRole::Block;
    assert_eq!(bench.built(&values), values);
    assert!(bench.is_due());
    // A value that an operator retracts may stay on an allow-list.
    bench.feed("b").role = FeedRole::Allow;
    bench.list("b", &["good.example"]);
    bench.store.retract("good.example", "ours", bench.now).unwrap();
    assert_eq!(bench.built(&["evil.example"]), ["evil.example"]);
    assert_eq!(bench.active().entries(Role::Allow), 1);
}

#[test]
fn what_is_allowed_later_loses_its_flags() {
    let mut bench = Bench::new();
    bench.list("a", &["evil.example", "www.good.example", "http://good.example/x"]);
    bench.feed("b").role = FeedRole::Allow;
    bench.list("b", &["other.example"]);
    bench.build();
    bench.log();
    let flags = [
        ("domain-name", "evil.example", "www.evil.example"),
        ("domain-name", "www.good.example", "http://www.good.example/1"),
        ("url", "http://good.example/x", "http://good.example/x"),
        // An entry that is no longer listed, and an entry that nothing allows.
        ("domain-name", "good.example", "good.example:443"),
        ("ipv4-addr", "192.0.2.7", "192.0.2.7"),
    ];
    for (number, (entry_type, entry, observable)) in flags.iter().enumerate() {
        let connection = bench.store.connection();
        let sql =
            "INSERT INTO events (id, file, offset, line, uid, raw) VALUES (?1, 1, ?1, 1, ?1, '')";
        connection.execute(sql, [number as i64]).unwrap();
        let sql = "INSERT INTO matches (event, feed, indicator, entry_type, entry, observable, \
                                        field, how, generation, found, historic)
             VALUES (?1, 'a', ?3, ?2, ?3, ?4, 'f', 'exact', 1, 1, 0)";
        connection.execute(sql, (number as i64, entry_type, entry, observable)).unwrap();
    }
    let retracted = |bench: &Bench| -> Vec<i64> {
        let sql = "SELECT event FROM matches WHERE retracted IS NOT NULL ORDER BY event";
        let mut statement = bench.store.connection().prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    // A host's entry does not cover a URL's, which is more specific.
    bench.list("b", &["other.example", "good.example"]);
    bench.build();
    assert_eq!(retracted(&bench), [3]);
    bench
        .list("b", &["other.example", "good.example", "www.good.example", "http://good.example/x"]);
    bench.build();
    assert_eq!(retracted(&bench), [1, 2, 3]);
    let sql = "SELECT body FROM outbox_records ORDER BY id LIMIT 1";
    let body: String = bench.store.connection().query_row(sql, [], |row| row.get(0)).unwrap();
    assert!(body.contains("allowed by good.example") && body.contains("retraction"), "{body}");
}

#[test]
fn settings_and_feeds_that_are_taken_away_make_a_generation() {
    let mut bench = Bench::new();
    bench.list("a", &["10.1.2.3", "evil.example"]);
    bench.list("b", &["bad.example"]);
    let values = ["10.1.2.3", "evil.example", "bad.example"];
    assert_eq!(bench.built(&values), ["evil.example", "bad.example"]);
    let refused = bench.store.rejections(Some("a"), 10).unwrap();
    assert_eq!((refused.len(), refused[0].1.value.as_str()), (1, "10.1.2.3"));
    bench.log();
    bench.config.blacklist.accept_special = true;
    assert_eq!(bench.built(&values), values);
    assert!(bench.is_due());
    assert_eq!(bench.store.rejections(None, 10).unwrap(), []);
    bench.config.feeds.retain(|feed| feed.name == "a");
    assert_eq!(bench.built(&values), ["10.1.2.3", "evil.example"]);
}

#[test]
fn a_suspicious_build_is_held_and_numbers_only_grow() {
    let mut bench = Bench::new();
    bench.config.blacklist.max_shrink = 0.5;
    bench.list("a", &["a.example", "b.example", "c.example"]);
    bench.build();
    bench.list("a", &["a.example"]);
    let Built::Held(why) = bench.build() else { panic!("expected it to be held") };
    assert!(why.contains("at most 50.0% of 3 entries"), "{why}");
    assert_eq!(held(&bench.store).unwrap().as_ref(), Some(&why));
    assert_eq!(bench.matching(&["c.example"]), ["c.example"]);
    assert_eq!(bench.build(), Built::Held(why));
    assert_eq!(bench.files("blacklists"), ["test-1.blacklist"]);
    bench.store.allow_next_build().unwrap();
    assert_eq!(bench.build(), Built::New { generation: 3 });
    assert_eq!(held(&bench.store).unwrap(), None);
    bench.list("a", &["10.1.2.3"]);
    assert!(matches!(bench.build(), Built::Held(why) if why.contains("empty")));
    bench.list("a", &["a.example"]);
    assert_eq!(bench.build(), Built::New { generation: 5 });
    bench.config.blacklist.canaries = vec!["www.canary.example".into()];
    bench.list("a", &["a.example", "b.example"]);
    assert!(matches!(bench.build(), Built::Held(why) if why.contains("www.canary.example")));
    bench.list("a", &["a.example", "canary.example"]);
    assert_eq!(bench.build(), Built::New { generation: 7 });
}

#[test]
fn a_delivery_that_was_let_through_is_let_into_the_blacklist() {
    let mut bench = Bench::new();
    (bench.config.blacklist.max_shrink, bench.feed("a").hold.max_shrink) = (0.1, 0.1);
    bench.list("a", &["a.example", "b.example"]);
    bench.build();
    bench.list("a", &["a.example"]);
    assert_eq!(bench.build(), Built::Unchanged);
    bench.store.allow_held("a").unwrap();
    bench.list("a", &["a.example"]);
    assert_eq!(bench.built(&["a.example", "b.example"]), ["a.example"]);
}

#[test]
fn revoked_and_retracted_values_are_no_shrinking() {
    let mut bench = Bench::new();
    bench.config.blacklist.max_shrink = 0.0;
    bench.part("a", vec![stix("indicator--1", 1, &["a.example", "b.example"])]);
    bench.list("b", &["c.example"]);
    bench.build();
    bench.revoke("a", "indicator--1");
    assert_eq!(bench.built(&["a.example", "c.example"]), ["c.example"]);
    bench.now = Timestamp(NOW.0 + 1);
    bench.store.retract("c.example", "ours", bench.now).unwrap();
    assert_eq!(bench.built(&["c.example"]), Vec::<String>::new());
}

#[test]
fn what_is_retracted_stays_out_until_it_is_undone() {
    let mut bench = Bench::new();
    let values = ["evil.example", "bad.example", "other.example"];
    bench.list("a", &["evil.example", "other.example"]);
    bench.part("b", vec![stix("indicator--1", 1, &["evil.example", "bad.example"])]);
    bench.build();
    bench.log();
    let retracted = bench.store.retract("hxxp://EVIL[.]example", "ours", NOW);
    // A URL is a different value from its host.
    assert_eq!(retracted.unwrap().indicators, 0);
    bench.store.undo_retract("http://evil.example").unwrap();
    assert!(bench.store.undo_retract("http://evil.example").is_err());
    assert!(bench.store.retract("evil.example", " ", NOW).is_err());
    assert_eq!(bench.store.retract("EVIL[.]example", "ours", NOW).unwrap().indicators, 2);
    assert_eq!(bench.built(&values), ["bad.example", "other.example"]);
    // Later deliveries do not change that.
    bench.part("b", vec![stix("indicator--1", 2, &["evil.example", "bad.example"])]);
    bench.list("a", &["evil.example"]);
    assert_eq!(bench.built(&values), ["bad.example"]);
    bench.store.retract("indicator--1", "theirs", NOW).unwrap();
    assert_eq!(bench.built(&values), Vec::<String>::new());
    assert_eq!(bench.store.false_positives().unwrap().len(), 2);
    bench.is_due();
    bench.store.undo_retract("evil.example").unwrap();
    assert_eq!(bench.built(&values), ["evil.example"]);
    assert!(bench.is_due());
}

#[test]
fn files_of_killed_runs_and_old_generations_are_cleared_away() {
    let mut bench = Bench::new();
    bench.list("a", &["a.example"]);
    bench.build();
    // As if killed between the file and the commit.
    let before = fs::read(bench.folder.path().join("blacklists/test-1.blacklist")).unwrap();
    fs::write(bench.folder.path().join("blacklists/test-2.blacklist"), &before).unwrap();
    fs::write(bench.folder.path().join("blacklists/.test-3.blacklist.77-0.tmp"), "half").unwrap();
    fs::create_dir_all(bench.folder.path().join("history")).unwrap();
    fs::write(bench.folder.path().join("history/2.blacklist"), &before).unwrap();
    fs::write(bench.folder.path().join("blacklists/mine.txt"), "kept").unwrap();
    assert_eq!(bench.build(), Built::Unchanged);
    assert_eq!(bench.files("blacklists"), ["mine.txt", "test-1.blacklist"]);
    assert!(!bench.folder.path().join("history").exists());
    bench.log();
    for number in 2..=6 {
        bench.list("a", &["a.example", &format!("n{number}.example")]);
        assert_eq!(bench.build(), Built::New { generation: number });
    }
    assert_eq!(
        bench.files("blacklists"),
        ["mine.txt", "test-4.blacklist", "test-5.blacklist", "test-6.blacklist"]
    );
    // If the file in use is removed, the blacklist is made again.
    fs::remove_file(bench.folder.path().join("blacklists/test-6.blacklist")).unwrap();
    assert!(active(&bench.store, &bench.config).is_err());
    assert_eq!(bench.build(), Built::New { generation: 7 });
}

#[test]
fn a_blacklist_that_is_damaged_or_of_another_version_is_made_again() {
    let mut bench = Bench::new();
    bench.list("a", &["a.example"]);
    bench.build();
    bench.log();
    let file = |number: u64| format!("blacklists/test-{number}.blacklist");
    let damage = |bench: &Bench, number: u64| {
        let path = bench.folder.path().join(file(number));
        let (mut bytes, before) = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap());
        bytes[100] ^= 1;
        fs::write(&path, bytes).unwrap();
        before.modified().unwrap()
    };
    // The file was written to. The next build notices that.
    damage(&bench, 1);
    assert!(active(&bench.store, &bench.config).is_err());
    assert_eq!(bench.build(), Built::New { generation: 2 });
    assert!(!bench.is_due());
    // Damage without a change of the file's time. It is noticed when the file is opened.
    let modified = damage(&bench, 2);
    let path = bench.folder.path().join(file(2));
    fs::File::options().append(true).open(path).unwrap().set_modified(modified).unwrap();
    assert_eq!(bench.build(), Built::Unchanged);
    let whole = whole(&mut bench.store, &bench.config, NOW).unwrap().unwrap();
    assert_eq!((whole.generation(), whole.entries(Role::Block)), (3, 1));
    assert_eq!(bench.build(), Built::Unchanged);
    // Made by an earlier version: values may be read differently now, so stored lines are due.
    let sql = "UPDATE builds SET built_settings = replace(built_settings, '(', '(0, '), \
               built_rules = json_set(built_rules, '$.normaliser', 0)";
    bench.store.connection().execute(sql, []).unwrap();
    assert_eq!(bench.build(), Built::New { generation: 4 });
    assert!(bench.is_due());
}

#[test]
fn a_build_that_cannot_be_written_changes_nothing() {
    let mut bench = Bench::new();
    bench.list("a", &["a.example"]);
    fs::write(bench.folder.path().join("blacklists"), "in the way").unwrap();
    assert!(build(&mut bench.store, &bench.config, NOW).is_err());
    fs::remove_file(bench.folder.path().join("blacklists")).unwrap();
    assert_eq!(bench.build(), Built::New { generation: 1 });
}
