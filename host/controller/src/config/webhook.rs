//! `[[webhooks]]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use threatsieve_blacklist::Tlp;
use toml::Spanned;
use toml::de::DeValue;
use url::Url;

use super::Secret;
use super::credentials::{ClientCertificate, client_certificate, is_header_name, is_loopback};
use super::feed::check_unique;
use super::kinds::{
    BOOLEAN, DURATION, Describe, FilePath, HttpUrl, Kind, TEXT, TlpLevel, Words, integer,
};
use super::nested::table_in;
use super::reader::{Place, Reader};
use super::secret::SecretPlace;

/// Number of listed values that a round reports to programs and people by default.
const GROUPS_FOR_PROGRAMS: u32 = 1000;
const GROUPS_FOR_PEOPLE: u32 = 20;

/// A receiver of new matches over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) name: String,
    /// The address. It may hold a key, as that of Slack does.
    pub(crate) url: Url,
    pub(crate) preset: WebhookPreset,
    /// Strictest marking that the receiver may see.
    pub(crate) max_tlp: Tlp,
    /// Key of the signature; `None` for no signature.
    pub(crate) secret: Option<Secret>,
    /// Headers of each request, by name.
    pub(crate) headers: BTreeMap<String, Secret>,
    pub(crate) client_certificate: Option<ClientCertificate>,
    /// Also report conditions of the service that begin or end.
    pub(crate) conditions: bool,
    /// Listed values that a round reports; more are counted.
    pub(crate) max_groups: usize,
    /// Example events for one value.
    pub(crate) max_examples: usize,
    /// Example events in one delivery.
    pub(crate) max_events: usize,
    pub(crate) timeout: Duration,
    /// Time after which a delivery that is not accepted is given up.
    pub(crate) give_up_after: Duration,
}

/// The form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WebhookPreset {
    Generic,
    Slack,
    Teams,
    Mattermost,
}

impl WebhookPreset {
    pub(crate) fn name(self) -> &'static str {
        match self {
            WebhookPreset::Generic => "generic",
            WebhookPreset::Slack => "slack",
            WebhookPreset::Teams => "teams",
            WebhookPreset::Mattermost => "mattermost",
        }
    }
}

fields! {
    /// Receivers of new matches over HTTP, besides mails; see [webhooks.md](webhooks.md). Requests
    /// have the proxy, the authorities and the limits of `[http]`.
    #[heading = "[[webhooks]]"]
    struct WebhookSettings<'a> {
        /// Name of the webhook; unique.
        #[setting(TEXT, required, example = "siem")]
        name: String,

        /// Address that deliveries are posted to: a URL without credentials, or the place of a
        /// secret one. Plain http only to this machine, unless `allow_plain_http` in `[http]`
        /// allows more.
        #[setting(UrlOrSecret, required, example = { file = "/run/secrets/slack-url" })]
        url: Url,

        /// Form of the body: documented JSON for programs, or a message for a chat.
        #[setting(
            Words(&[
                ("generic", WebhookPreset::Generic),
                ("slack", WebhookPreset::Slack),
                ("teams", WebhookPreset::Teams),
                ("mattermost", WebhookPreset::Mattermost),
            ]),
            default = "generic",
            example = "slack"
        )]
        preset: WebhookPreset,

        /// Strictest marking that the receiver may see.
        #[setting(TlpLevel, default = "AMBER", example = "GREEN")]
        max_tlp: Tlp,

        /// Key for a signature of each request (HMAC with SHA-256). Without it, requests are not
        /// signed.
        #[setting(SecretPlace, optional, example = { file = "/run/secrets/webhook-key" })]
        secret: Option<Secret>,

        /// Headers of each request, by name, each with the place of its value.
        #[setting(
            SecretHeaders,
            optional,
            example = { Authorization = { file = "/run/secrets/webhook-header" } }
        )]
        headers: Option<BTreeMap<String, Secret>>,

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
        #[setting(SecretPlace, optional, example = { env = "WEBHOOK_KEYSTORE_PASSWORD" })]
        client_keystore_password: Option<Secret>,

        /// Also report conditions of the service itself that begin or end: a dead feed, a full
        /// disk.
        #[setting(BOOLEAN, default = false, example = true)]
        conditions: bool,

        /// Number of listed values that one round reports. More are counted. Without it, 1,000 for
        /// `generic` and 20 for the others.
        #[setting(integer::<u32>(1, 10_000, "values"), optional, example = 50)]
        max_groups: Option<u32>,

        /// Number of example events for one listed value.
        #[setting(integer::<u32>(0, 100, "events"), default = 3, example = 10)]
        max_examples: u32,

        /// Number of example events in one delivery. A round with more makes several.
        #[setting(integer::<u32>(1, 10_000, "events"), default = 100, example = 1000)]
        max_events: u32,

        /// Longest time for one request with its answer.
        #[setting(DURATION, default = "30s", example = "10s")]
        timeout: Duration,

        /// Time after which a delivery that is not accepted is given up.
        #[setting(DURATION, default = "5d", example = "1d")]
        give_up_after: Duration,
    }
}

pub(super) fn webhooks(tables: &[Reader<'_>], allow_plain_http: bool) -> Option<Vec<Webhook>> {
    let settings: Vec<WebhookSettings<'_>> = tables.iter().map(WebhookSettings::read).collect();
    check_unique(settings.iter().map(|settings| &settings.name));
    let webhooks: Vec<Option<Webhook>> =
        settings.into_iter().map(|settings| webhook(settings, allow_plain_http)).collect();
    webhooks.into_iter().collect()
}

fn webhook(settings: WebhookSettings<'_>, allow_plain_http: bool) -> Option<Webhook> {
    if let Some(url) = &settings.url.value
        && (url.scheme(), allow_plain_http, is_loopback(url)) == ("http", false, false)
    {
        settings.url.place.hidden_problem(
            "expected https, got http, which shows matches and the address to everyone on the \
             way; `allow_plain_http = true` in [http] allows it",
        );
    }
    let client_certificate = client_certificate(
        settings.client_certificate,
        settings.client_key,
        settings.client_keystore,
        settings.client_keystore_password,
    );
    let preset = settings.preset.value?;
    let max_groups = settings.max_groups.value?.unwrap_or(match preset {
        WebhookPreset::Generic => GROUPS_FOR_PROGRAMS,
        _ => GROUPS_FOR_PEOPLE,
    });
    Some(Webhook {
        name: settings.name.value?,
        url: settings.url.value?,
        preset,
        max_tlp: settings.max_tlp.value?,
        secret: settings.secret.value?,
        headers: settings.headers.value?.unwrap_or_default(),
        client_certificate: client_certificate?,
        conditions: settings.conditions.value?,
        max_groups: max_groups as usize,
        max_examples: settings.max_examples.value? as usize,
        max_events: settings.max_events.value? as usize,
        timeout: settings.timeout.value?,
        give_up_after: settings.give_up_after.value?,
    })
}

/// A URL, or the place of one that is secret.
#[derive(Debug)]
struct UrlOrSecret;

impl Describe for UrlOrSecret {
    fn name(&self) -> String {
        "URL or secret".to_owned()
    }

    fn expected(&self) -> String {
        format!("{} or {}", HttpUrl.expected(), SecretPlace.expected())
    }

    fn holds_keys(&self) -> bool {
        true
    }
}

impl<'a> Kind<'a> for UrlOrSecret {
    type Value = Url;

    fn read(&self, place: &Place<'a>, value: &Spanned<DeValue<'a>>) -> Option<Url> {
        if !value.get_ref().is_table() {
            return HttpUrl.read(place, value);
        }
        let secret = SecretPlace.read(place, value)?;
        let text = DeValue::String(secret.expose().to_owned().into());
        HttpUrl.read(place, &Spanned::new(value.span(), text))
    }
}

/// Headers with secret values.
#[derive(Debug)]
struct SecretHeaders;

impl Describe for SecretHeaders {
    fn name(&self) -> String {
        "table of secrets".to_owned()
    }
}

impl<'a> Kind<'a> for SecretHeaders {
    type Value = BTreeMap<String, Secret>;

    fn read(
        &self,
        place: &Place<'a>,
        value: &Spanned<DeValue<'a>>,
    ) -> Option<BTreeMap<String, Secret>> {
        let mut headers = BTreeMap::new();
        for (name, value) in table_in(place, value)? {
            let place = place.key_within(name.get_ref());
            if !is_header_name(name.get_ref()) {
                place.hidden_problem(
                    "expected a header's name (RFC 9110: letters, digits, hyphens), got another",
                );
                continue;
            }
            if let Some(secret) = SecretPlace.read(&place, value) {
                headers.insert(name.get_ref().to_string(), secret);
            }
        }
        Some(headers)
    }
}
