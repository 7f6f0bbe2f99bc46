//! Decides which requests may go on: by their rate, the names that they call the server by, the web
//! page that they come from, and their credentials. It also reads their bodies.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::SHA256;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, ORIGIN};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::flare;
use super::limits::Limits;
use super::page::{self, Sessions};
use super::refusal::{Form, Refusal};
use crate::config::{Role, Server};
use crate::service::Service;
use crate::text::clipped;

/// Largest body of a request, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Longest time for the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest part of a request that an answer repeats, in characters.
const MAX_SHOWN: usize = 100;
/// Paths that anybody may ask. Without credentials, their answers have no details.
const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

/// The sender of a request.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) peer: SocketAddr,
    /// SHA-256 digest of the client certificate, which is verified; `None` without one.
    pub(super) certificate: Option<[u8; 32]>,
}

/// A client with its rights.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// Name in the log: of the token, or the certificate's fingerprint.
    pub(super) name: String,
    pub(super) peer: SocketAddr,
    pub(super) role: Role,
}

impl Identity {
    /// Logs a change with the client that asked for it.
    pub(super) fn log(&self, change: &str, detail: &str) {
        tracing::info!(by = self.name, peer = %self.peer, detail, "asked for: {change}");
    }
}

/// The parts that the guard needs.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) service: Arc<Service>,
    pub(super) limits: Arc<Limits>,
    pub(super) sessions: Arc<Sessions>,
}

/// Lets a request go on, with its body read, or refuses it.
pub(super) async fn guard(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Response {
    let form = Form::of(request.uri().path());
    let in_use = guard.service.in_use();
    let caller = request.extensions().get::<Caller>().cloned();
    // The server sets the caller, and a configuration that is reloaded keeps its server.
    let (Some(server), Some(caller)) = (&in_use.config.server, caller) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let judged = guard
        .limits
        .request(caller.peer.ip(), server.max_requests, Instant::now())
        .map_err(|wait| too_many(server, wait))
        .and_then(|()| judge(server, &guard.sessions, &caller, &request));
    let peer = caller.peer;
    let read = match judged {
        Ok(identity) => {
            if let Some(identity) = identity {
                request.extensions_mut().insert(identity);
            }
            read_body(request).await
        }
        Err(refusal) => Err(refusal),
    };
    let response = match read {
        Ok(request) => {
            let (method, path) = (request.method(), request.uri().path());
            tracing::debug!(%peer, %method, path, "request");
            next.run(request).await
        }
        Err(refusal) => {
            tracing::info!(%peer, why = refusal.sentence(), "a request is refused");
            refusal.into_response()
        }
    };
    form.apply(response)
}

fn too_many(server: &Server, wait: Duration) -> Refusal {
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many requests", "your address")
        .expected(
            format!("at most {} requests in a minute (`server.max_requests`)", server.max_requests),
            "more",
        )
        .retry_after(wait.as_secs() + 1)
}

/// Judges the head of a request. Returns who sends it; `None` if nobody proves it, and nobody has
/// to.
fn judge(
    server: &Server,
    sessions: &Sessions,
    caller: &Caller,
    request: &Request,
) -> Result<Option<Identity>, Refusal> {
    check_host(server, request)?;
    check_origin(request)?;
    let path = request.uri().path();
    let identity = match identify(server, caller, request) {
        Err(_) if HEALTH.contains(&path) || page::OPEN.contains(&path) => return Ok(None),
        Err(refusal) if page::is_of_page(path) => {
            sessions.identity(server, caller.peer, request.headers()).ok_or(refusal)?
        }
        identified => identified?,
    };
    if identity.role < needed(request.method(), path) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "not allowed", "the client's role")
            .expected("`write`", format!("`read`, of {}", identity.name)));
    }
    Ok(Some(identity))
}

/// Returns the role that a request needs.
fn needed(method: &Method, path: &str) -> Role {
    let is_reading = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    match is_reading && !flare::CHANGING.contains(&path) || page::OPEN.contains(&path) {
        true => Role::Read,
        false => Role::Write,
    }
}

/// Finds out who sends a request.
fn identify(server: &Server, caller: &Caller, request: &Request) -> Result<Identity, Refusal> {
    let peer = caller.peer;
    if let Some(digest) = &caller.certificate {
        let shown: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("certificate {shown}");
        return Ok(Identity { name, peer, role: server.client_role });
    }
    if !server.is_closed() {
        return Ok(Identity { name: "local".to_owned(), peer, role: Role::Write });
    }
    let given = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes());
    let token = given.and_then(|value| {
        let (scheme, token) = value.split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
    });
    if let Some((name, role)) = token.and_then(|token| known_token(server, token)) {
        return Ok(Identity { name, peer, role });
    }
    let got = match (given, token) {
        (None, _) => "neither",
        (_, None) => "other credentials",
        (_, Some(_)) => "a wrong token",
    };
    let expected = match server.client_ca_files.is_empty() {
        true => "`Bearer` and a token (`server.token`, `server.tokens`)",
        false => "`Bearer` and a token (`server.token`, `server.tokens`), or a client certificate",
    };
    Err(Refusal::new(StatusCode::UNAUTHORIZED, "not authenticated", "header Authorization")
        .expected(expected, got))
}

/// Returns the name and the rights of a token.
fn known_token(server: &Server, token: &[u8]) -> Option<(String, Role)> {
    known_digest(server, &sha256(token))
}

/// Returns the name and the rights of the token with this digest.
pub(super) fn known_digest(server: &Server, given: &[u8; 32]) -> Option<(String, Role)> {
    // Comparing takes the same time, whatever the token is.
    let is_given = |digest: &[u8; 32]| verify_slices_are_equal(digest, given).is_ok();
    if let Some(right) = &server.token
        && is_given(&sha256(right.expose().as_bytes()))
    {
        return Some(("token".to_owned(), Role::Write));
    }
    let known = server.tokens.iter().find(|known| is_given(&known.digest))?;
    Some((known.name.clone(), known.role))
}

/// Returns the SHA-256 digest of some bytes.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&SHA256, bytes).as_ref());
    digest
}

/// Refuses a name that the server is not called by. A web page can have its own name lead to a
/// loopback address, and then send requests as if it were the server's own page.
fn check_host(server: &Server, request: &Request) -> Result<(), Refusal> {
    if !server.listen.ip().is_loopback() {
        return Ok(());
    }
    let authority = host(request);
    let name = authority.as_deref().map(name_of);
    let is_known = |name: &str| {
        let ip = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        name == "localhost"
            || ip.is_ok_and(|ip| ip.is_loopback())
            || server.hosts.iter().any(|known| known == name)
    };
    if name.as_deref().is_some_and(is_known) {
        return Ok(());
    }
    let got = match &authority {
        Some(authority) => format!("{:?}", clipped(authority.as_bytes(), MAX_SHOWN)),
        None => "none".to_owned(),
    };
    Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "unknown name of this server", "header Host")
        .expected("localhost, a loopback address, or one of `server.hosts`", got))
}

/// Refuses what a browser sends on behalf of another server's page.
///
/// A link on another page may lead to this server's page: it changes nothing, and the browser shows
/// it to nobody else.
fn check_origin(request: &Request) -> Result<(), Refusal> {
    let header = |name: &str| request.headers().get(name).map(|value| value.as_bytes());
    let is_link = *request.method() == Method::GET
        && page::is_of_page(request.uri().path())
        && header("Sec-Fetch-Mode") == Some(b"navigate")
        && header("Sec-Fetch-Dest") == Some(b"document");
    if is_link {
        return Ok(());
    }
    let site = header("Sec-Fetch-Site").filter(|site| !matches!(*site, b"none" | b"same-origin"));
    let (place, got) = match (header(ORIGIN.as_str()), site) {
        (Some(origin), _) if !is_own(origin, request) => ("header Origin", origin),
        (_, Some(site)) => ("header Sec-Fetch-Site", site),
        _ => return Ok(()),
    };
    Err(Refusal::new(StatusCode::FORBIDDEN, "a request of another server's page", place)
        .expected("this server, or no such header", format!("{:?}", clipped(got, MAX_SHOWN))))
}

/// Returns whether an origin has the host and port that the request is sent to.
fn is_own(origin: &[u8], request: &Request) -> bool {
    let Ok(origin) = std::str::from_utf8(origin) else { return false };
    let Some((_, authority)) = origin.split_once("://") else { return false };
    host(request).is_some_and(|host| host.eq_ignore_ascii_case(authority))
}

/// Returns the host and port that a request names; `None` if it names none, or several.
fn host(request: &Request) -> Option<String> {
    let mut headers = request.headers().get_all(HOST).iter();
    let (host, more) = (headers.next()?, headers.next());
    // A request line may have a whole URL.
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let host = host.to_str().ok().filter(|_| more.is_none())?;
    authority.is_none_or(|authority| authority == host).then(|| host.to_owned())
}

/// Returns the name in a host and port, in lower case.
fn name_of(authority: &str) -> String {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Reads the body, up to the limits.
async fn read_body(request: Request) -> Result<Request, Refusal> {
    let too_long = || {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body too long", "body")
            .expected(format!("at most {MAX_BODY_BYTES} bytes"), "more")
    };
    let (parts, body) = request.into_parts();
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if length.and_then(|text| text.parse::<u64>().ok()).is_some_and(|n| n > MAX_BODY_BYTES as u64) {
        return Err(too_long());
    }
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY_BYTES)).await {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        // Whatever else went wrong, nobody is there to read the answer.
        Ok(Err(_)) => Err(too_long()),
        Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "body too slow", "body")
            .expected(format!("the whole body within {} s", BODY_TIMEOUT.as_secs()), "a part")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        let mut builder = Request::builder().uri("/checkTaxiiStatus");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(Body::empty()).unwrap()
    }

    fn server(listen: &str) -> Server {
        Server {
            listen: listen.parse().unwrap(),
            certificate: None,
            client_ca_files: Vec::new(),
            token: None,
            tokens: Vec::new(),
            client_role: Role::Write,
            hosts: vec!["proxy.example".to_owned()],
            max_connections: 64,
            max_requests: 600,
            max_wait: Duration::from_secs(1),
        }
    }

    #[test]
    fn on_loopback_only_known_names_of_the_server_are_answered() {
        let local = server("127.0.0.1:8443");
        for host in [
            "localhost",
            "LOCALHOST.:8443",
            "127.0.0.1:8443",
            "127.8.9.1",
            "[::1]:8443",
            "proxy.example:443",
        ] {
            assert!(check_host(&local, &request(&[("Host", host)])).is_ok(), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.0.2.1",
            "xlocalhost",
            "",
            ":8443",
        ] {
            assert!(check_host(&local, &request(&[("Host", host)])).is_err(), "{host}");
        }
        assert!(check_host(&local, &request(&[])).is_err());
        let twice = request(&[("Host", "localhost"), ("Host", "evil.example")]);
        assert!(check_host(&local, &twice).is_err());
        let open = server("192.0.2.1:8443");
        assert!(check_host(&open, &request(&[("Host", "evil.example")])).is_ok());
    }

    #[test]
    fn pages_of_other_servers_send_nothing() {
        let from =
            |name, value| check_origin(&request(&[("Host", "localhost:8443"), (name, value)]));
        for (name, value) in [
            ("Origin", "https://localhost:8443"),
            ("Sec-Fetch-Site", "none"),
            ("Sec-Fetch-Site", "same-origin"),
            ("Accept", "*/*"),
        ] {
            assert!(from(name, value).is_ok(), "{name}: {value}");
        }
        for (name, value) in [
            ("Origin", "https://evil.example"),
            ("Origin", "null"),
            ("Origin", "http://localhost:3000"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
        ] {
            assert!(from(name, value).is_err(), "{name}: {value}");
        }
    }
}
