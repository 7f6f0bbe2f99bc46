//! `[[feeds]]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use threatsieve_blacklist::{Timestamp, Tlp, UrlMode};
use threatsieve_feed::FeedFormat;
use threatsieve_feed::preset::Presets;
use url::Url;

use super::Secret;
use super::credentials::{
    Auth, ClientCertificate, Header, basic, check_encrypted, check_one_way, client_certificate,
};
use super::kinds::{
    BOOLEAN, DURATION, FilePath, HttpUrl, Plain, SHARE, SIZE, TEXT, TlpLevel, Words, integer,
};
use super::misp::{Misp, MispTarget, TargetOrName, check_targets};
use super::misp_source::{
    ATTRIBUTE_TYPE, MispFiles, MispPlace, MispServer, MispWanted, check_no_return,
};
use super::nested::{TableOf, list};
use super::policy::{FeedPolicy, PolicySettings, policy};
use super::preset::{self, Conditions, KeyPlaces, KeyedUrl, fair_interval, with_keys};
use super::reader::{Field, Reader};
use super::secret::SecretPlace;
use super::taxii::{SightingSettings, Taxii1Feed, Taxii1Settings, TaxiiFeed, taxii};

/// A source of indicators.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) role: FeedRole,
    /// Shortest time between two polls; an earlier round skips the feed.
    pub(crate) every: Option<Duration>,
    /// Shortest time between two polls that the publisher allows. No poll may be earlier.
    pub(crate) fair_interval: Option<Duration>,
    /// Confidence of indicators without one.
    pub(crate) confidence: Option<u8>,
    /// Marking of indicators without one.
    pub(crate) tlp: Option<Tlp>,
    pub(crate) url_mode: UrlMode,
    /// `None`: detected from the content.
    pub(crate) format: Option<FeedFormat>,
    /// An indicator with a port matches only events with that port.
    pub(crate) match_port: bool,
    /// A first delivery without indicators is accepted.
    pub(crate) may_be_empty: bool,
    /// Largest share of lines that may be rejected; `None`: more than half are a doubt.
    pub(crate) max_bad: Option<f64>,
    pub(crate) hold: Hold,
    /// `None`: what is received is not saved.
    pub(crate) saving: Option<Saving>,
    /// Folder to write packages of STIX 1.x to.
    pub(crate) packages_to: Option<PathBuf>,
    pub(crate) policy: FeedPolicy,
    /// The MISP servers that get its indicators.
    pub(crate) misp: Vec<MispTarget>,
}

/// The place where received bodies are saved.
#[derive(Debug, Clone)]
pub(crate) struct Saving {
    pub(crate) folder: PathBuf,
    /// Largest size of the feed's files together.
    pub(crate) max_bytes: u64,
}

/// The effect of a feed's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeedRole {
    Block,
    Allow,
}

/// Conditions under which a delivery is held back.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    /// Largest share of the feed's active indicators that may disappear at once, 0 to 1.
    pub(crate) max_shrink: f64,
    /// Largest number of the feed's active indicators.
    pub(crate) max_indicators: u32,
    /// Values that every delivery must list.
    pub(crate) canaries: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Origin {
    Taxii(TaxiiFeed),
    Taxii1(Box<Taxii1Feed>),
    Url(UrlFeed),
    /// A file or a folder of files: lists or STIX.
    Path(PathBuf),
    Misp(Box<MispServer>),
    MispFeed(Box<MispFiles>),
}

impl Origin {
    /// The type of feed, as in the configuration.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Origin::Taxii(_) => "taxii",
            Origin::Taxii1(_) => "taxii1",
            Origin::Url(_) => "url",
            Origin::Path(_) => "path",
            Origin::Misp(_) => "misp",
            Origin::MispFeed(_) => "misp-feed",
        }
    }
}

/// A list, a bundle, a package or an envelope behind a URL.
#[derive(Debug, Clone)]
pub(crate) struct UrlFeed {
    pub(crate) url: Url,
    pub(crate) auth: Auth,
    pub(crate) client_certificate: Option<ClientCertificate>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum FeedType {
    Taxii,
    Taxii1,
    Url,
    Path,
    Misp,
    MispFeed,
}

fields! {
    /// Sources of indicators. A description that starts with types of feed is about these alone.
    #[heading = "[[feeds]]"]
    struct FeedSettings<'a> {
        /// Name of the feed in reports and in `threat.feed.name`; unique.
        #[setting(TEXT, required, example = "partner")]
        name: String,

        /// A well-known feed, or one of `[[presets]]`: gives `type`, `url`, `every` and the format;
        /// see [Presets](lists.md#presets).
        #[setting(TEXT, optional, example = "urlhaus-recent")]
        preset: Option<String>,

        /// Conditions that records must meet, by their columns; only with `preset`. Other records
        /// are skipped.
        #[key = "where"]
        #[setting(
            Conditions,
            optional,
            example = [{ column = "url_status", in = ["online"] }]
        )]
        conditions: Option<Vec<toml::Value>>,

        /// A TAXII 2.1 or 2.0 collection; a TAXII 1.1 or 1.0 collection; a list, bundle, package or
        /// envelope behind a URL; a file or a folder of files; the attributes of a MISP server; a
        /// feed in MISP's format, behind a URL or in a folder.
        #[key = "type"]
        #[setting(
            Words(&[
                ("taxii", FeedType::Taxii),
                ("taxii1", FeedType::Taxii1),
                ("url", FeedType::Url),
                ("path", FeedType::Path),
                ("misp", FeedType::Misp),
                ("misp-feed", FeedType::MispFeed),
            ]),
            required,
            example = "taxii"
        )]
        kind: FeedType,

        /// URL without credentials. For TAXII 2 the discovery, API root or collection URL; for
        /// TAXII 1 the URL of the discovery or collection management service; for MISP the base
        /// URL of the server; for a feed in MISP's format the URL of its folder or manifest.
        /// `${NAME}` stands for a key: from `keys`, or from the environment variable of that name.
        #[only("taxii", "taxii1", "url", "misp", "misp-feed")]
        #[excludes = "path"]
        #[setting(KeyedUrl, required, example = "https://taxii.example.org/taxii2/")]
        url: String,

        /// The places of keys that the URL names, by their names.
        #[only("taxii", "taxii1", "url", "misp", "misp-feed")]
        #[setting(KeyPlaces, optional, example = { ABUSE_CH_KEY = { file = "abuse-ch.key" } })]
        keys: Option<BTreeMap<String, Secret>>,

        /// A file, or a folder of files: lists or STIX. For a feed in MISP's format the folder with
        /// its manifest.
        #[only("path", "misp-feed")]
        #[excludes = "url"]
        #[setting(FilePath, required, example = "/etc/threatsieve/lists")]
        path: PathBuf,

        /// Id, alias or title of the collection; its name in TAXII 1. Not needed where the URL
        /// names the collection, or where only one can be read.
        #[only("taxii", "taxii1")]
        #[setting(TEXT, optional, example = "indicators")]
        collection: Option<String>,

        /// Number of objects, or of attributes of MISP, to request at once.
        #[only("taxii", "misp")]
        #[setting(integer::<u32>(1, 100_000, "objects"), default = 1000, example = 5000)]
        page_objects: u32,

        /// Objects added up to this long before the last poll are requested again: the server may
        /// still have been writing while it answered.
        #[only("taxii", "taxii1", "misp")]
        #[setting(DURATION, default = "10m", example = "1h")]
        overlap: Duration,

        /// The first poll requests no objects added before this. Without it, the first poll
        /// requests all. Of MISP, events are read that were changed since.
        #[only("taxii", "taxii1", "misp", "misp-feed")]
        #[setting(SINCE, optional, example = 2026-01-01)]
        since: Option<Timestamp>,

        /// Report matches of the feed's indicators as sightings to a collection. Only indicators
        /// of STIX are reported.
        #[only("taxii")]
        #[setting(BOOLEAN, default = false, example = true)]
        sightings: bool,

        /// URL of the collection that gets the sightings, on the same server. Without it, the
        /// feed's own.
        #[only("taxii")]
        #[setting(
            HttpUrl,
            optional,
            example = "https://taxii.example.org/api/collections/sightings/"
        )]
        sightings_to: Option<Url>,

        /// Name of the organisation that saw, for `sightings`.
        #[only("taxii")]
        #[setting(TEXT, optional, example = "SOC of Example Ltd")]
        sightings_reporter: Option<String>,

        /// Strictest marking of indicators whose matches are reported as sightings.
        #[only("taxii")]
        #[setting(TlpLevel, default = "GREEN", example = "AMBER")]
        sightings_max_tlp: Tlp,

        /// Key of a user of the MISP server. One that can only read is enough.
        #[only("misp")]
        #[setting(SecretPlace, required, example = { env = "MISP_KEY" })]
        key: Secret,

        /// Tags, one of which an attribute or its event must have; with `!` before it, a tag that
        /// neither may have. Without any, all attributes are read.
        #[only("misp", "misp-feed")]
        #[setting(list(TEXT, "strings"), optional, example = ["tlp:green", "!type:test"])]
        tags: Option<Vec<String>>,

        /// Types of attributes that are read, as MISP names them. Without it, all types that
        /// events can be matched for.
        #[only("misp", "misp-feed")]
        #[setting(
            list(ATTRIBUTE_TYPE, "types of MISP"),
            optional,
            example = ["domain", "ip-dst", "url"]
        )]
        attribute_types: Option<Vec<String>>,

        /// Read published events only.
        #[only("misp")]
        #[setting(BOOLEAN, default = true, example = false)]
        published_only: bool,

        /// Time after which everything is read again. This finds changes that leave the time of
        /// an event as it is, such as local tags.
        #[only("misp")]
        #[setting(DURATION, default = "1d", example = "6h")]
        compare_every: Duration,

        /// Folder to save the server's enabled warninglists to with each poll. `warninglists` of
        /// policies may name it.
        #[only("misp")]
        #[setting(FilePath, optional, example = "/var/lib/threatsieve/warninglists")]
        warninglists_to: Option<PathBuf>,

        /// URL of the poll service. Without it, the server names its services. Its scheme, host and
        /// port also get the credentials.
        #[only("taxii1")]
        #[setting(HttpUrl, optional, example = "https://taxii.example.org/services/poll")]
        poll_url: Option<Url>,

        /// URL of the inbox service, for `feeds push`. Without it, the server names its services.
        /// Its scheme, host and port also get the credentials.
        #[only("taxii1")]
        #[setting(HttpUrl, optional, example = "https://taxii.example.org/services/inbox")]
        inbox_url: Option<Url>,

        /// Other servers (scheme, host and port) that get the credentials and the client
        /// certificate if this one names them as the place of a service.
        #[only("taxii1")]
        #[setting(
            list(HttpUrl, "URLs"),
            default = [],
            example = ["https://poll.example.org:8443"]
        )]
        send_credentials_to: Vec<Url>,

        /// Accepted content bindings. Without any, the server sends all that it has.
        #[only("taxii1")]
        #[setting(list(TEXT, "strings"), default = [], example = ["urn:stix.mitre.org:xml:1.1.1"])]
        content_bindings: Vec<String>,

        /// Subscribe to the collection before the first poll, for servers that demand it. An
        /// existing subscription is used. `feeds unsubscribe NAME` ends it.
        #[only("taxii1")]
        #[setting(BOOLEAN, default = false, example = true)]
        subscribe: bool,

        /// Id of a subscription that the server's operator has made. Polls name it.
        #[only("taxii1")]
        #[excludes = "subscribe"]
        #[setting(TEXT, optional, example = "a1b2c3")]
        subscription_id: Option<String>,

        /// URL that gives a JSON Web Token for `user` and `password`. Requests then have the token
        /// instead of them.
        #[only("taxii1")]
        #[setting(HttpUrl, optional, example = "https://taxii.example.org/management/auth")]
        login_url: Option<Url>,

        /// User name for basic authentication; needs `password`.
        #[only("taxii", "taxii1", "url", "misp-feed")]
        #[setting(TEXT, optional, example = "reader")]
        user: Option<String>,

        /// Password for basic authentication; needs `user`.
        #[only("taxii", "taxii1", "url", "misp-feed")]
        #[setting(SecretPlace, optional, example = { env = "PARTNER_PASSWORD" })]
        password: Option<Secret>,

        /// Bearer token (RFC 6750).
        #[only("taxii", "taxii1", "url", "misp-feed")]
        #[setting(SecretPlace, optional, example = { file = "/run/secrets/partner-token" })]
        token: Option<Secret>,

        /// API key in a header; see `feeds.header`.
        #[only("taxii", "taxii1", "url", "misp-feed")]
        #[setting(
            TableOf(&Header::TABLE),
            optional,
            example = { name = "X-API-Key", value = { env = "PARTNER_KEY" } }
        )]
        header: Option<Reader<'a>>,

        /// Certificate (PEM) to show to the server; needs `client_key`.
        #[only("taxii", "taxii1", "url", "misp", "misp-feed")]
        #[setting(FilePath, optional, example = "client.pem")]
        client_certificate: Option<PathBuf>,

        /// Private key (PEM) of the certificate; needs `client_certificate`.
        #[only("taxii", "taxii1", "url", "misp", "misp-feed")]
        #[setting(FilePath, optional, example = "client.key")]
        client_key: Option<PathBuf>,

        /// Certificate with its private key in a PKCS#12 file (`.p12`, `.pfx`), instead of the two
        /// PEM files; needs `client_keystore_password`.
        #[only("taxii", "taxii1", "url", "misp", "misp-feed")]
        #[setting(FilePath, optional, example = "client.p12")]
        client_keystore: Option<PathBuf>,

        /// Password of the PKCS#12 file.
        #[only("taxii", "taxii1", "url", "misp", "misp-feed")]
        #[setting(SecretPlace, optional, example = { env = "PARTNER_KEYSTORE_PASSWORD" })]
        client_keystore_password: Option<Secret>,

        /// Values that match, or values that suppress matches of equal or lesser specificity.
        #[setting(
            Words(&[("block", FeedRole::Block), ("allow", FeedRole::Allow)]),
            default = "block",
            example = "allow"
        )]
        role: FeedRole,

        /// Shortest time between two polls. Without it, every round polls the feed.
        #[setting(DURATION, optional, example = "1h")]
        every: Option<Duration>,

        /// Confidence of indicators that have none.
        #[setting(integer::<u8>(0, 100, ""), optional, example = 70)]
        confidence: Option<u8>,

        /// Marking of indicators that have none.
        #[setting(TlpLevel, optional, example = "AMBER")]
        tlp: Option<Tlp>,

        /// Paths that a listed URL covers: its own, or also all below it.
        #[setting(
            Words(&[("exact", UrlMode::Exact), ("prefix", UrlMode::Prefix)]),
            default = "exact",
            example = "prefix"
        )]
        url_match: UrlMode,

        /// Largest share of the feed's active indicators that may disappear at once. A delivery
        /// that removes more is held back until `feeds --allow NAME`.
        #[setting(SHARE, default = 0.5, example = 0.3)]
        max_shrink: f64,

        /// Largest number of the feed's active indicators. A delivery that brings more is held
        /// back until `feeds --allow NAME`: some servers have pages without end.
        #[setting(
            integer::<u32>(1, 1_000_000_000, "indicators"),
            default = 10000000,
            example = 2000000
        )]
        max_indicators: u32,

        /// Format of the content: a reader (`lines`, `hosts`, `csv`, `json`, `stix`; see
        /// [lists.md](lists.md)) or a preset of the program; `csv:NAME` and `json:NAME` name the
        /// column of values. Without it, the format is detected from the content.
        #[setting(FORMAT, optional, example = "csv:url")]
        format: Option<FeedFormat>,

        /// Match a value that is listed with a port only in events with that port.
        #[setting(BOOLEAN, default = false, example = true)]
        match_port: bool,

        /// Accept a first delivery without indicators. Otherwise it is held back.
        #[setting(BOOLEAN, default = false, example = true)]
        may_be_empty: bool,

        /// Largest share of lines that may be rejected. A first delivery with more is held back; a
        /// later one is not used. Without it, a first delivery is held back if more than half of it
        /// is rejected.
        #[setting(SHARE, optional, example = 0.05)]
        max_bad: Option<f64>,

        /// Values that every delivery must list. A delivery without one is held back.
        #[setting(list(TEXT, "strings"), default = [], example = ["known-bad.example"])]
        canaries: Vec<String>,

        /// Folder to save everything to that is received, each page or body as a file. A poll that
        /// cannot save what it received fails.
        #[only("taxii", "taxii1", "url")]
        #[setting(FilePath, optional, example = "/var/lib/threatsieve/received")]
        save_to: Option<PathBuf>,

        /// Largest size of the feed's files in `save_to`. The oldest are deleted.
        #[only("taxii", "taxii1", "url")]
        #[setting(SIZE, default = "1GiB", example = "200MB")]
        save_max: u64,

        /// Folder to write each STIX 1.x package to, as a file of its own, as it was received. The
        /// folder must exist.
        #[setting(FilePath, optional, example = "/var/lib/threatsieve/packages")]
        packages_to: Option<PathBuf>,

        /// Conditions that the feed's indicators must meet; see `[feeds.policy]`. Not for an
        /// allow-list.
        #[setting(
            TableOf(&PolicySettings::TABLE),
            optional,
            example = { min_confidence = 50, types = ["domain-name"] }
        )]
        policy: Option<Reader<'a>>,

        /// MISP servers that get the feed's indicators: names of `[[misp]]`, or tables; see
        /// `feeds.misp`. Not for an allow-list.
        #[setting(
            list(TargetOrName, "names or tables"),
            default = [],
            example = ["soc", { server = "community", publish = true }]
        )]
        misp: Vec<MispTarget>,
    }
}

const FORMAT: Plain<FeedFormat> = Plain {
    name: "format",
    expected: "a reader (lines, hosts, csv, json, stix, stix1 and others), csv:COLUMN, json:COLUMN \
               or a preset",
    parse: |value| FeedFormat::from_name(value.as_str()?, &Presets::default()),
};

/// A TOML date or time, or the same as a string; in UTC where it has no offset.
const SINCE: Plain<Timestamp> = Plain {
    name: "date or time",
    expected: "a date or a time (2026-01-31, 2026-01-31T23:59:59Z)",
    parse: |value| {
        let text = match value.as_datetime() {
            Some(moment) => moment.to_string(),
            None => value.as_str()?.to_owned(),
        };
        crate::text::parse_time(&text)
    },
};

pub(super) fn feeds(
    tables: &[Reader<'_>],
    presets: &Presets,
    misp: Option<&[Misp]>,
    allow_plain_http: bool,
) -> Option<Vec<Feed>> {
    let settings: Vec<FeedSettings<'_>> = tables.iter().map(FeedSettings::read).collect();
    check_unique(settings.iter().map(|settings| &settings.name));
    // With a fault in [[misp]] they are not known, and a problem would be a guess.
    if let Some(servers) = misp {
        let names = servers.iter().map(|server| server.name.clone()).collect();
        for settings in &settings {
            let has_packages = !matches!(
                settings.kind.value,
                Some(FeedType::Taxii | FeedType::Misp | FeedType::MispFeed)
            );
            check_targets(&settings.misp, &names, has_packages);
        }
    }
    let feeds: Vec<Option<Feed>> = settings
        .into_iter()
        .map(|settings| feed(settings, presets, misp, allow_plain_http))
        .collect();
    feeds.into_iter().collect()
}

/// Notes names that an earlier table has.
pub(super) fn check_unique<'f>(names: impl Iterator<Item = &'f Field<'f, String>>) {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if let Some(value) = &name.value
            && !seen.insert(value)
        {
            let got = super::shown::quoted(value);
            name.place.problem(format!("expected a unique name, got {got} again"));
        }
    }
}

fn feed(
    settings: FeedSettings<'_>,
    presets: &Presets,
    servers: Option<&[Misp]>,
    allow_plain_http: bool,
) -> Option<Feed> {
    let has_preset = settings.preset.place.is_given;
    let format = preset::format(settings.preset, settings.conditions, settings.format, presets);
    // A mere format says nothing of the publisher.
    let known = format.as_ref().and_then(Option::as_ref).filter(|_| has_preset);
    let fair_interval = known.and_then(|format| fair_interval(format.preset()?.first()));
    check_fair(&settings.every, fair_interval);
    let origin = match settings.kind.value {
        None => None,
        Some(FeedType::Path) => settings.path.value.map(Origin::Path),
        Some(FeedType::MispFeed) if settings.path.place.is_given => {
            let wanted =
                MispWanted::new(&settings.attribute_types, &settings.tags, &settings.since);
            let files = settings
                .path
                .value
                .zip(wanted)
                .map(|(folder, wanted)| MispFiles { place: MispPlace::Folder(folder), wanted });
            files.map(|files| Origin::MispFeed(Box::new(files)))
        }
        Some(kind) => {
            let auth = match kind {
                FeedType::Misp => settings
                    .key
                    .value
                    .map(|value| Auth::Header { name: "Authorization".to_owned(), value }),
                _ => auth(settings.user, settings.password, settings.token, settings.header),
            };
            let certificate = client_certificate(
                settings.client_certificate,
                settings.client_key,
                settings.client_keystore,
                settings.client_keystore_password,
            );
            let place = settings.url.place.clone();
            let url = with_keys(settings.url, settings.keys.value.flatten().as_ref());
            if let (Some(url), Some(auth), false) = (&url, &auth, allow_plain_http) {
                check_encrypted(&place, std::slice::from_ref(url), auth);
            }
            let server = server(url, auth, certificate);
            let wanted =
                MispWanted::new(&settings.attribute_types, &settings.tags, &settings.since);
            let (overlap, since) = (settings.overlap.value, settings.since.value);
            let collection = settings.collection.value;
            match kind {
                FeedType::Misp => Some(Origin::Misp(Box::new(MispServer {
                    server: server?,
                    page_attributes: settings.page_objects.value?,
                    overlap: overlap?,
                    compare_every: settings.compare_every.value?,
                    published_only: settings.published_only.value?,
                    warninglists_to: settings.warninglists_to.value?,
                    wanted: wanted?,
                }))),
                FeedType::MispFeed => Some(Origin::MispFeed(Box::new(MispFiles {
                    place: MispPlace::Url(server?),
                    wanted: wanted?,
                }))),
                FeedType::Taxii => {
                    let page_objects = settings.page_objects.value;
                    let sightings = SightingSettings {
                        sightings: settings.sightings,
                        to: settings.sightings_to,
                        reporter: settings.sightings_reporter,
                        max_tlp: settings.sightings_max_tlp,
                    };
                    taxii(server, collection, page_objects, overlap, since, sightings)
                        .map(Origin::Taxii)
                }
                FeedType::Taxii1 => {
                    let own = Taxii1Settings {
                        poll_url: settings.poll_url,
                        inbox_url: settings.inbox_url,
                        login_url: settings.login_url,
                        send_credentials_to: settings.send_credentials_to,
                        content_bindings: settings.content_bindings,
                        subscribe: settings.subscribe,
                        subscription_id: settings.subscription_id,
                    };
                    own.feed(server, collection, overlap, since, allow_plain_http)
                        .map(|feed| Origin::Taxii1(Box::new(feed)))
                }
                FeedType::Url | FeedType::Path => server.map(Origin::Url),
            }
        }
    };
    // Files and folders have neither setting. A fault in one of them is noted.
    let saving = settings.save_to.value.flatten().zip(settings.save_max.value);
    if settings.role.value == Some(FeedRole::Allow) && settings.policy.place.is_given {
        settings.policy.place.hidden_problem(
            "expected no policy for an allow-list, got one: all of its values are allowed",
        );
    }
    if let (Some(Origin::Misp(source)), Some(servers)) = (&origin, servers) {
        check_no_return(source, &settings.misp, servers);
    }
    if settings.role.value == Some(FeedRole::Allow) && settings.misp.place.is_given {
        settings.misp.place.hidden_problem("expected no MISP server for an allow-list, got one");
    }
    let policy = match settings.policy.value? {
        Some(table) => policy(&table),
        None => Some(FeedPolicy::default()),
    };
    Some(Feed {
        saving: saving.map(|(folder, max_bytes)| Saving { folder, max_bytes }),
        packages_to: settings.packages_to.value?,
        name: settings.name.value?,
        origin: origin?,
        role: settings.role.value?,
        every: settings.every.value?,
        fair_interval,
        confidence: settings.confidence.value?,
        tlp: settings.tlp.value?,
        url_mode: settings.url_match.value?,
        format: format?,
        match_port: settings.match_port.value?,
        may_be_empty: settings.may_be_empty.value?,
        max_bad: settings.max_bad.value?,
        hold: Hold {
            max_shrink: settings.max_shrink.value?,
            max_indicators: settings.max_indicators.value?,
            canaries: settings.canaries.value?,
        },
        policy: policy?,
        misp: settings.misp.value?,
    })
}

/// Notes an interval that is shorter than the publisher allows.
fn check_fair(every: &Field<'_, Option<Duration>>, fair: Option<Duration>) {
    if let (Some(Some(every)), Some(fair), place) = (every.value, fair, &every.place)
        && every < fair
    {
        place.problem(format!(
            "expected at least {}, the shortest interval that the preset allows, got {}",
            humantime::format_duration(fair),
            humantime::format_duration(every)
        ));
    }
}

fn server(
    url: Option<Url>,
    auth: Option<Auth>,
    client_certificate: Option<Option<ClientCertificate>>,
) -> Option<UrlFeed> {
    Some(UrlFeed { url: url?, auth: auth?, client_certificate: client_certificate? })
}

fn auth(
    user: Field<'_, Option<String>>,
    password: Field<'_, Option<Secret>>,
    token: Field<'_, Option<Secret>>,
    header: Field<'_, Option<Reader<'_>>>,
) -> Option<Auth> {
    check_one_way(&[&user.place, &token.place, &header.place]);
    let basic = basic(user, password);
    let header = header.value.map(|table| table.map(|table| Header::read(&table)));
    Some(match (basic?, token.value?, header?) {
        (Some((user, password)), _, _) => Auth::Basic { user, password },
        (_, Some(token), _) => Auth::Bearer(token),
        (_, _, Some(header)) => {
            let Header { name, value } = header?;
            Auth::Header { name, value }
        }
        _ => Auth::None,
    })
}
