//! Polls that end at their limit of time or objects, versions from the future, and secrets that
//! servers repeat.

use super::*;

impl Round {
    async fn poll_within(&self, feed: &Feed, http: &Http, now: Timestamp) -> Polled {
        let feeds = [feed.clone()];
        poll(&feeds, http, &self.store, now, false, &Stop::new()).await.remove(0)
    }
}

fn added(polled: &Polled) -> u64 {
    match &polled.outcome {
        Outcome::Ingested(ingested) => ingested.added,
        other => panic!("{other:?}"),
    }
}

fn next_of(ask: &Ask) -> Option<&str> {
    ask.query.get("next").map(String::as_str)
}

#[tokio::test]
async fn a_large_collection_is_taken_in_parts() {
    let server = taxii_server(collection(7));
    let (round, feed) = (Round::new(), taxii(&server.at("one/"), None));
    let http = Http { max_poll_objects: 3, ..limits() };
    let polled = round.poll_within(&feed, &http, NOW).await;
    assert_eq!(
        (added(&polled), polled.objects, polled.goes_on, round.active(&feed)),
        (7, 7, false, 7)
    );
    let nexts: Vec<_> =
        objects_asked(&server).iter().map(|ask| next_of(ask).map(str::to_owned)).collect();
    let wanted = [None, Some("2"), Some("4"), Some("6")].map(|next| next.map(str::to_owned));
    assert_eq!(nexts, wanted, "no page is asked for twice");
    let cursor = round.cursor(&feed);
    assert_eq!((cursor.get("resume"), &cursor["added_after"]), (None, &json!(date(6))));
}

#[tokio::test]
async fn a_part_that_is_stored_stays_when_the_next_one_fails() {
    let failed = Arc::new(Mutex::new(false));
    let shared = Arc::clone(&failed);
    let pages = collection(7);
    let server = taxii_server(move |ask| match next_of(ask) {
        Some("6") if !std::mem::replace(&mut *shared.lock().unwrap(), true) => Reply::new(401, ""),
        _ => pages(ask),
    });
    let (round, feed) = (Round::new(), taxii(&server.at("one/"), None));
    let http = Http { max_poll_objects: 3, ..limits() };
    assert!(matches!(round.poll_within(&feed, &http, NOW).await.outcome, Outcome::Failed(_)));
    assert_eq!((round.active(&feed), &round.cursor(&feed)["resume"]["next"]), (4, &json!("4")));
    assert_eq!(round.takes(&feed).await, (3, 0, 0, 0));
}

#[tokio::test]
async fn a_poll_at_its_limit_of_time_keeps_its_pages_and_goes_on() {
    let stalled = Arc::new(Mutex::new(false));
    let shared = Arc::clone(&stalled);
    let pages = collection(7);
    let server = taxii_server(move |ask| match next_of(ask) {
        // The third page does not come the first time.
        Some("4") if !std::mem::replace(&mut *shared.lock().unwrap(), true) => {
            std::thread::sleep(Duration::from_secs(60));
            Reply::new(500, "")
        }
        _ => pages(ask),
    });
    let (round, feed) = (Round::new(), taxii(&server.at("one/"), None));
    // The rest is fetched before the interval is over.
    let feed = Feed { every: Some(Duration::from_secs(3600)), ..feed };
    let http = Http {
        poll_timeout: Duration::from_secs(6),
        idle_timeout: Duration::from_secs(60),
        ..limits()
    };
    let first = round.poll_within(&feed, &http, NOW).await;
    assert_eq!((added(&first), first.goes_on, round.active(&feed)), (4, true, 4));
    let cursor = round.cursor(&feed);
    assert_eq!((&cursor["resume"]["next"], &cursor["added_after"]), (&json!("4"), &Json::Null));
    let second = round.poll_within(&feed, &limits(), NOW).await;
    assert_eq!((added(&second), second.goes_on, round.active(&feed)), (3, false, 7));
    let cursor = round.cursor(&feed);
    assert_eq!((cursor.get("resume"), &cursor["added_after"]), (None, &json!(date(6))));
    let third = round.poll_within(&feed, &limits(), NOW).await;
    assert!(matches!(third.outcome, Outcome::Skipped(_)), "{third:?}");
}

#[tokio::test]
async fn a_place_that_the_server_has_forgotten_is_found_by_its_date() {
    let forgot = Arc::new(Mutex::new(false));
    let shared = Arc::clone(&forgot);
    let pages = collection(7);
    let server = taxii_server(move |ask| match next_of(ask) {
        Some("4") if !std::mem::replace(&mut *shared.lock().unwrap(), true) => Reply::new(404, ""),
        _ => pages(ask),
    });
    let (round, feed) = (Round::new(), taxii(&server.at("one/"), None));
    let http = Http { max_poll_objects: 4, ..limits() };
    assert_eq!(added(&round.poll_within(&feed, &http, NOW).await), 7);
    let asked = objects_asked(&server);
    assert_eq!(asked[3].query["added_after"], "2026-02-01T00:00:02.999999Z");
}

#[tokio::test]
async fn a_round_goes_on_without_those_that_are_not_done() {
    let server = Server::start(|ask| match ask.path.as_str() {
        "/slow" => {
            std::thread::sleep(Duration::from_secs(60));
            Reply::new(200, "evil.com\n")
        }
        path => Reply::new(200, format!("evil{}.com\n", &path[1..])),
    });
    let named = |name: &str, path: &str| Feed { name: name.to_owned(), ..url(server.at(path)) };
    let mut feeds: Vec<Feed> =
        (0..8).map(|number| named(&format!("slow{number}"), "slow")).collect();
    feeds.push(named("late", "late"));
    let round = Round::new();
    let http = Http {
        poll_timeout: Duration::from_secs(3),
        idle_timeout: Duration::from_secs(60),
        ..limits()
    };
    let polled = poll(&feeds, &http, &round.store, NOW, false, &Stop::new()).await;
    for one in &polled[..8] {
        let is_over = |why: &str| why.contains("`poll_timeout` in [http]");
        assert!(matches!(&one.outcome, Outcome::Failed(why) if is_over(why)), "{one:?}");
    }
    assert!(
        matches!(&polled[8].outcome, Outcome::Skipped(why) if why.contains("begins with this")),
        "{polled:?}"
    );
    let places = longest_waiting(&feeds, &round.store.lock().unwrap());
    assert_eq!(places[0], 8, "it has its turn first");
}

#[tokio::test]
async fn a_version_from_the_future_does_not_keep_its_correction_out() {
    let dated = |number: usize, value: &str, modified: &str| {
        indicator(number, 1, "")
            .replace(r#""modified":"2026-01-02T00:00:00Z""#, &format!(r#""modified":"{modified}""#))
            .replace(&format!("{number}.v1.example"), value)
    };
    let bad = dated(1, "bad.example", "2999-01-01T00:00:00Z");
    let good = dated(1, "good.example", "2030-01-01T00:00:00Z");
    let step = Arc::new(Mutex::new(vec![bad.clone()]));
    let shared = Arc::clone(&step);
    let server = taxii_server(move |_| {
        json_reply(envelope(&shared.lock().unwrap(), "")).with("X-TAXII-Date-Added-Last", &date(9))
    });
    let (round, feed) = (Round::new(), taxii(&server.at("one/"), None));
    let values = || {
        let query = crate::store::Query { limit: 10, ..Default::default() };
        let found = round.store.lock().unwrap().search(&query, NOW).unwrap().0;
        found
            .iter()
            .flat_map(|one| one.values.iter().map(|value| value.value.clone()))
            .collect::<Vec<_>>()
    };
    round.takes(&feed).await;
    assert_eq!(values(), ["bad.example"], "it is used until something better is known");
    assert_eq!(round.state(&feed).report.unwrap().ahead, 1);
    // The overlap brings both, in either order; later only the bad one.
    for delivery in
        [vec![good.clone(), bad.clone()], vec![bad.clone(), good.clone()], vec![bad.clone()]]
    {
        *step.lock().unwrap() = delivery;
        round.takes(&feed).await;
        assert_eq!(values(), ["good.example"]);
    }
    assert_eq!(round.state(&feed).report.unwrap().older, 1, "what is ignored is counted");
    // A revocation from the future counts, and can be undone.
    *step.lock().unwrap() = vec![bad.replacen('{', r#"{"revoked":true,"#, 1)];
    assert_eq!(round.takes(&feed).await.3, 1);
    *step.lock().unwrap() = vec![dated(1, "back.example", "2030-02-01T00:00:00Z")];
    round.takes(&feed).await;
    assert_eq!(values(), ["back.example"]);
}

#[tokio::test]
async fn a_row_that_was_pinned_before_can_be_corrected() {
    let server = taxii_server(|_| json_reply(envelope(&[indicator(1, 2, "")], "")));
    let (round, feed) = (Round::new(), taxii(&server.at("one/"), None));
    round.takes(&feed).await;
    let pin =
        "UPDATE indicators SET modified = 32472144000000000, body = (SELECT body FROM indicators)";
    round.store.lock().unwrap().connection().execute(pin, []).unwrap();
    assert_eq!(round.takes(&feed).await.1, 1);
}

#[tokio::test]
async fn a_key_that_a_server_repeats_is_nowhere_in_the_state() {
    const KEY: &str = "hunter2-hunter2";
    let server = Server::start(|ask| match ask.path.split('?').next().unwrap() {
        "/list" => Reply::new(200, format!("evil.com\nno value {}\n", ask.path)),
        "/taxii" => {
            json_reply(json!({ "api_roots": [ask.path], "default": format!("ftp://{}", ask.path) }))
        }
        _ => Reply::new(403, ask.path.clone()),
    });
    for path in ["list", "list/403", "taxii"] {
        let mut at = server.at(path);
        at.set_query(Some(&format!("apikey={KEY}")));
        let feed = if path == "taxii" { taxii(&at, None) } else { url(at) };
        let round = Round::new();
        let polled = format!("{:?}", round.poll(&feed).await);
        let state = format!("{:?}", round.state(&feed));
        let rejected = format!("{:?}", round.store.lock().unwrap().rejections(None, 10).unwrap());
        let probed = format!("{:?}", probe(&feed, &limits()).await);
        for text in [polled, state, rejected, probed] {
            assert!(!text.contains(KEY), "{path}: {text}");
        }
    }
}

#[tokio::test]
async fn an_api_root_in_a_private_network_is_not_asked() {
    let local = Server::start(|_| Reply::new(200, "{}"));
    let root = local.at("root/").to_string();
    let server = Server::start(move |_| json_reply(json!({ "title": "T", "default": root })));
    let (round, feed) = (Round::new(), taxii(&server.url, None));
    assert!(round.fails(&feed).await.contains("`allow_redirects_to`"));
    assert!(local.asked().is_empty());
}
