//! The HTTP server of `run`.
//!
//! [`start`] listens and holds connections to their limits ([`limits`]). Each request passes
//! [`guard`], which decides whether it may go on, and then reaches its route ([`routes`]). The
//! answers come from the [`Service`], which also lends the state to requests.

mod api;
mod body;
mod flare;
mod guard;
mod health;
mod limits;
mod metrics;
mod page;
mod paging;
mod parameters;
mod refusal;
mod routes;
mod times;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use self::guard::{Caller, sha256};
use self::limits::{Connected, Limits};
use crate::config::Server;
use crate::service::Service;

/// Longest time for a TLS handshake, and for the head of a request. A connection that waits for its
/// next request is closed after it, too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Maximum number of headers of a request.
const MAX_HEADERS: usize = 64;
/// Time for which a connection is used. After that, it ends with its present request.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(60 * 60);
/// Time after a failure to accept a connection: the process may have too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time that requests have to end when the program ends.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// The running server. It has a thread of its own, because a round keeps the threads of the network
/// busy while it stores a delivery.
pub(crate) struct Serving {
    runtime: Runtime,
    accepting: JoinHandle<()>,
}

/// Starts the server, if one is configured. Its address is free of use after this, or the program
/// cannot start.
pub(crate) fn start(service: &Arc<Service>) -> anyhow::Result<Option<Serving>> {
    let in_use = service.in_use();
    let Some(Server { listen, .. }) = in_use.config.server else { return Ok(None) };
    let mut builder = Builder::new_multi_thread();
    let builder = builder.worker_threads(1).thread_name("serve").enable_all();
    let runtime = builder.build().context("cannot start a thread for the server")?;
    let listener = runtime
        .block_on(TcpListener::bind(listen))
        .with_context(|| format!("server.listen: cannot listen on {listen}"))?;
    let scheme = if in_use.tls.is_some() { "https" } else { "http" };
    let address = listener.local_addr().context("server.listen")?;
    tracing::info!("serving {scheme}://{address}");
    let accepting = runtime.spawn(accept(listener, Arc::clone(service)));
    Ok(Some(Serving { runtime, accepting }))
}

impl Serving {
    /// Waits for requests to end, but not for long. A stop must be requested before.
    pub(crate) fn end(self) {
        let Serving { runtime, accepting } = self;
        _ = runtime.block_on(async { tokio::time::timeout(END_TIMEOUT, accepting).await });
        runtime.shutdown_background();
    }
}

/// Accepts connections until a stop is requested, and then waits for those that are open.
async fn accept(listener: TcpListener, service: Arc<Service>) {
    let limits = Arc::new(Limits::default());
    let router = routes::router(&service, &limits);
    let mut connections = JoinSet::new();
    let mut is_full = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = service.stop().requested() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(error = error.to_string(), "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let max = service.in_use().config.server.as_ref().map_or(0, |one| one.max_connections);
        let connected = limits.connect(peer.ip(), max as usize);
        if connected.is_none() && !is_full {
            tracing::warn!(%peer, "too many connections; further ones are closed");
        }
        is_full = connected.is_none();
        if let Some(connected) = connected {
            connections.spawn(connection(
                stream,
                peer,
                connected,
                router.clone(),
                Arc::clone(&service),
            ));
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection to its end.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    _connected: Connected,
    router: Router,
    service: Arc<Service>,
) {
    let in_use = service.in_use();
    let Some(tls) = &in_use.tls else {
        return requests(stream, Caller { peer, certificate: None }, router, &service).await;
    };
    let accepting = TlsAcceptor::from(Arc::clone(tls)).accept(stream);
    match tokio::time::timeout(HEAD_TIMEOUT, accepting).await {
        Ok(Ok(stream)) => {
            // The handshake has verified it.
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let certificate = shown.map(|certificate| sha256(certificate));
            requests(stream, Caller { peer, certificate }, router, &service).await;
        }
        Ok(Err(error)) => {
            tracing::info!(%peer, error = error.to_string(), "a TLS connection is refused");
        }
        Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
    }
}

/// Answers the requests of a connection, until one of the two sides ends it. A stop and a new
/// configuration end it after its present request.
async fn requests<S>(stream: S, caller: Caller, router: Router, service: &Service)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut configurations = service.configurations();
    let peer = caller.peer;
    let route = TowerToHyperService::new(router);
    let answer = hyper::service::service_fn(move |mut request: hyper::Request<_>| {
        request.extensions_mut().insert(caller.clone());
        hyper::service::Service::call(&route, request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    let is_over = async {
        tokio::select! {
            () = service.stop().requested() => {}
            _ = configurations.changed() => {}
            () = tokio::time::sleep(MAX_CONNECTION_AGE) => {}
        }
    };
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = is_over => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error = error.to_string(), "a connection ended");
    }
}
