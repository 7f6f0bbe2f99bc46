//! Clients for one feed, and to whom its credentials go.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Identity, NoProxy, Proxy, RequestBuilder};
use url::{Origin, Url};

use crate::config::{Auth, ClientCertificate, Http};
use crate::credentials::{self, NO_AUTHORITIES, pem};

/// How long a connection is kept for the next page.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// What a feed's requests are made with.
pub(super) struct Access {
    /// Where the credentials belong: scheme, host and port of the configured URL.
    home: Origin,
    /// Shows the client certificate, if there is one.
    known: Client,
    /// Shows none.
    anonymous: Client,
    has_certificate: bool,
    credentials: Option<(HeaderName, HeaderValue)>,
    /// Texts that are never to be shown, as servers may send back what they got.
    secrets: Vec<String>,
}

impl Access {
    pub(super) fn new(
        http: &Http,
        home: &Url,
        auth: &Auth,
        certificate: Option<&ClientCertificate>,
    ) -> anyhow::Result<Access> {
        credentials::set_tls_provider();
        let anonymous = client(builder(http)?)?;
        let known = match certificate {
            Some(certificate) => client(builder(http)?.identity(identity(certificate)?))?,
            None => anonymous.clone(),
        };
        let credentials = credentials::header(auth)?;
        let secrets = credentials::secrets(auth, credentials.as_ref());
        let has_certificate = certificate.is_some();
        Ok(Access { home: home.origin(), known, anonymous, has_certificate, credentials, secrets })
    }

    /// Whether there is anything that only the feed's own server may see.
    pub(super) fn has_credentials(&self) -> bool {
        self.credentials.is_some() || self.has_certificate
    }

    /// Whether credentials may be sent there.
    pub(super) fn is_home(&self, url: &Url) -> bool {
        url.origin() == self.home
    }

    /// A request, with all credentials or with none.
    pub(super) fn request(&self, url: &Url, with_credentials: bool) -> RequestBuilder {
        if !with_credentials {
            return self.anonymous.get(url.clone());
        }
        let request = self.known.get(url.clone());
        match &self.credentials {
            Some((name, value)) => request.header(name, value),
            None => request,
        }
    }

    /// A text from outside without what is secret.
    pub(super) fn redacted(&self, text: &str) -> String {
        credentials::redacted(text, &self.secrets)
    }
}

fn builder(http: &Http) -> anyhow::Result<ClientBuilder> {
    let mut builder = Client::builder()
        .user_agent(&http.user_agent)
        .connect_timeout(http.connect_timeout)
        .pool_idle_timeout(POOL_IDLE)
        // They are followed here, where it is known what may go where.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false);
    for path in &http.ca_files {
        let pem = pem(path)?;
        let certificates = Certificate::from_pem_bundle(&pem)
            .with_context(|| format!("{}: expected certificates in PEM", path.display()))?;
        ensure!(!certificates.is_empty(), "{}: expected certificates in PEM, got none", path.display());
        builder = builder.tls_certs_merge(certificates);
    }
    if let Some(proxy) = &http.proxy {
        let proxy = Proxy::all(proxy.clone()).map_err(reqwest::Error::without_url);
        builder = builder.proxy(proxy.context("the proxy")?.no_proxy(NoProxy::from_env()));
    }
    Ok(builder)
}

fn client(builder: ClientBuilder) -> anyhow::Result<Client> {
    builder
        .build()
        .with_context(|| format!("the HTTP client cannot be set up; {NO_AUTHORITIES} (`ca_files` in [http])"))
}

fn identity(files: &ClientCertificate) -> anyhow::Result<Identity> {
    Identity::from_pem(&credentials::identity_pem(files)?).with_context(|| credentials::no_identity(files))
}
