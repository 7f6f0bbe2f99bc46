//! TAXII feeds in `[[feeds]]`.

use std::time::Duration;

use threatsieve_blacklist::Timestamp;
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
