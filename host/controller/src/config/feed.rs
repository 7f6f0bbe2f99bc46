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
use super::kinds::{BOOLEAN, DURATION, FilePath, Plain, SHARE, TEXT, TlpLevel, Words, integer};
use super::nested::{TableOf, list};
use super::preset::{self, Conditions, KeyPlaces, KeyedUrl, fair_interval, with_keys};
use super::reader::{Field, Reader};
use super::secret::SecretPlace;

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
    /// Values that every delivery must list.
    pub(crate) canaries: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Origin {
    Taxii(TaxiiFeed),
    Url(UrlFeed),
    /// A file or a folder of files: lists or STIX.
    Path(PathBuf),
}

/// A TAXII 2.1 collection.
#[derive(Debug, Clone)]
pub(crate) struct TaxiiFeed {
    /// Discovery, API root or collection URL.
    pub(crate) url: Url,
    /// The collection's id, alias or title. `None` where the URL names the collection, or where
    /// only one can be read.
    pub(crate) collection: Option<String>,
    pub(crate) auth: Auth,
    pub(crate) client_certificate: Option<ClientCertificate>,
    /// Objects per request.
    pub(crate) page_objects: u32,
    /// Time before the last poll whose additions are requested again.
    pub(crate) overlap: Duration,
    /// Start of the first poll; `None` for all objects.
    pub(crate) since: Option<Timestamp>,
}

/// A list, a bundle or an envelope behind a URL.
#[derive(Debug, Clone)]
pub(crate) struct UrlFeed {
    pub(crate) url: Url,
    pub(crate) auth: Auth,
    pub(crate) client_certificate: Option<ClientCertificate>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum FeedType {
    Taxii,
    Url,
    Path,
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

        /// A TAXII 2.1 collection; a list, bundle or envelope behind a URL; a file or a folder of
        /// files.
        #[key = "type"]
        #[setting(
            Words(&[
                ("taxii", FeedType::Taxii),
                ("url", FeedType::Url),
                ("path", FeedType::Path),
            ]),
            required,
            example = "taxii"
        )]
        kind: FeedType,

        /// URL without credentials. For TAXII the discovery, API root or collection URL. `${NAME}`
        /// stands for a key: from `keys`, or from the environment variable of that name.
        #[only("taxii", "url")]
        #[setting(KeyedUrl, required, example = "https://taxii.example.org/taxii2/")]
        url: String,

        /// The places of keys that the URL names, by their names.
        #[only("taxii", "url")]
        #[setting(KeyPlaces, optional, example = { ABUSE_CH_KEY = { file = "abuse-ch.key" } })]
        keys: Option<BTreeMap<String, Secret>>,

        /// A file, or a folder of files: lists or STIX.
        #[only("path")]
        #[setting(FilePath, required, example = "/etc/threatsieve/lists")]
        path: PathBuf,

        /// Id, alias or title of the collection. Not needed where the URL names the collection, or
        /// where only one can be read.
        #[only("taxii")]
        #[setting(TEXT, optional, example = "indicators")]
        collection: Option<String>,

        /// Number of objects to request at once.
        #[only("taxii")]
        #[setting(integer::<u32>(1, 100_000, "objects"), default = 1000, example = 5000)]
        page_objects: u32,

        /// Objects added up to this long before the last poll are requested again: the server may
        /// still have been writing while it answered.
        #[only("taxii")]
        #[setting(DURATION, default = "10m", example = "1h")]
        overlap: Duration,

        /// The first poll requests no objects added before this. Without it, the first poll
        /// requests all.
        #[only("taxii")]
        #[setting(SINCE, optional, example = 2026-01-01)]
        since: Option<Timestamp>,

        /// User name for basic authentication; needs `password`.
        #[only("taxii", "url")]
        #[setting(TEXT, optional, example = "reader")]
        user: Option<String>,

        /// Password for basic authentication; needs `user`.
        #[only("taxii", "url")]
        #[setting(SecretPlace, optional, example = { env = "PARTNER_PASSWORD" })]
        password: Option<Secret>,

        /// Bearer token (RFC 6750).
        #[only("taxii", "url")]
        #[setting(SecretPlace, optional, example = { file = "/run/secrets/partner-token" })]
        token: Option<Secret>,

        /// API key in a header; see `feeds.header`.
        #[only("taxii", "url")]
        #[setting(
            TableOf(&Header::TABLE),
            optional,
            example = { name = "X-API-Key", value = { env = "PARTNER_KEY" } }
        )]
        header: Option<Reader<'a>>,

        /// Certificate (PEM) to show to the server; needs `client_key`.
        #[only("taxii", "url")]
        #[setting(FilePath, optional, example = "client.pem")]
        client_certificate: Option<PathBuf>,

        /// Private key (PEM) of the certificate; needs `client_certificate`.
        #[only("taxii", "url")]
        #[setting(FilePath, optional, example = "client.key")]
        client_key: Option<PathBuf>,

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
    allow_plain_http: bool,
) -> Option<Vec<Feed>> {
    let settings: Vec<FeedSettings<'_>> = tables.iter().map(FeedSettings::read).collect();
    check_unique(settings.iter().map(|settings| &settings.name));
    let feeds: Vec<Option<Feed>> =
        settings.into_iter().map(|settings| feed(settings, presets, allow_plain_http)).collect();
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

fn feed(settings: FeedSettings<'_>, presets: &Presets, allow_plain_http: bool) -> Option<Feed> {
    let has_preset = settings.preset.place.is_given;
    let format = preset::format(settings.preset, settings.conditions, settings.format, presets);
    // A mere format says nothing of the publisher.
    let known = format.as_ref().and_then(Option::as_ref).filter(|_| has_preset);
    let fair_interval = known.and_then(|format| fair_interval(format.preset()?.first()));
    check_fair(&settings.every, fair_interval);
    let origin = match settings.kind.value {
        None => None,
        Some(FeedType::Path) => settings.path.value.map(Origin::Path),
        Some(kind) => {
            let auth = auth(settings.user, settings.password, settings.token, settings.header);
            let certificate = client_certificate(settings.client_certificate, settings.client_key);
            let place = settings.url.place.clone();
            let url = with_keys(settings.url, settings.keys.value.flatten().as_ref());
            if let (Some(url), Some(auth), false) = (&url, &auth, allow_plain_http) {
                check_encrypted(&place, std::slice::from_ref(url), auth);
            }
            let server = server(url, auth, certificate);
            if let FeedType::Taxii = kind {
                let (overlap, since) = (settings.overlap.value, settings.since.value);
                let (collection, page_objects) =
                    (settings.collection.value, settings.page_objects.value);
                taxii(server, collection, page_objects, overlap, since).map(Origin::Taxii)
            } else {
                server.map(Origin::Url)
            }
        }
    };
    Some(Feed {
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
        hold: Hold { max_shrink: settings.max_shrink.value?, canaries: settings.canaries.value? },
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

fn taxii(
    server: Option<UrlFeed>,
    collection: Option<Option<String>>,
    page_objects: Option<u32>,
    overlap: Option<Duration>,
    since: Option<Option<Timestamp>>,
) -> Option<TaxiiFeed> {
    let UrlFeed { url, auth, client_certificate } = server?;
    Some(TaxiiFeed {
        url,
        collection: collection?,
        auth,
        client_certificate,
        page_objects: page_objects?,
        overlap: overlap?,
        since: since?,
    })
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
