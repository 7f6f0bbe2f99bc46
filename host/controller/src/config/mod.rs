//! The configuration: one TOML file, checked as a whole before anything starts.

use std::path::PathBuf;
use std::time::Duration;

use threatsieve_blacklist::{Policy, Timestamp, Tlp, UrlMode};
use threatsieve_feed::FeedFormat;
use threatsieve_log::{Fields, Format};
use url::Url;

use crate::sinks::Access;

mod alerts;
mod feed;
mod load;
mod opensearch;
mod problem;
mod reader;
mod secret;
pub(crate) mod settings;
mod shown;
#[cfg(test)]
mod tests;

pub(crate) use load::{ConfigError, Loaded, feed_of_url, load};
pub(crate) use opensearch::of_hosts;
pub(crate) use secret::Secret;

/// What the file says, checked: paths are absolute or relative to the file's folder, names are unique.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Folder of the state: the database, blacklists, the lock.
    pub(crate) state: PathBuf,
    pub(crate) schedule: Schedule,
    pub(crate) http: Http,
    pub(crate) feeds: Vec<Feed>,
    pub(crate) blacklist: BlacklistConfig,
    /// Which matches count.
    pub(crate) policy: Policy,
    pub(crate) logs: Vec<LogSource>,
    pub(crate) history: History,
    pub(crate) output: Output,
    pub(crate) alerts: Option<Alerts>,
    pub(crate) opensearch: Option<OpenSearch>,
    pub(crate) health: Health,
    pub(crate) retention: Retention,
    pub(crate) logging: Logging,
}

/// Limits beyond which something counts as wrong.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    /// Time that a feed may fail before it counts as dead.
    pub(crate) feed_dead_after: Duration,
    /// Time that a mail or a push may wait before its queue counts as stuck.
    pub(crate) stuck_after: Duration,
    /// Largest step of the clock from one round to the next that is believed at once.
    pub(crate) max_clock_jump: Duration,
}

/// Ages and numbers beyond which the state forgets.
#[derive(Debug, Clone)]
pub(crate) struct Retention {
    /// Rejections kept of each feed's deliveries, and of each feed in the last build.
    pub(crate) rejections: u32,
    /// Flagged events kept.
    pub(crate) events: u32,
    /// Age of mails that were sent or given up.
    pub(crate) mails: Duration,
    /// Generations whose blacklists are kept, the one in use among them.
    pub(crate) generations: u32,
    /// Reports of rounds kept.
    pub(crate) rounds: u32,
}

/// When `run` starts a round.
#[derive(Debug, Clone)]
pub(crate) enum Schedule {
    /// So long after the last one started.
    Every(Duration),
    /// At the times of a cron expression, in the machine's time zone.
    Cron(Box<croner::Cron>),
}

/// Limits of every HTTP request, and how it leaves the machine.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    pub(crate) connect_timeout: Duration,
    /// Longest silence while a body is read.
    pub(crate) idle_timeout: Duration,
    /// Longest time for one request with its body.
    pub(crate) total_timeout: Duration,
    /// Longest time that a round spends on polling.
    pub(crate) poll_timeout: Duration,
    /// Objects of a collection that are stored at once, but for the rest of the page that reaches
    /// it.
    pub(crate) max_poll_objects: u32,
    /// Most bytes of one body, unpacked.
    pub(crate) max_body_bytes: u64,
    /// Schemes, hosts and ports that other servers may lead to, though they are not public.
    pub(crate) allow_redirects_to: Vec<Url>,
    /// `None` takes what the environment says (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
    pub(crate) proxy: Option<Url>,
    /// Certificates (PEM) of authorities trusted beside the system's.
    pub(crate) ca_files: Vec<PathBuf>,
    pub(crate) user_agent: String,
}

/// Where indicators come from.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) role: FeedRole,
    /// Shortest time between two polls; a round before that leaves the feed alone.
    pub(crate) every: Option<Duration>,
    /// For indicators that say none.
    pub(crate) confidence: Option<u8>,
    /// For indicators that carry no marking.
    pub(crate) tlp: Option<Tlp>,
    pub(crate) url_mode: UrlMode,
    /// How it is read; `None` to tell it by the content.
    pub(crate) format: Option<FeedFormat>,
    /// An indicator that names a port matches only events with that port.
    pub(crate) match_port: bool,
    /// It may hold no indicator even when it is polled for the first time.
    pub(crate) may_be_empty: bool,
    pub(crate) hold: Hold,
}

/// What a feed's values do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeedRole {
    Block,
    Allow,
}

/// When what a feed delivers is held back instead of taken.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    /// Largest share of its active indicators that may leave at once, 0 to 1.
    pub(crate) max_shrink: f64,
    /// Values that it always has to list.
    pub(crate) canaries: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Origin {
    Taxii(TaxiiFeed),
    Url(UrlFeed),
    /// A file, or a folder of files, of lists or STIX.
    Path(PathBuf),
}

/// A TAXII 2.1 collection.
#[derive(Debug, Clone)]
pub(crate) struct TaxiiFeed {
    /// Discovery, API root or collection URL.
    pub(crate) url: Url,
    /// The collection's id, alias or title; `None` where the URL names it already, or where the API root has but one that can be read.
    pub(crate) collection: Option<String>,
    pub(crate) auth: Auth,
    pub(crate) client_certificate: Option<ClientCertificate>,
    /// Objects asked for in one request.
    pub(crate) page_objects: u32,
    /// How much of what was added before the last poll is asked for again.
    pub(crate) overlap: Duration,
    /// Objects older than this are not asked for at the first poll; `None` for all.
    pub(crate) since: Option<threatsieve_blacklist::Timestamp>,
}

/// A list, a bundle or an envelope behind a URL.
#[derive(Debug, Clone)]
pub(crate) struct UrlFeed {
    pub(crate) url: Url,
    pub(crate) auth: Auth,
    pub(crate) client_certificate: Option<ClientCertificate>,
}

#[derive(Debug, Clone)]
pub(crate) enum Auth {
    None,
    Basic {
        user: String,
        password: Secret,
    },
    Bearer(Secret),
    /// An API key in a header of that name.
    Header {
        name: String,
        value: Secret,
    },
}

/// PEM files.
#[derive(Debug, Clone)]
pub(crate) struct ClientCertificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What is compiled, and when a result is not trusted.
#[derive(Debug, Clone)]
pub(crate) struct BlacklistConfig {
    pub(crate) name: String,
    pub(crate) accept_special: bool,
    pub(crate) accept_broad: bool,
    /// Largest share of its entries that may leave from one generation to the next, 0 to 1.
    pub(crate) max_shrink: f64,
    /// Values that every generation has to match.
    pub(crate) canaries: Vec<String>,
    pub(crate) sign_key: Option<PathBuf>,
}

/// Logs that are followed.
#[derive(Debug, Clone)]
pub(crate) struct LogSource {
    pub(crate) name: String,
    /// Files, folders, or patterns of such (`/var/log/squid/access.log*`).
    pub(crate) paths: Vec<String>,
    /// `None` to tell each file's by its first lines.
    pub(crate) format: Option<Format>,
    pub(crate) fields: Fields,
}

/// How far back, and for how long, logs are matched again for new indicators.
#[derive(Debug, Clone)]
pub(crate) struct History {
    /// Lines older than this are not matched, neither when first met nor again.
    pub(crate) window: Duration,
    /// Longest time of one round that is spent on history; the rest waits for the next.
    pub(crate) budget: Duration,
}

impl History {
    /// The start of the window.
    pub(crate) fn oldest(&self, now: Timestamp) -> Timestamp {
        let window = i64::try_from(self.window.as_micros()).unwrap_or(i64::MAX);
        Timestamp(now.0.saturating_sub(window))
    }
}

/// Where flagged events go.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// NDJSON, appended to.
    pub(crate) file: PathBuf,
    /// Mode and group of that file.
    pub(crate) access: Access,
    /// The flag's field; `None` writes none.
    pub(crate) flag_field: Option<String>,
    pub(crate) flag_value: String,
    /// The strictest marking that may be written into events.
    pub(crate) max_tlp: Tlp,
}

/// Who is told, and how.
#[derive(Debug, Clone)]
pub(crate) struct Alerts {
    pub(crate) from: String,
    pub(crate) recipients: Vec<Recipient>,
    /// Addresses that get mails about the service itself; empty for all recipients'.
    pub(crate) operators: Vec<String>,
    pub(crate) transport: Transport,
    /// Indicators and source hosts shown in one mail; more are counted.
    pub(crate) max_groups: usize,
    /// Example events shown for one indicator.
    pub(crate) max_examples: usize,
    /// How long a mail that cannot be delivered is tried again.
    pub(crate) give_up_after: Duration,
}

impl Alerts {
    /// Addresses that get mails about the service itself, each once.
    pub(crate) fn operators(&self) -> Vec<&str> {
        let mut all: Vec<&str> = match &self.operators[..] {
            [] => self.recipients.iter().map(|recipient| recipient.address.as_str()).collect(),
            operators => operators.iter().map(String::as_str).collect(),
        };
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The strictest marking that an address may see; `None` for one that gets no mails.
    pub(crate) fn ceiling(&self, address: &str) -> Option<Tlp> {
        let recipient = self.recipients.iter().find(|recipient| recipient.address == address);
        let operator = self.operators.iter().find(|operator| *operator == address);
        recipient.map(|recipient| recipient.max_tlp).or(operator.map(|_| Tlp::Clear))
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub(crate) address: String,
    /// The strictest marking that this reader may see.
    pub(crate) max_tlp: Tlp,
}

#[derive(Debug, Clone)]
pub(crate) enum Transport {
    /// One `.eml` file a mail.
    Folder(PathBuf),
    Smtp(Smtp),
}

#[derive(Debug, Clone)]
pub(crate) struct Smtp {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: SmtpTls,
    /// With [`SmtpTls::None`], a server beyond this machine is taken too.
    pub(crate) allow_plaintext: bool,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    /// Certificates (PEM) of authorities trusted beside the system's.
    pub(crate) ca_files: Vec<PathBuf>,
    /// Longest wait for an answer.
    pub(crate) timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SmtpTls {
    /// RFC 3207; a server that does not offer it is refused.
    StartTls,
    /// RFC 8314 section 3.3.
    Implicit,
    /// For servers on this machine.
    None,
}

/// The cluster whose ingest nodes match events.
#[derive(Debug, Clone)]
pub(crate) struct OpenSearch {
    /// Nodes of one cluster, tried in turn; at least one.
    pub(crate) hosts: Vec<Url>,
    /// New generations are pushed in rounds.
    pub(crate) push: bool,
    /// None, basic, or a header.
    pub(crate) auth: Auth,
    pub(crate) client_certificate: Option<ClientCertificate>,
    /// Certificates (PEM) of authorities trusted beside the system's.
    pub(crate) ca_files: Vec<PathBuf>,
    /// Longest wait for a host's first answer.
    pub(crate) connect_timeout: Duration,
    /// Longest time for one request with its answer.
    pub(crate) timeout: Duration,
    /// How long a push waits for the nodes to load.
    pub(crate) node_timeout: Duration,
    /// Largest blacklist sent in one request.
    pub(crate) max_request_bytes: u64,
}

#[cfg(test)]
impl Health {
    pub(crate) fn for_tests() -> Health {
        let hour = Duration::from_secs(60 * 60);
        Health { feed_dead_after: 24 * hour, stuck_after: hour, max_clock_jump: 24 * hour }
    }
}

#[cfg(test)]
impl Retention {
    pub(crate) fn for_tests() -> Retention {
        let month = Duration::from_secs(30 * 24 * 60 * 60);
        Retention {
            rejections: 10_000,
            events: 1_000_000,
            mails: month,
            generations: 3,
            rounds: 1000,
        }
    }
}

/// The program's own log, on standard error.
#[derive(Debug, Clone)]
pub(crate) struct Logging {
    pub(crate) level: tracing::level_filters::LevelFilter,
    pub(crate) json: bool,
}
