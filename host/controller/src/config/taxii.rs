//! TAXII feeds in `[[feeds]]`.

use std::time::Duration;

use threatsieve_blacklist::{Timestamp, Tlp};
use url::Url;

use super::credentials::{Auth, ClientCertificate, check_encrypted};
use super::feed::UrlFeed;
use super::reader::Field;

/// A TAXII 2.0 or 2.1 collection.
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
    /// `None`: matches are not reported.
    pub(crate) sightings: Option<TaxiiSightings>,
}

impl TaxiiFeed {
    /// Returns the collection that gets sightings: the one that is configured, or this one.
    pub(crate) fn for_sightings(&self) -> TaxiiFeed {
        match self.sightings.as_ref().and_then(|settings| settings.to.clone()) {
            Some(url) => TaxiiFeed { url, collection: None, ..self.clone() },
            None => self.clone(),
        }
    }
}

/// The report of matches as sightings.
#[derive(Debug, Clone)]
pub(crate) struct TaxiiSightings {
    /// URL of another collection, on the same server. `None` for the feed's own.
    pub(crate) to: Option<Url>,
    /// Name of the identity that saw.
    pub(crate) reporter: String,
    /// Strictest marking of indicators whose matches are reported.
    pub(crate) max_tlp: Tlp,
}

/// The settings of sightings.
pub(super) struct SightingSettings<'a> {
    pub(super) sightings: Field<'a, bool>,
    pub(super) to: Field<'a, Option<Url>>,
    pub(super) reporter: Field<'a, Option<String>>,
    pub(super) max_tlp: Field<'a, Tlp>,
}

impl SightingSettings<'_> {
    /// Makes the report of a feed at this URL. Its credentials go to no other server.
    fn report(self, url: &Url) -> Option<Option<TaxiiSightings>> {
        let is_wanted = self.sightings.value?;
        let (to, reporter) = (self.to.value?, self.reporter.value?);
        if to.as_ref().is_some_and(|to| to.origin() != url.origin()) {
            let text = "expected a URL with the scheme, host and port of `url`, got another: the \
                        feed's credentials go to no other server";
            self.to.place.hidden_problem(text);
        }
        match (is_wanted, reporter) {
            (false, _) => Some(None),
            (true, Some(reporter)) => {
                Some(Some(TaxiiSightings { to, reporter, max_tlp: self.max_tlp.value? }))
            }
            (true, None) => {
                let text = "expected the name of your organisation, for `sightings`, got nothing";
                self.reporter.place.problem(text);
                None
            }
        }
    }
}

/// A TAXII 1.1 or 1.0 collection.
#[derive(Debug, Clone)]
pub(crate) struct Taxii1Feed {
    /// The discovery or collection management service.
    pub(crate) server: UrlFeed,
    /// The collection's name. `None` where only one can be read.
    pub(crate) collection: Option<String>,
    pub(crate) poll_url: Option<Url>,
    pub(crate) inbox_url: Option<Url>,
    /// Gives a token for the credentials, which are basic ones.
    pub(crate) login_url: Option<Url>,
    /// Other servers that get the credentials.
    pub(crate) trusted: Vec<Url>,
    /// Accepted content bindings; none means all.
    pub(crate) content_bindings: Vec<String>,
    pub(crate) subscribe: bool,
    pub(crate) subscription_id: Option<String>,
    /// Time before the last poll whose additions are requested again.
    pub(crate) overlap: Duration,
    /// Start of the first poll; `None` for all content.
    pub(crate) since: Option<Timestamp>,
}

/// Makes a TAXII 2 feed of its settings.
pub(super) fn taxii(
    server: Option<UrlFeed>,
    collection: Option<Option<String>>,
    page_objects: Option<u32>,
    overlap: Option<Duration>,
    since: Option<Option<Timestamp>>,
    sightings: SightingSettings<'_>,
) -> Option<TaxiiFeed> {
    let UrlFeed { url, auth, client_certificate } = server?;
    let sightings = sightings.report(&url);
    Some(TaxiiFeed {
        url,
        collection: collection?,
        auth,
        client_certificate,
        page_objects: page_objects?,
        overlap: overlap?,
        since: since?,
        sightings: sightings?,
    })
}

/// The settings of TAXII 1 alone.
pub(super) struct Taxii1Settings<'a> {
    pub(super) poll_url: Field<'a, Option<Url>>,
    pub(super) inbox_url: Field<'a, Option<Url>>,
    pub(super) login_url: Field<'a, Option<Url>>,
    pub(super) send_credentials_to: Field<'a, Vec<Url>>,
    pub(super) content_bindings: Field<'a, Vec<String>>,
    pub(super) subscribe: Field<'a, bool>,
    pub(super) subscription_id: Field<'a, Option<String>>,
}

impl Taxii1Settings<'_> {
    /// Makes a TAXII 1 feed of its settings.
    pub(super) fn feed(
        self,
        server: Option<UrlFeed>,
        collection: Option<Option<String>>,
        overlap: Option<Duration>,
        since: Option<Option<Timestamp>>,
        allow_plain_http: bool,
    ) -> Option<Taxii1Feed> {
        if let (Some(server), false) = (&server, allow_plain_http) {
            for field in [&self.poll_url, &self.inbox_url, &self.login_url] {
                let urls = field.value.iter().flatten().cloned().collect::<Vec<_>>();
                check_encrypted(&field.place, &urls, &server.auth);
            }
            if let Some(urls) = &self.send_credentials_to.value {
                check_encrypted(&self.send_credentials_to.place, urls, &server.auth);
            }
        }
        if self.login_url.place.is_given
            && server.as_ref().is_some_and(|server| !matches!(server.auth, Auth::Basic { .. }))
        {
            let text = "expected `user` and `password` alongside it, got nothing";
            self.login_url.place.hidden_problem(text);
        }
        let (poll_url, inbox_url) = (self.poll_url.value?, self.inbox_url.value?);
        let login_url = self.login_url.value?;
        let mut trusted = self.send_credentials_to.value?;
        trusted.extend([&poll_url, &inbox_url, &login_url].into_iter().flatten().cloned());
        Some(Taxii1Feed {
            server: server?,
            collection: collection?,
            poll_url,
            inbox_url,
            login_url,
            trusted,
            content_bindings: self.content_bindings.value?,
            subscribe: self.subscribe.value?,
            subscription_id: self.subscription_id.value?,
            overlap: overlap?,
            since: since?,
        })
    }
}
