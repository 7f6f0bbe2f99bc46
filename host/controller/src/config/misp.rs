//! `[[misp]]`, and the settings of a feed for each MISP server that it goes to.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use threatsieve_blacklist::Tlp;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::Secret;
use super::credentials::{Auth, ClientCertificate, check_encrypted, client_certificate};
use super::definition::Table;
use super::feed::check_unique;
use super::kinds::{
    BOOLEAN, DURATION, Describe, FilePath, HttpUrl, Kind, TEXT, TlpLevel, Words, integer,
};
use super::nested::list;
use super::reader::{Field, Place, Reader};
use super::secret::SecretPlace;
use super::shown::quoted;

/// A MISP server.
#[derive(Debug, Clone)]
pub(crate) struct Misp {
    pub(crate) name: String,
    /// The server's base URL.
    pub(crate) url: Url,
    /// The API key, as the header that MISP expects.
    pub(crate) auth: Auth,
    pub(crate) client_certificate: Option<ClientCertificate>,
    /// Longest time for one request with its answer.
    pub(crate) timeout: Duration,
    /// Longest time that one round sends to this server.
    pub(crate) budget: Duration,
    /// Longest time between the request to publish an event and its publication.
    pub(crate) publish_within: Duration,
    pub(crate) withdraw: Withdraw,
    /// Strictest marking of indicators that are sent.
    pub(crate) max_tlp: Tlp,
    /// Matches are reported as sightings.
    pub(crate) sightings: bool,
    /// Strictest marking of indicators whose matches are reported.
    pub(crate) sightings_max_tlp: Tlp,
}

/// The effect of a withdrawn indicator on its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Withdraw {
    /// Takes their `to_ids` away.
    ToIds,
    /// Deletes them, so that the server still knows them as deleted.
    Delete,
}

/// The way of a feed to one MISP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MispTarget {
    /// Name of the server.
    pub(crate) server: String,
    pub(crate) way: MispWay,
    pub(crate) publish: bool,
    pub(crate) distribution: Distribution,
    /// Tags of each event, in addition to those that come from the indicators.
    pub(crate) tags: Vec<String>,
}

/// The form in which indicators are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MispWay {
    /// As MISP events.
    Native,
    /// As packages of STIX 1.x, which the server converts.
    Stix,
}

/// The readers of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distribution {
    Organisation,
    Community,
    Connected,
    All,
    /// A sharing group, by its number on the server.
    SharingGroup(u32),
}

fields! {
    /// MISP servers that get indicators; see [misp.md](misp.md). Requests have the limits and the
    /// authorities of `[http]`.
    #[heading = "[[misp]]"]
    struct MispSettings<'a> {
        /// Name of the server, which feeds refer to; unique.
        #[setting(TEXT, required, example = "soc")]
        name: String,

        /// The server's base URL, without credentials.
        #[setting(HttpUrl, required, example = "https://misp.example.org")]
        url: Url,

        /// The API key of a user that may add events; to publish, one that may publish, too.
        #[setting(SecretPlace, required, example = { file = "/run/secrets/misp-key" })]
        key: Secret,

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
        #[setting(SecretPlace, optional, example = { env = "MISP_KEYSTORE_PASSWORD" })]
        client_keystore_password: Option<Secret>,

        /// Longest time for one request with its answer. A server needs about 6 s for 1,000
        /// attributes.
        #[setting(DURATION, default = "2m", example = "5m")]
        timeout: Duration,

        /// Longest time that one round sends to this server. The next round continues.
        #[setting(DURATION, default = "5m", example = "10m")]
        budget: Duration,

        /// Longest time until an event is published after the server was asked to do so. After
        /// that, operators get a mail: the server's workers may be down.
        #[setting(DURATION, default = "30m", example = "2h")]
        publish_within: Duration,

        /// Effect of a withdrawn indicator on its attributes: they lose `to_ids`, or they are
        /// deleted. Deleted ones can be restored.
        #[setting(
            Words(&[("to_ids", Withdraw::ToIds), ("delete", Withdraw::Delete)]),
            default = "to_ids",
            example = "delete"
        )]
        withdraw: Withdraw,

        /// Strictest marking of indicators that are sent.
        #[setting(TlpLevel, default = "RED", example = "GREEN")]
        max_tlp: Tlp,

        /// Report matches as sightings of the attributes that were sent.
        #[setting(BOOLEAN, default = false, example = true)]
        sightings: bool,

        /// Strictest marking of indicators whose matches are reported as sightings.
        #[setting(TlpLevel, default = "GREEN", example = "AMBER")]
        sightings_max_tlp: Tlp,
    }
}

fields! {
    /// A MISP server that gets a feed's indicators.
    #[heading = "feeds.misp"]
    struct TargetSettings<'a> {
        /// Name of the server, from `[[misp]]`.
        #[setting(TEXT, required, example = "soc")]
        server: String,

        /// Form of what is sent: MISP events, or packages of STIX 1.x as they were received, which
        /// the server converts.
        #[setting(
            Words(&[("native", MispWay::Native), ("stix", MispWay::Stix)]),
            default = "native",
            example = "stix"
        )]
        way: MispWay,

        /// Publish events once they are complete.
        #[setting(BOOLEAN, default = false, example = true)]
        publish: bool,

        /// Readers of the events. `"sharing_group"` needs `sharing_group`.
        #[setting(
            Words(&[
                ("organisation", Readers::Organisation),
                ("community", Readers::Community),
                ("connected", Readers::Connected),
                ("all", Readers::All),
                ("sharing_group", Readers::SharingGroup),
            ]),
            default = "organisation",
            example = "community"
        )]
        distribution: Readers,

        /// Number of the sharing group on the server.
        #[setting(integer::<u32>(1, 1_000_000_000, ""), optional, example = 3)]
        sharing_group: Option<u32>,

        /// Tags of each event, in addition to those that come from the indicators. A server drops
        /// tags that it does not know, unless the user may edit tags.
        #[setting(list(TEXT, "strings"), default = [], example = ["source:partner"])]
        tags: Vec<String>,
    }
}

#[derive(Debug, Clone, Copy)]
pub(in crate::config) enum Readers {
    Organisation,
    Community,
    Connected,
    All,
    SharingGroup,
}

pub(super) fn misp_servers(tables: &[Reader<'_>], allow_plain_http: bool) -> Option<Vec<Misp>> {
    let settings: Vec<MispSettings<'_>> = tables.iter().map(MispSettings::read).collect();
    check_unique(settings.iter().map(|settings| &settings.name));
    let servers: Vec<Option<Misp>> =
        settings.into_iter().map(|settings| server(settings, allow_plain_http)).collect();
    servers.into_iter().collect()
}

fn server(settings: MispSettings<'_>, allow_plain_http: bool) -> Option<Misp> {
    let auth = settings.key.value.map(|value| {
        // MISP expects the key without a scheme.
        Auth::Header { name: "Authorization".to_owned(), value }
    });
    if let (Some(url), Some(auth), false) = (&settings.url.value, &auth, allow_plain_http) {
        check_encrypted(&settings.url.place, std::slice::from_ref(url), auth);
    }
    let client_certificate = client_certificate(
        settings.client_certificate,
        settings.client_key,
        settings.client_keystore,
        settings.client_keystore_password,
    );
    Some(Misp {
        name: settings.name.value?,
        url: settings.url.value?,
        auth: auth?,
        client_certificate: client_certificate?,
        timeout: settings.timeout.value?,
        budget: settings.budget.value?,
        publish_within: settings.publish_within.value?,
        withdraw: settings.withdraw.value?,
        max_tlp: settings.max_tlp.value?,
        sightings: settings.sightings.value?,
        sightings_max_tlp: settings.sightings_max_tlp.value?,
    })
}

/// A target's table, or a server's name alone, which is a table with only that.
#[derive(Debug)]
pub(super) struct TargetOrName;

impl Describe for TargetOrName {
    fn name(&self) -> String {
        "name of a server or table".to_owned()
    }

    fn table(&self) -> Option<&'static Table> {
        Some(&TargetSettings::TABLE)
    }
}

impl<'a> Kind<'a> for TargetOrName {
    type Value = MispTarget;

    fn read(&self, place: &Place<'a>, value: &Spanned<DeValue<'a>>) -> Option<MispTarget> {
        let table: Cow<'_, DeTable<'a>> = match value.get_ref() {
            DeValue::Table(table) => Cow::Borrowed(table),
            name => {
                let key = Spanned::new(value.span(), Cow::Borrowed("server"));
                let name = Spanned::new(value.span(), name.clone());
                Cow::Owned(std::iter::once((key, name)).collect())
            }
        };
        target(TargetSettings::read(&Reader::new(place.clone(), &TargetSettings::TABLE, &table)))
    }
}

fn target(settings: TargetSettings<'_>) -> Option<MispTarget> {
    let group = &settings.sharing_group.place;
    let distribution = match (settings.distribution.value?, settings.sharing_group.value?) {
        (Readers::SharingGroup, Some(number)) => Distribution::SharingGroup(number),
        (Readers::SharingGroup, None) => {
            group.hidden_problem("expected the number of the sharing group, got nothing");
            return None;
        }
        (_, Some(_)) => {
            group.problem("expected `distribution = \"sharing_group\"` alongside it, got another");
            return None;
        }
        (Readers::Organisation, None) => Distribution::Organisation,
        (Readers::Community, None) => Distribution::Community,
        (Readers::Connected, None) => Distribution::Connected,
        (Readers::All, None) => Distribution::All,
    };
    Some(MispTarget {
        server: settings.server.value?,
        way: settings.way.value?,
        publish: settings.publish.value?,
        distribution,
        tags: settings.tags.value?,
    })
}

/// Notes targets that no `[[misp]]` defines, a server that is named twice, and packages of feeds
/// that have none.
pub(super) fn check_targets(
    targets: &Field<'_, Vec<MispTarget>>,
    servers: &BTreeSet<String>,
    has_packages: bool,
) {
    let mut seen = BTreeSet::new();
    for target in targets.value.iter().flatten() {
        let got = quoted(&target.server);
        if !servers.contains(&target.server) {
            let text = format!("expected the name of a server from [[misp]], got {got}");
            targets.place.problem(text);
        }
        if !seen.insert(&target.server) {
            targets.place.problem(format!("expected each server once, got {got} again"));
        }
        if target.way == MispWay::Stix && !has_packages {
            targets.place.problem(format!(
                "expected way = \"native\" for {got}, got \"stix\": feeds of TAXII 2 and of MISP \
                 have no packages of STIX 1.x"
            ));
        }
    }
}
