//! `[server]`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Secret;
use super::credentials::{ClientCertificate, client_certificate};
use super::feed::check_unique;
use super::kinds::{DURATION, FilePath, Plain, TEXT, Words, integer, non_empty};
use super::nested::{TablesOf, list};
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
    /// Tokens that are kept as digests only.
    pub(crate) tokens: Vec<Token>,
    /// The rights of clients that show a certificate.
    pub(crate) client_role: Role,
    /// Names by which clients call the server, in lower case.
    pub(crate) hosts: Vec<String>,
    pub(crate) max_connections: u32,
    /// From one address, in a minute.
    pub(crate) max_requests: u32,
    /// Longest time that a request waits for its round.
    pub(crate) max_wait: Duration,
}

/// The rights of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Read,
    /// Reads, and changes things.
    Write,
}

/// A client's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Name of the client in the log.
    pub(crate) name: String,
    /// SHA-256 digest of the token.
    pub(crate) digest: [u8; 32],
    pub(crate) role: Role,
}

impl Server {
    /// Returns whether clients can prove who they are by a token.
    pub(crate) fn has_tokens(&self) -> bool {
        self.token.is_some() || !self.tokens.is_empty()
    }

    /// Returns whether requests must prove who sends them.
    pub(crate) fn is_closed(&self) -> bool {
        self.has_tokens() || !self.client_ca_files.is_empty()
    }
}

fields! {
    /// The HTTP server of `run` ([operations.md](operations.md#the-http-server)). On a loopback
    /// address it may speak plain HTTP and need no credentials. On any other, TLS is required, and
    /// `token`, `tokens` or `client_ca_files`.
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
        /// `token` and `tokens`, a client without a certificate gets no connection.
        #[setting(list(FilePath, "paths"), default = [], example = ["/etc/ssl/office-ca.pem"])]
        client_ca_files: Vec<PathBuf>,

        /// Token of clients that show no certificate. They send `Authorization: Bearer TOKEN`, and
        /// may read and change everything.
        #[setting(SecretPlace, optional, example = { file = "/run/secrets/threatsieve" })]
        token: Option<Secret>,

        /// Further tokens, each with its own name and rights; see `server.tokens`.
        #[setting(TablesOf(&TokenSettings::TABLE), default = [], example = [{
            name = "prometheus",
            sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            role = "read",
        }])]
        tokens: Vec<Reader<'a>>,

        /// Rights of clients that show a certificate: `read`, or `write`, which includes reading.
        #[setting(Words(&ROLES), default = "write", example = "read")]
        client_role: Role,

        /// Names by which clients may call a server on a loopback address, besides `localhost` and
        /// loopback addresses. A proxy in front of it may need one.
        #[setting(list(HOST, "host names"), default = [], example = ["threatsieve.example.org"])]
        hosts: Vec<String>,

        /// Largest number of connections at once. One address gets a quarter of them. An open page
        /// needs two.
        #[setting(integer::<u32>(4, 10_000, "connections"), default = 256, example = 1000)]
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

const ROLES: [(&str, Role); 2] = [("read", Role::Read), ("write", Role::Write)];

fields! {
    /// A token of the HTTP server, as its digest. So reading the configuration does not give the
    /// token away. A token is random text of at least 16 characters: `openssl rand -hex 24`
    /// makes one, and `printf %s TOKEN | sha256sum` its digest.
    #[heading = "[[server.tokens]]"]
    struct TokenSettings<'a> {
        /// Name of the client in the log; unique.
        #[setting(TEXT, required, example = "prometheus")]
        name: String,

        /// SHA-256 digest of the token, in hexadecimal.
        #[setting(
            DIGEST,
            required,
            example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        )]
        sha256: [u8; 32],

        /// Rights: `read`, or `write`, which includes reading.
        #[setting(Words(&ROLES), required, example = "read")]
        role: Role,
    }
}

const DIGEST: Plain<[u8; 32]> = Plain {
    name: "SHA-256 digest",
    expected: "64 hexadecimal digits",
    parse: |value| {
        let text = value.as_str()?;
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let byte = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
        bytes?.try_into().ok()
    },
};

fn tokens(tables: &[Reader<'_>]) -> Option<Vec<Token>> {
    let all: Vec<TokenSettings<'_>> = tables.iter().map(TokenSettings::read).collect();
    check_unique(all.iter().map(|settings| &settings.name));
    let token = |settings: TokenSettings<'_>| {
        let TokenSettings { name, sha256, role } = settings;
        Some(Token { name: name.value?, digest: sha256.value?, role: role.value? })
    };
    // All are read, for the problems of each.
    let all: Vec<Option<Token>> = all.into_iter().map(token).collect();
    all.into_iter().collect()
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
    let has_tokens = settings.tokens.value.as_ref().is_none_or(|tokens| !tokens.is_empty());
    let is_closed = settings.token.place.is_given || has_tokens || asks_certificates;
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
                "expected `token`, `tokens` or `client_ca_files` alongside it, got none: {ip} can \
                 be reached from other machines"
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
        tokens: tokens(&settings.tokens.value?)?,
        client_role: settings.client_role.value?,
        hosts: settings.hosts.value?,
        max_connections: settings.max_connections.value?,
        max_requests: settings.max_requests.value?,
        max_wait: settings.max_wait.value?,
    })
}
