//! Clusters with hosts that answer slowly, wrongly or not at all.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::config::{Auth, Secret};
use crate::feeds::tests::server::{Ask, Reply, Server as Web};

/// Settings for hosts at these URLs.
pub(crate) fn settings(hosts: &[&Url]) -> config::OpenSearch {
    config::OpenSearch {
        hosts: hosts.iter().map(|&host| host.clone()).collect(),
        push: true,
        auth: Auth::None,
        client_certificate: None,
        ca_files: Vec::new(),
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(20),
        node_timeout: Duration::from_secs(1),
        max_request_bytes: 1 << 20,
        backfill: None,
    }
}

fn cluster(settings: &config::OpenSearch) -> Cluster {
    Cluster::new(settings, "threatsieve/test").unwrap()
}

/// The URL of a port on which no server listens.
fn nobody() -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap()
}

fn answer(status: u16, body: &Json) -> Reply {
    Reply::new(status, body.to_string()).with("Content-Type", "application/json")
}

fn root(_: &Ask) -> Reply {
    answer(200, &json!({ "cluster_name": "logs", "version": { "number": "3.8.0" } }))
}

async fn fault(web: &Web) -> Fault {
    let asked: Result<Json, Fault> =
        cluster(&settings(&[&web.url])).ask(&Request::get("_plugins/_threatsieve/x", "an x")).await;
    asked.unwrap_err()
}

#[tokio::test]
async fn the_first_host_that_answers_is_asked_and_stays() {
    let (web, away) = (Web::start(root), Web::start(|_| Reply::new(503, "no cluster manager")));
    let cluster = cluster(&settings(&[&nobody(), &away.url, &web.url]));
    for _ in 0..2 {
        let server = cluster.connect().await.unwrap();
        let (name, version) = (Some("logs".to_owned()), Some("3.8.0".to_owned()));
        let host = web.url.as_str().trim_end_matches('/').to_owned();
        assert_eq!(server, Server { host, cluster: name, version });
    }
    assert_eq!((away.asked().len(), web.asked().len()), (1, 2));
    assert_eq!(web.asked()[0].headers["user-agent"], "threatsieve/test");
}

#[tokio::test]
async fn hosts_that_do_not_answer_are_named_with_why() {
    let (away, slow) = (
        Web::start(|_| answer(503, &json!({ "error": { "type": "not_ready", "reason": "red" } }))),
        Web::start(|_| Reply { pause: Some(Duration::from_secs(5)), ..Reply::new(200, "{}") }),
    );
    let settings = config::OpenSearch {
        connect_timeout: Duration::from_millis(300),
        ..settings(&[&nobody(), &away.url, &slow.url])
    };
    let text = cluster(&settings).connect().await.unwrap_err().to_string();
    assert!(text.starts_with("no host of the cluster is ready: http://127.0.0.1:"), "{text}");
    for part in ["(Connection refused", "(503: not_ready: red)", "(no answer within 300ms)"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[tokio::test]
async fn who_is_busy_is_asked_again() {
    let asked = AtomicUsize::new(0);
    let web = Web::start(move |ask| {
        let error = json!({ "type": "circuit_breaking_exception", "reason": "Data too large" });
        let busy = json!({ "error": error });
        if asked.fetch_add(1, Ordering::Relaxed) == 0 { answer(429, &busy) } else { root(ask) }
    });
    assert!(cluster(&settings(&[&web.url])).connect().await.is_ok());
    assert_eq!(web.asked().len(), 2);
}

#[tokio::test]
async fn what_the_server_says_is_told_apart() {
    let error = json!({ "type": "threatsieve_refused", "kind": "shrunk", "reason": "10 of 100" });
    let refused = json!({ "error": error, "status": 409 });
    let fault_of =
        async |status: u16, body: Json| fault(&Web::start(move |_| answer(status, &body))).await;
    let one = fault_of(409, refused).await;
    let Fault::Refused { kind, reason, .. } = &one else { panic!("{one}") };
    assert_eq!((kind.as_str(), reason.as_str()), ("shrunk", "10 of 100"));
    let text = "no handler found for uri [/_plugins/_threatsieve/x] and method [GET]";
    let one = fault_of(400, json!({ "error": text })).await;
    assert!(matches!(one, Fault::NoPlugin { .. }), "{one}");
    let one = fault_of(401, json!({})).await;
    assert!(
        matches!(one, Fault::Denied { status: 401, .. }) && one.to_string().contains("`password`"),
        "{one}"
    );
    let one = fault_of(
        403,
        json!({ "error": { "type": "security_exception", "reason": "no permissions for [x]" } }),
    )
    .await;
    assert!(
        one.to_string()
            .contains("403: security_exception: no permissions for [x]; docs/security.md"),
        "{one}"
    );
    let one = fault_of(404, json!({ "error": { "reason": "gone" } })).await;
    assert!(matches!(&one, Fault::Answer { status: 404, reason, .. } if reason == "gone"), "{one}");
    let one = fault(&Web::start(|_| Reply::new(200, "<html>"))).await;
    assert!(matches!(one, Fault::Unfit { .. }), "{one}");
    let one = fault(&Web::start(|_| Reply::new(500, "\x1b[31m oops"))).await;
    assert!(one.to_string().ends_with("got 500: \\x1b[31m oops"), "{one}");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let declared = Web::start(|_| Reply { missing_bytes: 1 << 40, ..Reply::new(200, "{}") });
    let undeclared = Web::start(|_| Reply { is_endless: true, ..Reply::new(200, "{") });
    let chunked =
        Web::start(|_| Reply { is_chunked: true, is_endless: true, ..Reply::new(200, "{") });
    for web in [declared, undeclared, chunked] {
        let one = fault(&web).await;
        assert!(
            matches!(&one, Fault::Unfit { got, .. } if got == "more than 33554432 bytes"),
            "{one}"
        );
    }
}

#[tokio::test]
async fn an_answer_in_chunks_is_read() {
    let web = Web::start(|ask| Reply { is_chunked: true, ..root(ask) });
    assert_eq!(
        cluster(&settings(&[&web.url])).connect().await.unwrap().cluster.as_deref(),
        Some("logs")
    );
}

#[tokio::test]
async fn a_connection_that_breaks_is_no_answer() {
    let web = Web::start(|_| Reply { missing_bytes: 10, ..Reply::new(200, "{}") });
    assert!(matches!(fault(&web).await, Fault::Unreachable(_)));
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    let basic = Auth::Basic { user: "u".to_owned(), password: Secret::new("hunter2".to_owned()) };
    let key = Auth::Header {
        name: "Authorization".to_owned(),
        value: Secret::new("ApiKey aHVudGVyMg==".to_owned()),
    };
    for (auth, sent, secret) in
        [(basic, "Basic dTpodW50ZXIy", "hunter2"), (key, "ApiKey aHVudGVyMg==", "aHVudGVyMg==")]
    {
        let echo =
            |ask: &Ask| Reply::new(400, format!("{} {}", ask.headers["authorization"], "hunter2"));
        let web = Web::start(echo);
        let settings = config::OpenSearch { auth, ..settings(&[&web.url]) };
        let text = cluster(&settings).connect().await.unwrap_err().to_string();
        assert_eq!(web.asked()[0].headers["authorization"], sent);
        assert!(!text.contains(secret) && text.contains("***"), "{text}");
    }
}

#[tokio::test]
async fn who_may_not_see_the_version_may_still_push() {
    let web = Web::start(|_| answer(403, &json!({ "error": "no permissions" })));
    let server = cluster(&settings(&[&web.url])).connect().await.unwrap();
    assert_eq!((server.cluster, server.version), (None, None));
}

#[test]
fn paths_are_encoded_but_for_patterns() {
    assert_eq!(path(&["a-*,b", "_mapping"]), "a-*,b/_mapping");
    assert_eq!(path(&["x/y z", "?"]), "x%2Fy%20z/%3F");
}

#[test]
fn files_that_are_no_certificates_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "nothing").unwrap();
    let here = nobody();
    let settings = config::OpenSearch { ca_files: vec![file], ..settings(&[&here]) };
    let text = format!("{:#}", Cluster::new(&settings, "t").unwrap_err());
    assert!(text.contains("ca.pem: expected certificates in PEM"), "{text}");
}
