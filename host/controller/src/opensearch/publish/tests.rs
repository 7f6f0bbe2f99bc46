//! Pushes to clusters that accept, refuse, forget or do not answer. tests/test_publish.py pushes to
//! real nodes.

use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};
use threatsieve_blacklist::compile::{CompileOptions, Compiler};

use super::*;
use crate::feeds::tests::server::{Ask, Reply, Server as Web};
use crate::opensearch::cluster::tests::settings;

const NOW: Timestamp = Timestamp(1_900_000_000_000_000);
const PART_BYTES: usize = 100;

/// The state of a server with the plugin.
#[derive(Default)]
struct Remembered {
    wanted: Option<(u64, String)>,
    parts: Vec<u8>,
    /// The answer to pushes, if they are refused: status and error.
    refusal: Option<(u16, Json)>,
    /// The state of its only node.
    state: &'static str,
    abandoned: bool,
}

struct World {
    folder: tempfile::TempDir,
    store: Store,
    remembered: Arc<Mutex<Remembered>>,
    web: Web,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let remembered =
            Arc::new(Mutex::new(Remembered { state: "serving", ..Remembered::default() }));
        let shared = Arc::clone(&remembered);
        let web = Web::start(move |ask| respond(ask, &mut shared.lock().unwrap()));
        World { folder, store, remembered, web }
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap()
    }

    /// Builds a blacklist.
    fn built(&self, generation: u64) -> Outgoing {
        let path = self.folder.path().join(format!("{generation}.blacklist"));
        let options = CompileOptions { generation, ..CompileOptions::default() };
        let compiled = Compiler::new(options).unwrap().finish().unwrap();
        std::fs::write(&path, compiled.bytes()).unwrap();
        Outgoing::file(&path).map_err(|failure| failure.error).unwrap()
    }

    /// Pushes as a round does, or as an operator who asked for it.
    async fn push(&mut self, outgoing: &Outgoing, is_asked_for: bool) -> PushReport {
        let push = Push {
            settings: settings(&[&self.web.url]),
            user_agent: "threatsieve/test".to_owned(),
            outgoing: outgoing.clone(),
            last: self.store.last_push().unwrap(),
            is_asked_for,
            allow_shrink: is_asked_for,
        };
        let report = push.run().await;
        push.record(&self.store, &report, NOW).unwrap();
        report
    }

    fn pushes(&self) -> usize {
        self.web.asked().iter().filter(|ask| ask.method == "PUT").count()
    }
}

fn respond(ask: &Ask, remembered: &mut Remembered) -> Reply {
    let answer = |status: u16, body: Json| Reply::new(status, body.to_string());
    let node = |generation: Option<u64>, state: &str| {
        json!({
            "name": "n1", "version": "0.1.0", "roles": ["ingest"],
            "generation": generation, "state": state, "reason": null, "took_ms": 7
        })
    };
    let path = ask
        .path
        .split('?')
        .next()
        .unwrap()
        .trim_start_matches("/_plugins/_threatsieve/blacklist/default");
    match (ask.method.as_str(), path) {
        (_, "/") => answer(200, json!({ "cluster_name": "logs" })),
        ("GET", "") => {
            let wanted = remembered.wanted.as_ref();
            let mut blacklists = serde_json::Map::new();
            if let Some((generation, digest)) = wanted {
                blacklists.insert(
                    "default".into(),
                    json!({ "generation": generation, "digest": digest }),
                );
            }
            let state = node(wanted.map(|wanted| wanted.0), remembered.state);
            let node = json!({
                "name": "n1", "version": "0.1.0", "roles": ["ingest"],
                "blacklists": { "default": state }
            });
            answer(200, json!({ "nodes": { "a": node }, "blacklists": blacklists }))
        }
        ("POST", "/_upload") => answer(200, json!({ "upload": "u/1", "part_bytes": PART_BYTES })),
        ("DELETE", _) => {
            remembered.abandoned = true;
            answer(200, json!({}))
        }
        ("PUT", "") | ("POST", "/_upload/u%2F1/_commit") => {
            if let Some((status, error)) = &remembered.refusal {
                return answer(*status, json!({ "error": error, "status": status }));
            }
            let body = if ask.method == "PUT" { &ask.body } else { &remembered.parts };
            let blacklist = threatsieve_blacklist::Blacklist::open(body.as_slice(), None).unwrap();
            let digest: String =
                blacklist.digest().iter().map(|byte| format!("{byte:02x}")).collect();
            let generation = blacklist.generation();
            let nodes = json!({ "a": node(Some(generation), remembered.state) });
            let is_served = remembered.state == "serving";
            remembered.wanted = Some((generation, digest.clone()));
            answer(
                200,
                json!({
                    "acknowledged": is_served, "name": "default",
                    "generation": generation, "digest": digest, "nodes": nodes
                }),
            )
        }
        ("PUT", part) => {
            let number: usize = part.rsplit('/').next().unwrap().parse().unwrap();
            assert_eq!(number, remembered.parts.len() / PART_BYTES);
            remembered.parts.extend(&ask.body);
            answer(200, json!({}))
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_generation_is_sent_once_and_the_nodes_are_looked_at_again() {
    let mut world = World::new();
    let first = world.built(1);
    let report = world.push(&first, false).await;
    assert_eq!((report.outcome, report.nodes.len()), (Outcome::Acknowledged, 1));
    assert!(report.sent_bytes > 0 && report.nodes[0].took_ms == Some(7));
    let put = world.web.asked().into_iter().find(|ask| ask.method == "PUT").unwrap();
    assert_eq!(
        (put.query["timeout"].as_str(), put.query["digest"].as_str()),
        ("1000ms", &*first.digest_text())
    );
    assert!(!put.query.contains_key("allow_shrink"));
    let last = world.store.last_push().unwrap();
    assert!(last.is_of(1, &first.digest) && last.acknowledged == Some(NOW) && last.error.is_none());
    let report = world.push(&first, false).await;
    assert_eq!((report.outcome, report.sent_bytes, world.pushes()), (Outcome::Acknowledged, 0, 1));
    // A node that fell behind is seen.
    world.remembered().state = "failed";
    let report = world.push(&first, false).await;
    assert!(report.outcome == Outcome::Waiting && report.is_trouble());
    // A cluster that lost everything gets it again.
    *world.remembered() = Remembered { state: "serving", ..Remembered::default() };
    assert_eq!(
        (world.push(&first, false).await.outcome, world.pushes()),
        (Outcome::Acknowledged, 2)
    );
}

#[tokio::test]
async fn nodes_that_are_loading_are_waited_for() {
    let mut world = World::new();
    let first = world.built(1);
    world.remembered().state = "loading";
    let report = world.push(&first, false).await;
    assert!(report.outcome == Outcome::Waiting && !report.is_trouble());
    let last = world.store.last_push().unwrap();
    assert!(last.taken.is_some() && last.acknowledged.is_none());
    world.remembered().state = "serving";
    assert_eq!(world.push(&first, false).await.outcome, Outcome::Acknowledged);
    assert_eq!(world.pushes(), 1);
}

#[tokio::test]
async fn large_ones_go_in_parts() {
    let world = World::new();
    let first = world.built(1);
    let mut settings = settings(&[&world.web.url]);
    settings.max_request_bytes = 10;
    let push = Push {
        settings,
        user_agent: "t".to_owned(),
        outgoing: first.clone(),
        last: LastPush::default(),
        is_asked_for: false,
        allow_shrink: true,
    };
    let report = push.run().await;
    assert_eq!(report.outcome, Outcome::Acknowledged, "{report:?}");
    let asked = world.web.asked();
    let begun = asked.iter().find(|ask| ask.path.contains("_upload?")).unwrap();
    assert_eq!(begun.query["bytes"], report.sent_bytes.to_string());
    let commit = asked.iter().find(|ask| ask.path.contains("_commit")).unwrap();
    assert_eq!(commit.query["allow_shrink"], "true");
    assert_eq!(world.pushes() as u64, report.sent_bytes.div_ceil(PART_BYTES as u64));
    // An upload that is refused at the end is removed.
    *world.remembered() = Remembered { state: "serving", ..Remembered::default() };
    world.remembered().refusal =
        Some((409, json!({ "type": "threatsieve_refused", "kind": "older", "reason": "r" })));
    assert_eq!(push.run().await.outcome, Outcome::Refused);
    assert!(world.remembered().abandoned);
}

#[tokio::test]
async fn what_is_refused_is_not_sent_again_until_asked_for_or_changed() {
    let mut world = World::new();
    let (first, second) = (world.built(1), world.built(2));
    let refusal = json!({ "type": "threatsieve_refused", "kind": "shrunk", "reason": "1 of 10" });
    world.remembered().refusal = Some((409, refusal));
    for _ in 0..2 {
        let report = world.push(&first, false).await;
        assert_eq!((report.outcome, report.kind.as_deref()), (Outcome::Refused, Some("shrunk")));
        assert!(
            report.is_trouble() && report.summary().contains("push --allow-shrink"),
            "{}",
            report.summary()
        );
        assert_eq!(world.pushes(), 1);
    }
    assert_eq!(world.store.last_push().unwrap().refused.as_deref(), Some("shrunk"));
    assert_eq!(world.push(&second, false).await.outcome, Outcome::Refused);
    assert_eq!(world.pushes(), 2);
    world.remembered().refusal = None;
    assert_eq!(world.push(&second, true).await.outcome, Outcome::Acknowledged);
    assert_eq!(world.web.asked().last().unwrap().query["allow_shrink"], "true");
    assert_eq!(world.store.last_push().unwrap().refused, None);
}

#[tokio::test]
async fn a_rollback_there_stands_until_the_next_generation() {
    let mut world = World::new();
    let (first, second, third) = (world.built(1), world.built(2), world.built(3));
    world.push(&second, false).await;
    world.remembered().wanted = Some((1, first.digest_text()));
    let report = world.push(&second, false).await;
    assert_eq!(
        (report.outcome, report.is_trouble(), world.pushes()),
        (Outcome::RolledBack, false, 1)
    );
    assert!(report.summary().contains("rolled back to generation 1"), "{}", report.summary());
    assert_eq!(world.push(&third, false).await.outcome, Outcome::Acknowledged);
    world.remembered().wanted = Some((1, first.digest_text()));
    assert_eq!(world.push(&third, true).await.outcome, Outcome::Acknowledged);
    assert_eq!(world.pushes(), 3);
}

#[tokio::test]
async fn failures_are_noted_and_tried_again() {
    let mut world = World::new();
    let first = world.built(1);
    world.remembered().refusal = Some((500, json!({ "type": "io", "reason": "disk full" })));
    for pushes in 1..3 {
        let report = world.push(&first, false).await;
        assert!(report.outcome == Outcome::Failed && report.is_trouble());
        let error = world.store.last_push().unwrap().error.unwrap();
        assert!(error.ends_with("got 500: io: disk full"), "{error}");
        assert_eq!(world.pushes(), pushes);
    }
    world.remembered().refusal = None;
    world.push(&first, false).await;
    assert_eq!(world.store.last_push().unwrap().error, None);
    // A file that differs from the state is not sent.
    let gone = Outgoing { digest: vec![0; 32], generation: 9, ..first };
    let report = world.push(&gone, false).await;
    assert!(report.reason.unwrap().contains("expected generation 9"));
    assert_eq!(world.pushes(), 3);
}
