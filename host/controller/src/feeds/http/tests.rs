//! Servers that answer too slowly, with too much, with redirects, or not at all.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::config::Secret;
use crate::feeds::tests::server::{Ask, Reply, Server};

pub(in crate::feeds) fn limits() -> Http {
    Http {
        connect_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(20),
        poll_timeout: Duration::from_secs(60),
        max_poll_objects: 1_000_000,
        max_body_bytes: 1024 * 1024,
        allow_redirects_to: Vec::new(),
        proxy: None,
        ca_files: Vec::new(),
        user_agent: "threatsieve/test".to_owned(),
        allow_plain_http: false,
    }
}

fn key(secret: &str) -> Auth {
    Auth::Header { name: "X-API-Key".to_owned(), value: Secret::new(secret.to_owned()) }
}

async fn get(http: &Http, url: Url, auth: &Auth) -> Result<(Fetcher, Answer), Fault> {
    let mut fetcher = Fetcher::new(http, &url, auth, None, Deadline::of_poll(http)).unwrap();
    let answer = fetcher.fetch(&Request::new(url, "a list")).await?;
    Ok((fetcher, answer))
}

/// Returns the message of an error with all its causes.
fn with_causes(error: Fault) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

async fn error(http: &Http, url: Url) -> Fault {
    get(http, url, &Auth::None).await.err().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[tokio::test]
async fn bodies_come_whole_and_unpacked() {
    let server = Server::start(|ask| match ask.path.as_str() {
        "/packed" => Reply::new(200, gzip(b"evil.com\n")).with("Content-Encoding", "gzip"),
        _ => Reply::new(200, "evil.com\n"),
    });
    for path in ["plain", "packed"] {
        let (fetcher, answer) = get(&limits(), server.at(path), &Auth::None).await.unwrap();
        assert_eq!(answer.body.start(100).unwrap(), b"evil.com\n");
        assert_eq!((fetcher.bytes, answer.body.digest), (9, blake3::hash(b"evil.com\n")));
    }
    assert_eq!(server.asked()[0].headers["user-agent"], "threatsieve/test");
}

#[tokio::test]
async fn credentials_go_to_the_configured_server_alone() {
    let has_key = |ask: &Ask| {
        ask.headers.contains_key("x-api-key") || ask.headers.contains_key("authorization")
    };
    let other = Server::start(|ask| Reply::new(302, "").with("Location", &ask.query["back"]));
    let elsewhere = other.url.clone();
    let server = Server::start(move |ask| match ask.path.as_str() {
        "/near" => Reply::new(301, "").with("Location", "/list"),
        "/far" => {
            let mut url = elsewhere.clone();
            url.query_pairs_mut()
                .append_pair("back", &format!("http://{}/list", ask.headers["host"]));
            Reply::new(307, "").with("Location", url.as_str())
        }
        _ => Reply::new(200, "evil.com"),
    });
    let bearer = Auth::Bearer(Secret::new("s3cret".to_owned()));
    let limits = || Http { allow_redirects_to: vec![other.url.clone()], ..limits() };
    for auth in [key("s3cret"), bearer] {
        let before = server.asked().len();
        get(&limits(), server.at("near"), &auth).await.unwrap();
        assert!(server.asked()[before..].iter().all(has_key), "{:?}", server.asked());
        let before = server.asked().len();
        get(&limits(), server.at("far"), &auth).await.unwrap();
        assert!(!other.asked().iter().any(has_key), "{:?}", other.asked());
        let asked = server.asked();
        assert!(has_key(&asked[before]), "the first request");
        assert!(
            !has_key(&asked[before + 1]),
            "nobody else decides what is asked for with credentials"
        );
    }
    let basic = Auth::Basic { user: "reader".to_owned(), password: Secret::new("pass".to_owned()) };
    get(&limits(), server.at("list"), &basic).await.unwrap();
    assert_eq!(server.asked().last().unwrap().headers["authorization"], "Basic cmVhZGVyOnBhc3M=");
}

#[tokio::test]
async fn who_refuses_after_a_redirect_got_no_credentials_and_the_error_says_so() {
    let other = Server::start(|_| Reply::new(401, "who are you?"));
    let elsewhere = other.url.to_string();
    let server = Server::start(move |_| Reply::new(302, "").with("Location", &elsewhere));
    let http = Http { allow_redirects_to: vec![other.url.clone()], ..limits() };
    let fault = get(&http, server.url.clone(), &key("s3cret")).await.err().unwrap();
    assert!(fault.is_permanent());
    let text = with_causes(fault);
    assert!(text.contains("401") && text.contains("credentials go to"), "{text}");
}

#[tokio::test]
async fn redirects_end() {
    let server = Server::start(|_| Reply::new(302, "").with("Location", "/again"));
    let fault = error(&limits(), server.url.clone()).await;
    assert!(fault.is_permanent());
    assert!(with_causes(fault).contains("at most 5 redirects"));
    assert_eq!(server.asked().len(), 6);
}

/// A server that redirects to the URL that `target` returns for the server's own URL.
fn redirecting(target: impl Fn(&Url) -> String + Send + Sync + 'static) -> Server {
    Server::start(move |ask| {
        let own: Url = format!("http://{}/", ask.headers["host"]).parse().unwrap();
        match ask.path.as_str() {
            "/secret" => Reply::new(200, "local-only"),
            _ => Reply::new(302, "").with("Location", &target(&own)),
        }
    })
}

#[tokio::test]
async fn redirects_into_private_networks_are_refused_unless_they_are_allowed() {
    let local = Server::start(|_| Reply::new(200, "local-only page"));
    let port = local.url.port().unwrap();
    for target in [
        local.url.to_string(),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://2130706433:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://metadata.google.internal/".to_owned(),
        "https://10.0.0.1/".to_owned(),
    ] {
        let wanted = target.clone();
        let server = redirecting(move |_| wanted.clone());
        let fault = error(&limits(), server.url.clone()).await;
        assert!(
            matches!(fault, Fault::Foreign { .. }) && fault.is_permanent(),
            "{target}: {fault}"
        );
        let text = with_causes(fault);
        assert!(text.contains("`allow_redirects_to`") && !text.contains("local-only"), "{text}");
    }
    assert!(local.asked().is_empty(), "nobody was sent there");
    let server = redirecting(|own| own.join("secret").unwrap().into());
    get(&limits(), server.url.clone(), &Auth::None).await.unwrap();
    let wanted = local.url.to_string();
    let server = redirecting(move |_| wanted.clone());
    let http = Http { allow_redirects_to: vec![local.url.clone()], ..limits() };
    let (_, answer) = get(&http, server.url.clone(), &Auth::None).await.unwrap();
    assert_eq!(answer.body.start(100).unwrap(), b"local-only page");
}

#[tokio::test]
async fn a_name_is_judged_by_the_address_that_is_connected_to() {
    // The test has no public name with a private address, so it gives the resolver a local name.
    let url = "http://feeds.example/".parse().unwrap();
    let access = Access::new(&limits(), &url, &Auth::None, None).unwrap();
    let local = Server::start(|_| Reply::new(200, "local-only"));
    let named: Url = format!("http://localhost:{}/", local.url.port().unwrap()).parse().unwrap();
    let error = access.foreign().get(named).send().await.unwrap_err();
    let refused = refused(&error).unwrap().to_string();
    assert!(refused.contains("loopback"), "{refused}");
    assert!(local.asked().is_empty());
}

#[tokio::test]
async fn answers_of_foreign_hosts_are_not_quoted() {
    let quote = |is_foreign| Quote { secrets: Secrets::default(), is_foreign, takes_xml: false };
    let url = "http://feeds.example/".parse().unwrap();
    let page = |is_foreign| {
        quote(is_foreign).refuse_page(&url, &HeaderMap::new(), b"<html>who are you?", "a list")
    };
    let (own, foreign) =
        (page(false).unwrap_err().to_string(), page(true).unwrap_err().to_string());
    assert!(own.contains("who are you?") && !foreign.contains("who"), "{own} {foreign}");
}

#[tokio::test]
async fn a_key_in_the_url_is_not_shown_when_the_server_repeats_it() {
    let server = Server::start(|ask| match ask.path.as_str() {
        path if path.starts_with("/page") => Reply::new(200, format!("<html>No {path}</html>")),
        path => Reply::new(403, format!("{{\"error\":\"no access: {path}\"}}")),
    });
    for path in ["list?apikey=hunter2-hunter2&v=1", "page?apikey=hunter2-hunter2"] {
        let text = match get(&limits(), server.at(path), &Auth::None).await {
            Ok((_, answer)) => with_causes(answer.refuse_page("a list").unwrap_err()),
            Err(fault) => with_causes(fault),
        };
        assert!(text.contains("***") && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn the_end_of_a_poll_ends_its_requests() {
    let pause = Some(Duration::from_millis(100));
    let server = Server::start(move |_| Reply { pause, ..Reply::new(200, "x".repeat(1000)) });
    let http = Http { poll_timeout: Duration::from_millis(500), ..limits() };
    let fault = error(&http, server.url.clone()).await;
    assert!(fault.is_poll_timeout(), "{fault}");
    assert!(with_causes(fault).contains("`poll_timeout` in [http] is the limit"));
}

#[test]
fn redirects_stay_encrypted_and_on_the_web() {
    let redirect = |from: &str, to: &'static str| {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(to))]);
        redirection(&from.parse().unwrap(), Method::GET, StatusCode::FOUND, &headers)
    };
    for (from, to, want) in [
        ("https://a/b/c", "d", "https://a/b/d"),
        ("https://a/b", "https://u:p@other:444/x", "https://other:444/x"),
        ("http://a/b", "https://a/b", "https://a/b"),
    ] {
        assert_eq!(redirect(from, to).unwrap().unwrap().as_str(), want);
    }
    for (from, to) in [
        ("https://a/b", "http://a/b"),
        ("http://a/b", "file:///etc/passwd"),
        ("http://a/b", "ftp://a/b"),
        ("http://a/b", "javascript:x"),
        ("http://a/b", "http://"),
    ] {
        assert!(redirect(from, to).is_err(), "{from} {to}");
    }
}

/// A POST of a text.
fn post(url: Url, is_private: bool, may_repeat: bool) -> Request {
    let post = Post { body: b"<poll/>".to_vec(), is_private, may_repeat };
    let request = Request::new(url, "an answer").with(CONTENT_TYPE, "text/xml".parse().unwrap());
    Request { post: Some(post), ..request }
}

async fn send(http: &Http, request: Request) -> Result<Answer, Fault> {
    let home = request.url.clone();
    let mut fetcher =
        Fetcher::new(http, &home, &key("s3cret"), None, Deadline::of_poll(http)).unwrap();
    fetcher.fetch(&request).await
}

#[tokio::test]
async fn a_post_keeps_its_method_and_body_over_redirects_or_is_not_redirected() {
    let other = Server::start(|_| Reply::new(200, "<answer/>"));
    let elsewhere = other.url.to_string();
    let server = Server::start(move |ask| match ask.path.as_str() {
        "/near" => Reply::new(307, "").with("Location", "/end"),
        "/page" => Reply::new(302, "").with("Location", "/end"),
        "/far" => Reply::new(308, "").with("Location", &elsewhere),
        _ => Reply::new(200, "<answer/>"),
    });
    let http = Http { allow_redirects_to: vec![other.url.clone()], ..limits() };
    send(&http, post(server.at("near"), true, true)).await.unwrap();
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    for ask in asked {
        assert_eq!((ask.method.as_str(), ask.body.as_slice()), ("POST", b"<poll/>".as_slice()));
        assert_eq!(ask.headers["content-type"], "text/xml");
        assert_eq!(ask.headers["x-api-key"], "s3cret");
    }
    let fault = send(&http, post(server.at("page"), false, true)).await.unwrap_err();
    assert!(fault.is_permanent() && fault.to_string().contains("POST"), "{fault}");
    let fault = send(&http, post(server.at("far"), true, true)).await.unwrap_err();
    assert!(fault.is_permanent() && fault.to_string().contains("credentials"), "{fault}");
    assert!(other.asked().is_empty(), "what is private stays");
    send(&http, post(server.at("far"), false, true)).await.unwrap();
    let there = other.asked().remove(0);
    assert_eq!((there.method.as_str(), there.body.as_slice()), ("POST", b"<poll/>".as_slice()));
    assert!(!there.headers.contains_key("x-api-key"));
}

#[tokio::test]
async fn a_post_that_a_server_could_take_twice_is_sent_once() {
    let server = Server::start(|_| Reply::new(503, "").with("Retry-After", "0"));
    for may_repeat in [true, false] {
        let path = if may_repeat { "poll" } else { "inbox" };
        send(&limits(), post(server.at(path), false, may_repeat)).await.unwrap_err();
    }
    let asked = server.asked();
    let count = |path: &str| asked.iter().filter(|ask| ask.path == path).count();
    assert_eq!((count("/poll"), count("/inbox")), (2, 1));
}

#[tokio::test]
async fn xml_is_no_page_where_xml_is_expected() {
    let server = Server::start(|ask| match ask.path.as_str() {
        "/xml" => Reply::new(200, "<?xml version=\"1.0\"?><a/>"),
        "/typed" => Reply::new(200, "<taxii:a/>").with("Content-Type", "text/html"),
        "/page" => Reply::new(200, " <!DocType html><title>Log in"),
        "/typed-text" => Reply::new(200, "Log in").with("Content-Type", "text/html"),
        _ => Reply::new(200, "<HTML><title>Log in"),
    });
    for (path, is_page) in
        [("xml", false), ("typed", false), ("page", true), ("typed-text", true), ("html", true)]
    {
        let request = Request { takes_xml: true, ..post(server.at(path), false, true) };
        let answer = send(&limits(), request).await.unwrap();
        assert_eq!(answer.refuse_page("a message").is_err(), is_page, "{path}");
    }
}

#[tokio::test]
async fn errors_show_what_came_and_no_secrets() {
    let server = Server::start(|ask| {
        let body = format!("\x1b[31mno \u{202e}{} {}", ask.headers["x-api-key"], "x".repeat(1000));
        Reply::new(403, body).with("Content-Type", "text/plain")
    });
    let mut url = server.at("list?token=s3cret");
    url.set_fragment(Some("s3cret"));
    let fault = get(&limits(), url, &key("s3cret")).await.err().unwrap();
    assert!(fault.is_permanent() && fault.status() == Some(403));
    let text = with_causes(fault);
    assert!(
        text.contains("/list?...: expected a list, got 403") && text.contains(", text/plain: "),
        "{text}"
    );
    assert!(
        !text.contains("s3cret") && !text.contains('\x1b') && !text.contains('\u{202e}'),
        "{text:?}"
    );
    assert!(text.contains("***") && text.len() < 400, "{text}");
}

#[tokio::test]
async fn a_passing_fault_is_asked_for_again_once() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |ask| {
        match (ask.path.as_str(), count.fetch_add(1, Ordering::Relaxed)) {
            ("/passing", 0) => Reply::new(503, "").with("Retry-After", "1"),
            ("/passing", _) => Reply::new(200, "evil.com"),
            ("/busy", _) => Reply::new(429, "").with("Retry-After", "7200"),
            ("/down", _) => Reply::new(503, "").with("Retry-After", "0"),
            _ => Reply::new(404, ""),
        }
    });
    let started = Instant::now();
    get(&limits(), server.at("passing"), &Auth::None).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1), "it waits as it is asked to");
    let asked = |path: &str| server.asked().iter().filter(|ask| ask.path == path).count();
    let busy = error(&limits(), server.at("busy")).await;
    assert_eq!(
        busy.retry_after(),
        Some(Duration::from_secs(7200)),
        "too long to wait in the round"
    );
    assert!(!busy.is_permanent());
    assert!(!error(&limits(), server.at("down")).await.is_permanent());
    assert!(error(&limits(), server.at("gone")).await.is_permanent());
    assert_eq!((asked("/passing"), asked("/busy"), asked("/down"), asked("/gone")), (2, 1, 2, 1));
}

#[tokio::test]
async fn bodies_are_limited_after_unpacking() {
    let zeros = gzip(&vec![b'0'; 20 * 1024 * 1024]);
    assert!(zeros.len() < 50_000);
    let server = Server::start(move |ask| match ask.path.as_str() {
        "/bomb" => Reply::new(200, zeros.clone()).with("Content-Encoding", "gzip"),
        "/endless" => Reply { is_endless: true, ..Reply::new(200, "x") },
        _ => Reply::new(200, vec![b'x'; 1024 * 1024 + 1]),
    });
    for path in ["bomb", "endless", "large"] {
        let fault = error(&limits(), server.at(path)).await;
        assert!(matches!(fault, Fault::TooLong { limit: 1_048_576, .. }), "{path}: {fault}");
    }
}

#[tokio::test]
async fn bodies_that_are_cut_are_refused() {
    let packed = gzip(&(0..100_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    let cut = packed[..packed.len() / 2].to_vec();
    let server = Server::start(move |ask| match ask.path.as_str() {
        "/packed" => Reply::new(200, cut.clone()).with("Content-Encoding", "gzip"),
        _ => Reply { missing_bytes: 5, ..Reply::new(200, "evil.com") },
    });
    for path in ["packed", "short"] {
        let fault = error(&limits(), server.at(path)).await;
        assert!(matches!(fault, Fault::Broken { .. }), "{path}: {fault}");
    }
}

#[tokio::test]
async fn silence_and_slowness_end() {
    let pause = Some(Duration::from_millis(200));
    let server = Server::start(move |ask| match ask.path.as_str() {
        "/silent" => {
            std::thread::sleep(Duration::from_secs(3));
            Reply::new(200, "")
        }
        "/stalled" => Reply { pause: Some(Duration::from_secs(3)), ..Reply::new(200, "evil.com") },
        _ => Reply { pause, ..Reply::new(200, "x".repeat(100)) },
    });
    let http = Http {
        connect_timeout: Duration::from_millis(1),
        idle_timeout: Duration::from_millis(600),
        total_timeout: Duration::from_secs(2),
        ..limits()
    };
    let http = Http { connect_timeout: Duration::from_millis(500), ..http };
    for (path, setting) in
        [("silent", "idle_timeout"), ("stalled", "idle_timeout"), ("slow", "total_timeout")]
    {
        let text = with_causes(error(&http, server.at(path)).await);
        assert!(text.contains(setting), "{path}: {text}");
    }
}

#[tokio::test]
async fn nobody_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let fault = error(&limits(), url).await;
    assert!(matches!(fault, Fault::Connect { .. }) && !fault.is_permanent());
    let text = with_causes(fault);
    assert!(text.contains("no connection") && text.contains("refused"), "{text}");
}

#[tokio::test]
async fn a_proxy_is_used_where_one_is_set() {
    let proxy = Server::start(|_| Reply::new(200, "evil.com"));
    let http = Http { proxy: Some(proxy.url.clone()), ..limits() };
    get(&http, "http://feeds.example/list".parse().unwrap(), &Auth::None).await.unwrap();
    assert_eq!(proxy.asked()[0].path, "http://feeds.example/list");
}

#[tokio::test]
async fn pages_for_people_are_refused() {
    let server = Server::start(|ask| match ask.path.as_str() {
        "/said" => Reply::new(200, "evil.com").with("Content-Type", "text/HTML; charset=utf-8"),
        "/shown" => Reply::new(200, "\u{feff}\n <!DOCTYPE html><title>Log in"),
        _ => Reply::new(200, "<evil>\n"),
    });
    for (path, is_page) in [("said", true), ("shown", true), ("list", false)] {
        let (_, answer) = get(&limits(), server.at(path), &Auth::None).await.unwrap();
        let refused = answer.refuse_page("a list");
        assert_eq!(refused.is_err(), is_page, "{path}");
        // The body can still be read from its start.
        assert!(answer.body.start(100).unwrap().len() > 5);
    }
}

#[test]
fn files_that_are_no_certificates_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "nothing").unwrap();
    let url = "https://feeds.example/".parse().unwrap();
    let new = |http: &Http, certificate: Option<&ClientCertificate>, auth: &Auth| {
        Fetcher::new(http, &url, auth, certificate, Deadline::of_poll(http))
    };
    let http = Http { ca_files: vec![file.clone()], ..limits() };
    let error = format!("{:#}", new(&http, None, &Auth::None).err().unwrap());
    assert!(error.contains("ca.pem: expected certificates in PEM"), "{error}");
    let pkcs12 = ClientCertificate::Pkcs12 {
        file: file.clone(),
        password: Secret::new("s3cret".to_owned()),
    };
    let error = format!("{:#}", new(&limits(), Some(&pkcs12), &Auth::None).err().unwrap());
    assert!(error.contains("ca.pem, in PKCS#12") && !error.contains("s3cret"), "{error}");
    let both = ClientCertificate::Pem { certificate: file.clone(), key: file };
    let error = format!("{:#}", new(&limits(), Some(&both), &Auth::None).err().unwrap());
    assert!(error.contains("ca.pem") && error.contains("private key"), "{error}");
    let auth = key("a\nb");
    let error = format!("{:#}", new(&limits(), None, &auth).err().unwrap());
    assert!(error.contains("control characters") && !error.contains("a\nb"), "{error}");
}
