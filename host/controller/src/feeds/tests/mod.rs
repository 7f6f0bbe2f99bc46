//! Rounds of polls against servers and files, into a real state.

mod bounds;
pub(crate) mod server;

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value as Json, json};
use threatsieve_blacklist::{Timestamp, UrlMode};

use self::server::{Ask, Reply, Server};
use super::http::tests::limits;
use super::*;
use crate::config::{Auth, FeedPolicy, FeedRole, Hold, TaxiiFeed, UrlFeed};
use crate::store::FeedState;

const NOW: Timestamp = Timestamp(1_900_000_000_000_000);

fn feed(name: &str, origin: Origin) -> Feed {
    Feed {
        name: name.to_owned(),
        origin,
        role: FeedRole::Block,
        every: None,
        fair_interval: None,
        confidence: None,
        tlp: None,
        url_mode: UrlMode::Exact,
        format: None,
        match_port: false,
        may_be_empty: false,
        max_bad: None,
        hold: Hold { max_shrink: 0.5, max_indicators: 1000, canaries: Vec::new() },
        saving: None,
        packages_to: None,
        policy: FeedPolicy::default(),
        misp: Vec::new(),
    }
}

fn taxii(url: &::url::Url, collection: Option<&str>) -> Feed {
    feed(
        "taxii",
        Origin::Taxii(TaxiiFeed {
            url: url.clone(),
            collection: collection.map(str::to_owned),
            auth: Auth::None,
            client_certificate: None,
            page_objects: 2,
            overlap: Duration::from_secs(1),
            since: None,
            sightings: None,
        }),
    )
}

fn url(url: ::url::Url) -> Feed {
    feed("url", Origin::Url(UrlFeed { url, auth: Auth::None, client_certificate: None }))
}

struct Round {
    _folder: tempfile::TempDir,
    store: Mutex<Store>,
}

impl Round {
    fn new() -> Round {
        let folder = tempfile::tempdir().unwrap();
        Round { store: Mutex::new(Store::open(folder.path()).unwrap()), _folder: folder }
    }

    async fn poll_at(&self, feed: &Feed, now: Timestamp, force: bool) -> Polled {
        let feeds = [feed.clone()];
        let mut polled = poll(&feeds, &limits(), &self.store, now, force, &Stop::new()).await;
        assert_eq!(polled.len(), 1);
        polled.remove(0)
    }

    async fn poll(&self, feed: &Feed) -> Polled {
        self.poll_at(feed, NOW, true).await
    }

    async fn takes(&self, feed: &Feed) -> (u64, u64, u64, u64) {
        match self.poll(feed).await.outcome {
            Outcome::Ingested(Ingested {
                added, changed, removed, revoked, held: None, ..
            }) => (added, changed, removed, revoked),
            other => panic!("{other:?}"),
        }
    }

    async fn fails(&self, feed: &Feed) -> String {
        match self.poll(feed).await.outcome {
            Outcome::Failed(error) => {
                assert_eq!(self.state(feed).error.as_ref(), Some(&error));
                error
            }
            other => panic!("{other:?}"),
        }
    }

    async fn finds_nothing_new(&self, feed: &Feed) -> bool {
        matches!(self.poll(feed).await.outcome, Outcome::Unchanged)
    }

    fn state(&self, feed: &Feed) -> FeedState {
        self.store.lock().unwrap().feed_state(&feed.name).unwrap().unwrap()
    }

    fn active(&self, feed: &Feed) -> u64 {
        self.state(feed).active
    }

    fn cursor(&self, feed: &Feed) -> Json {
        self.state(feed).cursor.unwrap()
    }
}

/// The indicator with this number, in this version.
fn indicator(number: usize, version: usize, more: &str) -> String {
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-{number:012}","created":"2026-01-01T00:00:00Z","modified":"2026-01-{:02}T00:00:00Z","pattern":"[domain-name:value='{number}.v{version}.example']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"{more}}}"#,
        version + 1
    )
}

fn envelope(objects: &[String], rest: &str) -> String {
    format!(r#"{{"objects":[{}]{rest}}}"#, objects.join(","))
}

fn date(second: usize) -> String {
    format!("2026-02-01T00:00:{second:02}.000000Z")
}

const TAXII: &str = "application/taxii+json;version=2.1";

fn json_reply(body: impl ToString) -> Reply {
    Reply::new(200, body.to_string()).with("Content-Type", TAXII)
}

/// A server with a discovery resource, two API roots and three collections. Their objects come from
/// `objects`.
fn taxii_server(objects: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> Server {
    let list = json!({"collections": [
        {"id": "1", "title": "Open", "alias": "open", "can_read": true, "can_write": false},
        {"id": "2", "title": "Secret", "can_read": false, "can_write": false},
    ]});
    Server::start(move |ask| match ask.path.split('?').next().unwrap() {
        _ if ask.headers["accept"] != TAXII => Reply::new(406, ""),
        "/taxii2/" => {
            let root = |name: &str| format!("http://{}/{name}/", ask.headers["host"]);
            let roots = [root("one"), root("two")];
            json_reply(json!({"title": "Test", "default": root("one"), "api_roots": roots}))
        }
        "/one/" => {
            json_reply(json!({"title": "One", "versions": [TAXII], "max_content_length": 1000}))
        }
        "/one/collections/" => json_reply(&list),
        "/one/collections/1/" => json_reply(&list["collections"][0]),
        "/one/collections/2/" => json_reply(&list["collections"][1]),
        "/two/collections/" => {
            json_reply(json!({"collections": [{"id": "3", "title": "Other", "can_read": true}]}))
        }
        path if path.ends_with("/objects/") => objects(ask),
        _ => Reply::new(404, r#"{"title":"not found"}"#).with("Content-Type", TAXII),
    })
}

/// A collection of `count` objects that were added a second apart. The server pages it according to
/// the specification.
fn collection(count: usize) -> impl Fn(&Ask) -> Reply + Send + Sync + 'static {
    move |ask| {
        let after = ask.query.get("added_after").cloned().unwrap_or_default();
        let from = ask.query.get("next").map_or(0, |next| next.parse().unwrap());
        let limit: usize = ask.query["limit"].parse().unwrap();
        let all: Vec<usize> = (0..count).filter(|&number| date(number) > after).collect();
        let page: Vec<usize> = all.iter().copied().skip(from).take(limit).collect();
        let (Some(&first), Some(&last)) = (page.first(), page.last()) else {
            return json_reply("{}");
        };
        let objects: Vec<String> = page.iter().map(|&number| indicator(number, 1, "")).collect();
        let more = from + page.len() < all.len();
        // A number, though the specification requires a string.
        let next = if more { format!(r#","next":{}"#, from + page.len()) } else { String::new() };
        json_reply(envelope(&objects, &format!(r#","more":{more}{next}"#)))
            .with("X-TAXII-Date-Added-First", &date(first))
            .with("X-TAXII-Date-Added-Last", &date(last))
    }
}

fn objects_asked(server: &Server) -> Vec<Ask> {
    server.asked().into_iter().filter(|ask| ask.path.contains("/objects/")).collect()
}

#[tokio::test]
async fn a_collection_is_found_from_any_of_its_urls() {
    let server = taxii_server(collection(5));
    for (path, name) in [
        ("taxii2/", Some("1")),
        ("taxii2", Some("open")),
        ("taxii2/", Some("Open")),
        ("taxii2/", Some("Other")),
        ("one/", Some("open")),
        ("one", None),
        ("one/collections/", None),
        ("one/collections/1/", None),
        ("one/collections/1", Some("Open")),
        ("one/collections/1/objects/", None),
    ] {
        let (round, feed) = (Round::new(), taxii(&server.at(path), name));
        assert_eq!(round.takes(&feed).await, (5, 0, 0, 0), "{path} {name:?}");
        let probed = probe(&feed, &limits()).await.unwrap();
        assert!(probed.contains("which can be read and holds objects"), "{probed}");
    }
    for (path, name, want) in [
        ("taxii2/", Some("Secret"), "cannot be read"),
        ("one/collections/2/", None, "cannot be read"),
        ("taxii2/", Some("Nothing"), "1 (Open), 2 (Secret), 3 (Other)"),
        ("taxii2/", None, "one of several"),
        ("one/collections/1/", Some("Secret"), "expected the collection"),
        ("elsewhere/", None, "404"),
    ] {
        let (round, feed) = (Round::new(), taxii(&server.at(path), name));
        let error = round.fails(&feed).await;
        assert!(error.contains(want), "{path} {name:?}: {error}");
        let next = round.state(&feed).next_attempt.unwrap().0 - NOW.0;
        assert!(next >= 1_800_000_000, "a permanent fault is not retried soon");
        assert!(format!("{:#}", probe(&feed, &limits()).await.unwrap_err()).contains(want));
    }
}

#[tokio::test]
async fn pages_come_with_the_same_filters_and_the_next_poll_goes_on() {
    let server = taxii_server(collection(5));
    let (round, feed) = (Round::new(), taxii(&server.url.join("one/").unwrap(), None));
    assert_eq!(round.takes(&feed).await, (5, 0, 0, 0));
    let asked = objects_asked(&server);
    assert_eq!(asked.len(), 3);
    for (ask, next) in asked.iter().zip([None, Some("2"), Some("4")]) {
        assert_eq!(ask.query.get("next").map(String::as_str), next);
        assert!(ask.query["match[type]"].starts_with("indicator,marking-definition,relationship"));
        assert_eq!((ask.query["limit"].as_str(), ask.query.get("added_after")), ("2", None));
    }
    assert_eq!(round.cursor(&feed)["added_after"], date(4));
    // The overlap brings the last object again. Nothing changes, and there is no other discovery.
    let before = server.asked().len();
    assert_eq!(round.takes(&feed).await, (0, 0, 0, 0));
    let asked = server.asked();
    assert_eq!(asked.len(), before + 1);
    assert_eq!(asked[before].query["added_after"], date(3));
    // With other defaults, it is read as a new feed.
    let other = Feed { confidence: Some(70), ..feed };
    assert_eq!(round.takes(&other).await.1, 5);
}

#[tokio::test]
async fn new_versions_and_withdrawals_arrive() {
    let step = Arc::new(Mutex::new(0));
    let shared = Arc::clone(&step);
    let server = taxii_server(move |_| {
        let objects = match *shared.lock().unwrap() {
            0 => vec![
                indicator(1, 1, ""),
                indicator(2, 1, ""),
                indicator(3, 1, ""),
                indicator(4, 1, ""),
            ],
            1 => vec![
                indicator(1, 2, ""),
                indicator(2, 2, r#","revoked":true"#),
                indicator(3, 0, ""),
                // Its new pattern names no value.
                indicator(4, 2, "").replace("domain-name:value=", "domain-name:value!="),
            ],
            _ => vec![],
        };
        json_reply(envelope(&objects, r#","more":false"#)).with("X-TAXII-Date-Added-Last", &date(9))
    });
    let (round, feed) = (Round::new(), taxii(&server.at("one/"), None));
    assert_eq!(round.takes(&feed).await, (4, 0, 0, 0));
    *step.lock().unwrap() = 1;
    let (added, changed, removed, revoked) = round.takes(&feed).await;
    assert_eq!(
        (added, changed, removed, revoked),
        (0, 2, 0, 1),
        "the older version of the third is not taken"
    );
    *step.lock().unwrap() = 2;
    assert!(round.finds_nothing_new(&feed).await, "what is not in a delivery stays");
    assert_eq!(round.cursor(&feed)["added_after"], date(9));
}

#[tokio::test]
async fn markings_are_carried_from_poll_to_poll() {
    let first = Arc::new(Mutex::new(true));
    let is_first = Arc::clone(&first);
    let server = taxii_server(move |_| {
        let definition = r#"{"type":"marking-definition","id":"marking-definition--x","definition_type":"statement","definition":{"statement":"free"}}"#;
        let marked = |id| format!(r#","object_marking_refs":["marking-definition--{id}"]"#);
        let objects = match *is_first.lock().unwrap() {
            true => vec![definition.to_owned()],
            false => vec![indicator(1, 1, &marked("x")), indicator(2, 1, &marked("y"))],
        };
        json_reply(envelope(&objects, ""))
    });
    let (round, feed) = (Round::new(), taxii(&server.at("one/"), None));
    assert_eq!(round.takes(&feed).await, (0, 0, 0, 0));
    *first.lock().unwrap() = false;
    assert_eq!(round.takes(&feed).await, (2, 0, 0, 0));
    let store = round.store.lock().unwrap();
    let query = crate::store::Query { limit: 10, ..Default::default() };
    let levels: Vec<Option<threatsieve_blacklist::Tlp>> =
        store.search(&query, NOW).unwrap().0.iter().map(|found| found.tlp).collect();
    assert_eq!(
        levels,
        [None, Some(threatsieve_blacklist::Tlp::Red)],
        "a marking that is never defined counts as the strictest"
    );
}

#[tokio::test]
async fn servers_that_do_as_they_like() {
    // A server without `next`, which pages by date and includes objects of the date itself. The
    // third and the fourth object were added at the same time.
    let moments = [1, 2, 3, 3, 4];
    let by_date = move |ask: &Ask| {
        let after = ask.query.get("added_after").cloned().unwrap_or_default();
        let limit: usize = ask.query["limit"].parse().unwrap();
        let all: Vec<usize> = (0..5).filter(|&number| date(moments[number]) >= after).collect();
        let page = &all[..limit.min(all.len())];
        let objects: Vec<String> = page.iter().map(|&number| indicator(number, 1, "")).collect();
        json_reply(envelope(&objects, &format!(r#","more":{}"#, page.len() < all.len())))
            .with("X-TAXII-Date-Added-Last", &date(moments[*page.last().unwrap()]))
    };
    let (round, server) = (Round::new(), taxii_server(by_date));
    assert_eq!(round.takes(&taxii(&server.at("one/"), None)).await, (5, 0, 0, 0));
    // A server without filters, and with another content type and status.
    let no_filters = |ask: &Ask| match ask.query.get("match[type]") {
        Some(_) => Reply::new(400, r#"{"title":"match[type]"}"#),
        None => Reply::new(206, envelope(&[indicator(1, 1, "")], ""))
            .with("Content-Type", "application/json"),
    };
    let (round, server) = (Round::new(), taxii_server(no_filters));
    let feed = taxii(&server.at("one/"), None);
    assert_eq!(round.takes(&feed).await, (1, 0, 0, 0));
    round.takes(&feed).await;
    assert_eq!(
        objects_asked(&server).len(),
        3,
        "the filter that it does not know is not sent again"
    );
    // A server that ignores `added_after`.
    let ignores = |_: &Ask| {
        json_reply(envelope(&[indicator(1, 1, "")], "")).with("X-TAXII-Date-Added-Last", &date(1))
    };
    let (round, server) = (Round::new(), taxii_server(ignores));
    let feed = taxii(&server.at("one/"), None);
    assert_eq!(round.takes(&feed).await, (1, 0, 0, 0));
    for _ in 0..3 {
        assert_eq!(round.takes(&feed).await, (0, 0, 0, 0));
    }
    assert_eq!(round.active(&feed), 1);
}

#[tokio::test]
async fn a_forgotten_next_starts_the_window_once_more() {
    let left = Arc::new(Mutex::new(1));
    let failures = Arc::clone(&left);
    let pages = collection(5);
    let server = taxii_server(move |ask| {
        let mut failures = failures.lock().unwrap();
        if ask.query.contains_key("next") && *failures > 0 {
            *failures -= 1;
            return Reply::new(400, r#"{"title":"next not valid"}"#);
        }
        pages(ask)
    });
    let (round, feed) = (Round::new(), taxii(&server.at("one/"), None));
    assert_eq!(round.takes(&feed).await, (5, 0, 0, 0));
    assert_eq!(objects_asked(&server).len(), 5);
    *left.lock().unwrap() = 2;
    let again = Round::new();
    assert!(again.fails(&feed).await.contains("next not valid"));
    assert!(again.state(&feed).cursor.is_none());
}

#[tokio::test]
async fn a_poll_that_fails_halfway_leaves_everything_as_it_was() {
    let bad = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&bad);
    let pages = collection(5);
    let server =
        taxii_server(move |ask| match (shared.lock().unwrap().as_str(), ask.query.get("next")) {
            ("", _) | (_, None) => pages(ask),
            ("cut", _) => Reply::new(200, r#"{"more":false,"objects":[{"type":"indicator","id":"#),
            ("short", _) => Reply { missing_bytes: 1, ..json_reply("{}") },
            ("page", _) => {
                Reply::new(200, "<!DOCTYPE html><html>Log in").with("Content-Type", "text/html")
            }
            ("same", _) => {
                json_reply(envelope(&[indicator(77, 1, "")], r#","more":true,"next":"x""#))
            }
            ("lost", _) => json_reply(envelope(&[indicator(77, 1, "")], r#","more":true"#)),
            (status, _) => Reply::new(status.parse().unwrap(), "").with("Retry-After", "3000"),
        });
    let feed = taxii(&server.at("one/"), None);
    for (kind, want) in [
        ("cut", "damaged JSON"),
        ("short", "connection broke"),
        ("page", "a page for people"),
        ("same", "repeats itself"),
        ("lost", "X-TAXII-Date-Added-Last"),
        ("401", "got 401"),
        ("429", "got 429"),
        ("503", "got 503"),
    ] {
        let round = Round::new();
        *bad.lock().unwrap() = kind.to_owned();
        let error = round.fails(&feed).await;
        assert!(error.contains(want), "{kind}: {error}");
        let state = round.state(&feed);
        assert_eq!((state.active, state.cursor, state.failures), (0, None, 1), "{kind}");
        if kind == "429" {
            let wait = state.next_attempt.unwrap().0 - NOW.0;
            assert!((3_000_000_000..=3_300_000_000).contains(&wait), "{wait}");
        }
        let polled = round.poll_at(&feed, NOW, false).await;
        assert!(
            matches!(&polled.outcome, Outcome::Skipped(why) if why.contains("failed 1 times")),
            "{polled:?}"
        );
        bad.lock().unwrap().clear();
        assert_eq!(round.takes(&feed).await, (5, 0, 0, 0), "{kind}");
        assert_eq!(round.state(&feed).failures, 0);
    }
}

#[tokio::test]
async fn a_clock_that_is_ahead_hides_nothing() {
    let server = taxii_server(|_| {
        json_reply(envelope(&[indicator(1, 1, "")], ""))
            .with("X-TAXII-Date-Added-Last", "2099-01-01T00:00:00Z")
    });
    let (round, feed) = (Round::new(), taxii(&server.at("one/"), None));
    round.takes(&feed).await;
    assert_eq!(round.cursor(&feed)["added_after"], String::from(cursor::Moment(NOW)));
}

#[tokio::test]
async fn a_url_is_asked_for_only_if_it_changed() {
    let body = Arc::new(Mutex::new(("evil.com\nevil.org\n".to_owned(), "\"1\"".to_owned())));
    let shared = Arc::clone(&body);
    let server = Server::start(move |ask| {
        let (text, etag) = shared.lock().unwrap().clone();
        match ask.headers.get("if-none-match") {
            Some(known) if *known == etag && !etag.is_empty() => Reply::new(304, ""),
            _ if etag.is_empty() => Reply::new(200, text),
            _ => Reply::new(200, text)
                .with("ETag", &etag)
                .with("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT"),
        }
    });
    let set = |text: &str, etag: &str| *body.lock().unwrap() = (text.to_owned(), etag.to_owned());
    let (round, feed) = (Round::new(), url(server.at("list.txt")));
    assert_eq!(round.takes(&feed).await, (2, 0, 0, 0));
    assert!(round.finds_nothing_new(&feed).await);
    assert_eq!(server.asked()[1].headers["if-modified-since"], "Fri, 02 Jan 2026 03:04:05 GMT");
    set("evil.com\nevil.net\n", "\"2\"");
    assert_eq!(round.takes(&feed).await, (1, 0, 1, 0));
    // The same content with another tag, and without any.
    set("evil.com\nevil.net\n", "\"3\"");
    assert!(round.finds_nothing_new(&feed).await);
    set("evil.com\nevil.net\n", "");
    assert!(round.finds_nothing_new(&feed).await);
    // More than half of the values would be removed.
    set("evil.info\n", "");
    let polled = round.poll(&feed).await;
    assert!(
        matches!(&polled.outcome, Outcome::Ingested(ingested) if ingested.held.is_some()),
        "{polled:?}"
    );
    round.store.lock().unwrap().allow_held("url").unwrap();
    assert_eq!(
        round.takes(&feed).await,
        (1, 0, 2, 0),
        "the delivery that was held back is fetched again, though nothing changed"
    );
}

#[tokio::test]
async fn what_is_no_list_is_refused_and_the_old_one_serves() {
    let packed = |bytes: usize| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut packed, &vec![b'\n'; bytes]).unwrap();
        packed.finish().unwrap()
    };
    let (bomb, cut) = (packed(3 * 1024 * 1024), packed(1000));
    let is_good = Arc::new(Mutex::new(true));
    let good = Arc::clone(&is_good);
    let bundle = format!(r#"{{"type":"bundle","objects":[{}]}}"#, indicator(1, 1, ""));
    let server = Server::start(move |ask| match ask.path.as_str() {
        _ if *good.lock().unwrap() => Reply::new(200, "evil.com\n"),
        "/page" => Reply::new(200, "<html>Log in</html>").with("Content-Type", "text/html"),
        "/prose" => Reply::new(200, "please log in first\n".repeat(30)),
        "/prose-with-a-host" => {
            Reply::new(200, format!("evil.com\n{}", "please log in first\n".repeat(40)))
        }
        "/bomb" => Reply::new(200, bomb.clone()),
        "/cut-gzip" => Reply::new(200, &cut[..cut.len() - 9]),
        "/cut-json" => Reply::new(200, &bundle.as_bytes()[..bundle.len() - 10]),
        "/short" => Reply { missing_bytes: 100, ..Reply::new(200, "evil.com\n") },
        "/part" => Reply::new(206, "evil.com\n"),
        _ => Reply::new(500, "oops"),
    });
    for (path, want) in [
        ("page", "a page for people"),
        ("prose", "0 lines are values and 30 are not"),
        ("prose-with-a-host", "1 lines are values and 40 are not"),
        ("bomb", "`max_body` in [http]"),
        ("cut-gzip", "ends in the middle"),
        ("cut-json", "damaged JSON"),
        ("short", "connection broke"),
        ("part", "got 206"),
        ("oops", "got 500"),
    ] {
        let (round, feed) = (Round::new(), url(server.at(path)));
        *is_good.lock().unwrap() = true;
        assert_eq!(round.takes(&feed).await, (1, 0, 0, 0));
        let cursor = round.cursor(&feed);
        *is_good.lock().unwrap() = false;
        let error = round.fails(&feed).await;
        assert!(error.contains(want), "{path}: {error}");
        assert_eq!((round.active(&feed), round.cursor(&feed)), (1, cursor), "{path}");
    }
}

#[tokio::test]
async fn urls_are_told_by_what_they_hold() {
    let bundle = format!(r#"{{"type":"bundle","objects":[{}]}}"#, indicator(1, 1, ""));
    let packed = zstd::encode_all(bundle.as_bytes(), 3).unwrap();
    let server = Server::start(move |ask| match ask.path.as_str() {
        "/bundle" => Reply::new(200, bundle.clone()).with("Content-Type", "text/plain"),
        _ => Reply::new(200, packed.clone()),
    });
    for (path, kind) in [("bundle", "STIX in JSON"), ("packed", "a compressed file")] {
        let (round, feed) = (Round::new(), url(server.at(path)));
        assert_eq!(round.takes(&feed).await, (1, 0, 0, 0));
        assert!(probe(&feed, &limits()).await.unwrap().starts_with(kind));
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[tokio::test]
async fn folders_are_read_again_when_a_file_changed() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.txt", "evil.com\nnot a value\n");
    write(
        folder.path(),
        "b.json",
        &format!(r#"{{"type":"bundle","objects":[{}]}}"#, indicator(1, 1, "")),
    );
    let (round, feed) = (Round::new(), feed("path", Origin::Path(folder.path().to_owned())));
    assert_eq!(round.takes(&feed).await, (2, 0, 0, 0));
    assert!(round.finds_nothing_new(&feed).await);
    assert!(probe(&feed, &limits()).await.unwrap().starts_with("2 files, "));
    let rejections = round.store.lock().unwrap().rejections(Some("path"), 10).unwrap();
    assert!(rejections[0].1.id.ends_with("a.txt:2"), "{rejections:?}");
    write(folder.path(), "c.txt", "evil.net\n");
    assert_eq!(round.takes(&feed).await, (1, 0, 0, 0));
    // Replaced by a file of the same size and time.
    let times = std::fs::metadata(folder.path().join("c.txt")).unwrap().modified().unwrap();
    write(folder.path(), ".d", "evil.org\n");
    let file = std::fs::File::open(folder.path().join(".d")).unwrap();
    file.set_modified(times).unwrap();
    std::fs::rename(folder.path().join(".d"), folder.path().join("c.txt")).unwrap();
    assert_eq!(round.takes(&feed).await, (1, 0, 1, 0));
    // A damaged file changes nothing, and is read again in the next round.
    write(folder.path(), "b.json", r#"{"type":"bundle","objects":[{"#);
    assert!(round.fails(&feed).await.contains("b.json: damaged JSON"));
    assert_eq!(round.active(&feed), 3);
    assert_eq!(round.state(&feed).next_attempt, Some(NOW));
    std::fs::remove_file(folder.path().join("b.json")).unwrap();
    assert_eq!(round.takes(&feed).await, (0, 0, 1, 0));
    let missing = Feed { origin: Origin::Path(folder.path().join("nothing")), ..feed };
    assert!(round.fails(&missing).await.contains("nothing: no such file or folder"));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (round, feed) = (Round::new(), feed("path", Origin::Path(folder.path().to_owned())));
    write(folder.path(), "a.txt", "evil.com\n");
    let found = path::find(&feed, folder.path(), None).unwrap();
    // The file grows after it was examined.
    write(folder.path(), "a.txt", "evil.com\nevil.org\n");
    let mut store = round.store.lock().unwrap();
    let delivery = (found.body.unwrap(), found.cursor.as_ref());
    let error =
        intake::take(&mut store, &feed, &limits(), delivery, NOW, &Stop::new()).unwrap_err();
    assert!(error.to_string().contains("read again in the next round"), "{error}");
    assert_eq!(store.feed_state("path").unwrap().unwrap().active, 0);
}

#[tokio::test]
async fn feeds_wait_for_their_time() {
    let server = Server::start(|_| Reply::new(200, "evil.com\n"));
    let feed = Feed { every: Some(Duration::from_secs(3600)), ..url(server.at("list")) };
    let round = Round::new();
    let at = |seconds: i64| Timestamp(NOW.0 + seconds * 1_000_000);
    let is_polled = async |seconds, force| {
        !matches!(round.poll_at(&feed, at(seconds), force).await.outcome, Outcome::Skipped(_))
    };
    assert!(is_polled(0, false).await, "never polled");
    assert!(!is_polled(60, false).await);
    assert!(is_polled(60, true).await, "forced");
    assert!(!is_polled(3600, false).await, "counted from the last one");
    assert!(is_polled(3640, false).await, "rounds are not exact");
    assert!(is_polled(-5000, false).await, "the clock was set back");
    round.store.lock().unwrap().allow_held("url").unwrap();
    assert!(is_polled(-4000, false).await, "an allowed delivery is fetched at once");
}

#[tokio::test]
async fn no_poll_is_earlier_than_the_publisher_allows() {
    let server = Server::start(|_| Reply::new(200, "evil.com\n"));
    let fair_interval = Some(Duration::from_secs(3600));
    let feed = Feed { fair_interval, ..url(server.at("list")) };
    let round = Round::new();
    let at = |seconds: i64| Timestamp(NOW.0 + seconds * 1_000_000);
    let is_polled = async |seconds, force| {
        !matches!(round.poll_at(&feed, at(seconds), force).await.outcome, Outcome::Skipped(_))
    };
    assert!(is_polled(0, true).await, "never polled");
    assert!(!is_polled(60, true).await, "not even if forced");
    round.store.lock().unwrap().allow_held("url").unwrap();
    assert!(!is_polled(120, false).await, "not even if a delivery was allowed");
    assert!(is_polled(3600, false).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feeds_are_polled_together_and_fail_alone() {
    let server = Server::start(|ask| {
        std::thread::sleep(Duration::from_millis(100));
        if ask.path == "/7" {
            Reply::new(404, "")
        } else {
            Reply::new(200, format!("evil{}.com\n", &ask.path[1..]))
        }
    });
    let feeds: Vec<Feed> = (0..20)
        .map(|number| Feed { name: number.to_string(), ..url(server.at(&number.to_string())) })
        .collect();
    let round = Round::new();
    let polled = poll(&feeds, &limits(), &round.store, NOW, false, &Stop::new()).await;
    for (place, one) in polled.iter().enumerate() {
        assert_eq!(one.feed, place.to_string());
        match &one.outcome {
            Outcome::Failed(_) => assert_eq!(place, 7),
            Outcome::Ingested(ingested) => assert_eq!((ingested.added, one.objects), (1, 1)),
            other => panic!("{place}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_stops_where_it_is() {
    let server = Server::start(|_| Reply {
        pause: Some(Duration::from_secs(2)),
        ..Reply::new(200, "evil.com\n")
    });
    let feeds: Vec<Feed> =
        (0..10).map(|number| Feed { name: number.to_string(), ..url(server.at("list")) }).collect();
    let (round, stop) = (Round::new(), Stop::new());
    let asked = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        asked.request();
    });
    let started = Instant::now();
    let polled = poll(&feeds, &limits(), &round.store, NOW, false, &stop).await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(
        polled
            .iter()
            .all(|one| matches!(&one.outcome, Outcome::Skipped(why) if why.contains("stopped")))
    );
    assert!(
        round.store.lock().unwrap().feed_states().unwrap().is_empty(),
        "nothing of it is in the state"
    );
}
