//! `[server]`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Secret;
use super::credentials::{ClientCertificate, client_certificate};
use super::kinds::{DURATION, FilePath, Plain, integer, non_empty};
use super::nested::list;
use super::reader::Reader;
use super::secret::SecretPlace;

/// Fewest characters of a token that is not warned about.
const SHORT_TOKEN: usize = 16;

/// The HTTP server of `run`.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) listen: SocketAddr,
    /// The server's certificate with its key. Without one, the server speaks plain HTTP.
    pub(crate) certificate: Option<ClientCertificate>,
    /// Certificates (PEM) of authorities. A client proves who it is with a certificate of theirs.
    pub(crate) client_ca_files: Vec<PathBuf>,
    pub(crate) token: Option<Secret>,
    /// Names by which clients call the server, in lower case.
    pub(crate) hosts: Vec<String>,
    pub(crate) max_connections: u32,
    /// From one address, in a minute.
    pub(crate) max_requests: u32,
    /// Longest time that a request waits for its round.
    pub(crate) max_wait: Duration,
}

impl Server {
    /// Returns whether requests must prove who sends them.
    pub(crate) fn is_closed(&self) -> bool {
        self.token.is_some() || !self.client_ca_files.is_empty()
    }
}

fields! {
    /// The HTTP server of `run` ([operations.md](operations.md#the-http-server)). On a loopback
    /// address it may speak plain HTTP and need no credentials. On any other, TLS is required, and
    /// `token` or `client_ca_files`.
    #[heading = "[server]"]
    struct ServerSettings<'a> {
        /// IP address and port. A change takes effect when the program starts again.
        #[setting(ADDRESS, default = "127.0.0.1:8443", example = "192.0.2.10:8443")]
        listen: SocketAddr,

        /// The server's certificate (PEM) with those of its issuers; needs `key`.
        #[setting(FilePath, optional, example = "server.pem")]
        certificate: Option<PathBuf>,

        /// Private key (PEM) of the certificate; needs `certificate`.
        #[setting(FilePath, optional, example = "server.key")]
        key: Option<PathBuf>,

        /// Certificate with its private key in a PKCS#12 file (`.p12`, `.pfx`), instead of the two
        /// PEM files; needs `keystore_password`.
        #[setting(FilePath, optional, example = "server.p12")]
        keystore: Option<PathBuf>,

        /// Password of the PKCS#12 file.
        #[setting(SecretPlace, optional, example = { env = "SERVER_KEYSTORE_PASSWORD" })]
        keystore_password: Option<Secret>,

        /// Certificates (PEM) of authorities whose clients may make requests (two-way TLS). Without
        /// `token`, a client without a certificate gets no connection.
        #[setting(list(FilePath, "paths"), default = [], example = ["/etc/ssl/office-ca.pem"])]
        client_ca_files: Vec<PathBuf>,

        /// Token of clients that show no certificate. They send `Authorization: Bearer TOKEN`.
        #[setting(SecretPlace, optional, example = { file = "/run/secrets/threatsieve" })]
        token: Option<Secret>,

        /// Names by which clients may call a server on a loopback address, besides `localhost` and
        /// loopback addresses. A proxy in front of it may need one.
        #[setting(list(HOST, "host names"), default = [], example = ["threatsieve.example.org"])]
        hosts: Vec<String>,

        /// Largest number of connections at once. One address gets a quarter of them.
        #[setting(integer::<u32>(4, 10_000, "connections"), default = 64, example = 200)]
        max_connections: u32,

        /// Largest number of requests from one address in a minute.
        #[setting(integer::<u32>(1, 1_000_000, "requests"), default = 600, example = 60)]
        max_requests: u32,

        /// Longest time that a request for a poll waits until its round is done. A round that began
        /// goes on without the request.
        #[setting(DURATION, default = "10m", example = "2m")]
        max_wait: Duration,
    }
}

const ADDRESS: Plain<SocketAddr> = Plain {
    name: "address and port",
    expected: "an IP address and a port (\"127.0.0.1:8443\", \"[::1]:8443\")",
    parse: |value| value.as_str()?.parse().ok(),
};

const HOST: Plain<String> = Plain {
    name: "host name",
    expected: "a host name without a port",
    parse: |value| {
        let name = non_empty(value)?;
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        name.bytes().all(is_part).then(|| name.trim_end_matches('.').to_ascii_lowercase())
    },
};

pub(super) fn server(table: &Reader<'_>) -> Option<Server> {
    let settings = ServerSettings::read(table);
    let (listen, authorities) = (settings.listen, settings.client_ca_files);
    let is_encrypted = settings.certificate.place.is_given || settings.keystore.place.is_given;
    let asks_certificates = authorities.value.as_ref().is_none_or(|files| !files.is_empty());
    let is_closed = settings.token.place.is_given || asks_certificates;
    if asks_certificates && !is_encrypted {
        authorities.place.problem(
            "expected a certificate of the server with it (`certificate` and `key`, or \
             `keystore`), got none: without TLS, clients show no certificates",
        );
    }
    if let Some(address) = listen.value.filter(|address| !address.ip().is_loopback()) {
        let ip = address.ip();
        if !is_encrypted {
            listen.place.problem(format!(
                "expected `certificate` and `key`, or `keystore`, alongside it, got neither: \
                 {ip} can be reached from other machines"
            ));
        }
        if !is_closed {
            listen.place.problem(format!(
                "expected `token` or `client_ca_files` alongside it, got neither: {ip} can be \
                 reached from other machines"
            ));
        }
    }
    if let Some(Some(token)) = &settings.token.value
        && token.expose().len() < SHORT_TOKEN
    {
        let text = format!("a token of fewer than {SHORT_TOKEN} characters can be guessed");
        settings.token.place.warn(&text);
    }
    let certificate = client_certificate(
        settings.certificate,
        settings.key,
        settings.keystore,
        settings.keystore_password,
    );
    Some(Server {
        listen: listen.value?,
        certificate: certificate?,
        client_ca_files: authorities.value?,
        token: settings.token.value?,
        hosts: settings.hosts.value?,
        max_connections: settings.max_connections.value?,
        max_requests: settings.max_requests.value?,
        max_wait: settings.max_wait.value?,
    })
}
