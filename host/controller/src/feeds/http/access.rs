//! HTTP clients for one feed. They decide which servers get its credentials, and which hosts may
//! not be contacted.

use std::sync::Arc;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder};
use url::{Origin, Url};

use crate::config::{Auth, ClientCertificate, Http, Secret};
use crate::network::{PublicHosts, Refused, Secrets, auth_header, configured_client};

/// The trust in a URL's host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The configured scheme, host and port, and no other server chose the URL. Gets the
    /// credentials.
    Home,
    /// The configured origin or one that the configuration allows, in a URL that another server
    /// chose. Gets no credentials.
    Allowed,
    /// Any other host. Gets no credentials, must have a public address, and its answers are not
    /// quoted in messages.
    Foreign,
}

/// The clients and credentials for a feed's requests.
pub(super) struct Access {
    /// The origins that get the credentials: scheme, host and port of configured URLs.
    homes: Vec<Origin>,
    /// Other origins that redirects may lead to, whatever their addresses.
    allowed: Vec<Origin>,
    /// Presents the client certificate, if there is one.
    known: Client,
    /// Presents no client certificate.
    anonymous: Client,
    /// Presents no client certificate, and connects to public addresses only.
    foreign: Client,
    public: PublicHosts,
    has_certificate: bool,
    credentials: Option<(HeaderName, HeaderValue)>,
    secrets: Secrets,
}

impl Access {
    pub(super) fn new(
        http: &Http,
        home: &Url,
        auth: &Auth,
        certificate: Option<&ClientCertificate>,
    ) -> anyhow::Result<Access> {
        let anonymous = configured_client(http, None, |builder| builder)?;
        let known = match certificate {
            Some(_) => configured_client(http, certificate, |builder| builder)?,
            None => anonymous.clone(),
        };
        let public = PublicHosts::new(http.proxy.as_ref());
        let resolver = Arc::new(public.clone());
        let foreign = configured_client(http, None, |builder| builder.dns_resolver(resolver))?;
        let credentials = auth_header(auth)?;
        let mut secrets = Secrets::of_auth(auth, credentials.as_ref());
        secrets.add_url(home);
        Ok(Access {
            homes: vec![home.origin()],
            allowed: http.allow_redirects_to.iter().map(Url::origin).collect(),
            known,
            anonymous,
            foreign,
            public,
            has_certificate: certificate.is_some(),
            credentials,
            secrets,
        })
    }

    pub(super) fn trust(&mut self, servers: &[Url]) {
        self.homes.extend(servers.iter().map(Url::origin));
        servers.iter().for_each(|url| self.secrets.add_url(url));
    }

    pub(super) fn log_in(&mut self, token: &Secret) -> anyhow::Result<()> {
        self.hide(token);
        self.credentials = auth_header(&Auth::Bearer(token.clone()))?;
        Ok(())
    }

    pub(super) fn hide(&mut self, secret: &Secret) {
        self.secrets.add(secret.expose());
    }

    /// Returns whether there are credentials or a client certificate.
    pub(super) fn has_credentials(&self) -> bool {
        self.credentials.is_some() || self.has_certificate
    }

    /// Returns the trust in a URL's host. `is_own` is false if another server chose the URL.
    pub(super) fn reach(&self, url: &Url, is_own: bool) -> Reach {
        let origin = url.origin();
        match self.homes.contains(&origin) {
            true if is_own => Reach::Home,
            is_home if is_home || self.allowed.contains(&origin) => Reach::Allowed,
            _ => Reach::Foreign,
        }
    }

    /// Builds a request. Fails for a host that may not be contacted. The addresses of a foreign
    /// host's name are checked when the client connects.
    pub(super) fn request(
        &self,
        method: Method,
        url: &Url,
        reach: Reach,
    ) -> Result<RequestBuilder, Refused> {
        let client = match reach {
            Reach::Home => &self.known,
            Reach::Allowed => &self.anonymous,
            Reach::Foreign => {
                self.public.check(url)?;
                &self.foreign
            }
        };
        let request = client.request(method, url.clone());
        Ok(match &self.credentials {
            Some((name, value)) if reach == Reach::Home => request.header(name, value),
            _ => request,
        })
    }

    #[cfg(test)]
    pub(super) fn foreign(&self) -> &Client {
        &self.foreign
    }

    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }
}
