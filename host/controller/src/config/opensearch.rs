//! `[opensearch]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use url::Url;

use super::credentials::{
    Auth, ClientCertificate, basic, check_encrypted, check_one_way, client_certificate,
};
use super::kinds::{BOOLEAN, DURATION, FilePath, HttpUrl, Plain, SIZE, TEXT, Words, integer};
use super::load::parse;
use super::nested::{TableOf, list, non_empty_list};
use super::reader::{Field, Reader};
use super::secret::SecretPlace;
use super::{Config, ConfigError, Secret};

/// The cluster whose ingest nodes match events.
#[derive(Debug, Clone)]
pub(crate) struct OpenSearch {
    /// Nodes of one cluster, tried in turn; at least one.
    pub(crate) hosts: Vec<Url>,
    /// Rounds push new generations.
    pub(crate) push: bool,
    /// None, basic, or a header.
    pub(crate) auth: Auth,
    pub(crate) client_certificate: Option<ClientCertificate>,
    /// Certificates (PEM) of authorities to trust in addition to the system's.
    pub(crate) ca_files: Vec<PathBuf>,
    /// Longest wait for the first answer of a host.
    pub(crate) connect_timeout: Duration,
    /// Longest time for one request with its answer.
    pub(crate) timeout: Duration,
    /// Longest time that a push waits for nodes to load.
    pub(crate) node_timeout: Duration,
    /// Largest blacklist sent in one request.
    pub(crate) max_request_bytes: u64,
    /// The indices whose events are followed and matched again.
    pub(crate) backfill: Option<Backfill>,
}

fields! {
    /// The OpenSearch cluster whose ingest nodes match events with the plugin. The connection is
    /// direct, without a proxy. The blacklist has the same name there as here.
    #[heading = "[opensearch]"]
    struct OpenSearchSettings<'a> {
        /// Nodes of one cluster, tried in turn. URLs without credentials.
        #[setting(
            non_empty_list(HttpUrl, "URLs"),
            required,
            example = ["https://node1.example.org:9200", "https://node2.example.org:9200"]
        )]
        hosts: Vec<Url>,

        /// Push each new generation in `poll` and `run`. Otherwise only `threatsieve push` pushes.
        #[setting(BOOLEAN, default = true, example = false)]
        push: bool,

        /// User name for basic authentication; needs `password`.
        #[setting(TEXT, optional, example = "threatsieve")]
        user: Option<String>,

        /// Password for basic authentication; needs `user`.
        #[setting(SecretPlace, optional, example = { file = "/run/secrets/opensearch" })]
        password: Option<Secret>,

        /// API key, encoded as the server returned it. Sent as `Authorization: ApiKey ...`.
        #[setting(SecretPlace, optional, example = { env = "OPENSEARCH_API_KEY" })]
        api_key: Option<Secret>,

        /// Certificate (PEM) to show to the server; needs `client_key`.
        #[setting(FilePath, optional, example = "client.pem")]
        client_certificate: Option<PathBuf>,

        /// Private key (PEM) of the certificate; needs `client_certificate`.
        #[setting(FilePath, optional, example = "client.key")]
        client_key: Option<PathBuf>,

        /// Certificate with its private key in a PKCS#12 file (`.p12`, `.pfx`), instead of the two
        /// PEM files; needs `client_keystore_password`.
        #[setting(FilePath, optional, example = "client.p12")]
        client_keystore: Option<PathBuf>,

        /// Password of the PKCS#12 file.
        #[setting(SecretPlace, optional, example = { env = "OPENSEARCH_KEYSTORE_PASSWORD" })]
        client_keystore_password: Option<Secret>,

        /// Certificates (PEM) of authorities to trust in addition to the system's.
        #[setting(list(FilePath, "paths"), default = [], example = ["/etc/ssl/office-ca.pem"])]
        ca_files: Vec<PathBuf>,

        /// Longest wait for the first answer of a host. After that, the next host is tried.
        #[setting(DURATION, default = "10s", example = "3s")]
        connect_timeout: Duration,

        /// Longest time for one request with its answer.
        #[setting(DURATION, default = "2m", example = "5m")]
        timeout: Duration,

        /// Longest time that a push waits for nodes to load. Slower nodes continue by themselves,
        /// and the next round checks them again.
        #[setting(DURATION, default = "60s", example = "3m")]
        node_timeout: Duration,

        /// Largest blacklist sent in one request. A larger one is sent in parts. Must be less than
        /// the server's `http.max_content_length`.
        #[setting(SIZE, default = "64MiB", example = "16MiB")]
        max_request: u64,

        /// Indices whose stored events are matched again, and whose flagged events are reported;
        /// see `[opensearch.backfill]`.
        #[setting(
            TableOf(&Backfill::TABLE),
            optional,
            example = { indices = ["proxy-*", "dns"] }
        )]
        backfill: Option<Reader<'a>>,
    }
}

settings! {
    /// Stored events of the cluster. Their flags are written with `output.flag_field`,
    /// `output.flag_value` and `output.max_tlp`; `history.window` says how far back they are
    /// matched. Needs the index of `threatsieve opensearch template --put`.
    #[heading = "[opensearch.backfill]"]
    pub(crate) struct Backfill {
        /// Indices, data streams and aliases, by name or pattern.
        #[setting(
            non_empty_list(TEXT, "names or patterns"),
            required,
            example = ["proxy-*", "dns"]
        )]
        pub(crate) indices: Vec<String>,

        /// Place where new events are matched: the ingest pipelines of these indices with the
        /// plugin, or the controller in each round.
        #[setting(
            Words(&[("pipeline", CheckedBy::Pipeline), ("controller", CheckedBy::Controller)]),
            default = "pipeline",
            example = "controller"
        )]
        pub(crate) new_events: CheckedBy,

        /// Fields to match, by their dotted names. Without it, all known fields (docs/logs.md).
        #[setting(
            list(TEXT, "names of fields"),
            optional,
            example = ["url.domain", "destination.ip"]
        )]
        pub(crate) fields: Option<Vec<String>>,

        /// Way to find events. `auto` takes the cheapest; see docs/backfill.md.
        #[setting(
            Words(&[
                ("auto", None),
                ("query", Some(Way::Query)),
                ("values", Some(Way::Values)),
                ("scan", Some(Way::Scan)),
            ]),
            default = "auto",
            example = "scan"
        )]
        pub(crate) way: Option<Way>,

        /// Most events read in a second; 0 for no limit.
        #[setting(integer::<u32>(0, 10_000_000, "events"), default = 0, example = 5000)]
        pub(crate) rate: u32,

        /// Part of the time in which the cluster works on a request of a backfill, in percent.
        /// After each request comes a pause, so that indexing and searches keep their speed; 100
        /// for no pauses.
        #[setting(integer::<u32>(1, 100, "percent"), default = 20, example = 100)]
        pub(crate) busy_percent: u32,

        /// Longest time that one round matches stored events. The next round continues.
        #[setting(DURATION, default = "10m", example = "5m")]
        pub(crate) budget: Duration,

        /// Link to an event in alerts, with `{index}` and `{id}`.
        #[setting(
            LINK,
            optional,
            example = "https://dashboards.example.org/app/discover#/doc/proxy/{index}?id={id}"
        )]
        pub(crate) link: Option<String>,
    }
}

/// The place where new events are matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckedBy {
    Pipeline,
    Controller,
}

/// The ways to find events that may match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    /// The plugin's query, which walks the values of the index.
    Query,
    /// The values of the index, matched here.
    Values,
    /// All events, matched here.
    Scan,
}

impl Way {
    pub(crate) const ALL: [Way; 3] = [Way::Query, Way::Values, Way::Scan];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Query => "query",
            Way::Values => "values",
            Way::Scan => "scan",
        }
    }
}

/// The link to an event.
const LINK: Plain<String> = Plain {
    name: "URL with `{index}` and `{id}`",
    expected: "a URL (http or https) with `{index}` and `{id}`",
    parse: |value| {
        let text = value.as_str()?;
        let is_url =
            matches!(Url::parse(text), Ok(url) if matches!(url.scheme(), "http" | "https"));
        (is_url && text.contains("{index}") && text.contains("{id}")).then(|| text.to_owned())
    },
};

pub(super) fn opensearch(table: &Reader<'_>, allow_plain_http: bool) -> Option<OpenSearch> {
    let settings = OpenSearchSettings::read(table);
    let auth = auth(settings.user, settings.password, settings.api_key);
    let client_certificate = client_certificate(
        settings.client_certificate,
        settings.client_key,
        settings.client_keystore,
        settings.client_keystore_password,
    );
    if let (Some(hosts), Some(auth), false) = (&settings.hosts.value, &auth, allow_plain_http) {
        check_encrypted(&settings.hosts.place, hosts, auth);
    }
    let backfill = match settings.backfill.value? {
        Some(table) => Backfill::read(&table).map(Some),
        None => Some(None),
    };
    Some(OpenSearch {
        hosts: settings.hosts.value?,
        push: settings.push.value?,
        auth: auth?,
        client_certificate: client_certificate?,
        ca_files: settings.ca_files.value?,
        connect_timeout: settings.connect_timeout.value?,
        timeout: settings.timeout.value?,
        node_timeout: settings.node_timeout.value?,
        max_request_bytes: settings.max_request.value?,
        backfill: backfill?,
    })
}

/// Makes a configuration of hosts from the command line, with the checks of a file and with
/// defaults for everything else.
pub(crate) fn of_hosts(hosts: &[String], ca_files: &[PathBuf]) -> Result<Config, ConfigError> {
    // A list of strings in JSON is one in TOML, too.
    let (hosts, ca_files) = (json!(hosts), json!(ca_files));
    let text = format!("state = \"none\"\n[opensearch]\nhosts = {hosts}\nca_files = {ca_files}\n");
    Ok(parse("--host", &text, Path::new(""))?.config)
}

/// Returns the credentials. A client certificate can come in addition: the server decides which
/// of them it uses.
fn auth(
    user: Field<'_, Option<String>>,
    password: Field<'_, Option<Secret>>,
    api_key: Field<'_, Option<Secret>>,
) -> Option<Auth> {
    check_one_way(&[&user.place, &api_key.place]);
    let basic = basic(user, password);
    Some(match (basic?, api_key.value?) {
        (Some((user, password)), _) => Auth::Basic { user, password },
        (None, Some(key)) => Auth::Header {
            name: "Authorization".to_owned(),
            value: Secret::new(format!("ApiKey {}", key.expose())),
        },
        (None, None) => Auth::None,
    })
}
