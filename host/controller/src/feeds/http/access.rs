//! Clients for one feed, and to whom its credentials go.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use base64ct::{Base64, Encoding};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Identity, NoProxy, Proxy, RequestBuilder};
use url::{Origin, Url};

use crate::config::{Auth, ClientCertificate, Http};
use crate::limited::read_limited;

/// Longest PEM file that is read, in bytes: the bundles of systems have a quarter of a million.
const MAX_PEM_BYTES: u64 = 16 * 1024 * 1024;
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
        // Whoever came first is fine: it is the same one everywhere in this program.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let anonymous = client(builder(http)?)?;
        let known = match certificate {
            Some(certificate) => client(builder(http)?.identity(identity(certificate)?))?,
            None => anonymous.clone(),
        };
        let credentials = credentials(auth)?;
        let mut secrets = match auth {
            Auth::None => Vec::new(),
            Auth::Basic { password, .. } => vec![password.expose().to_owned()],
            Auth::Bearer(secret) | Auth::Header { value: secret, .. } => vec![secret.expose().to_owned()],
        };
        let sent = credentials.as_ref().and_then(|(_, value)| value.to_str().ok());
        secrets.extend(sent.map(|sent| sent.trim_start_matches("Basic ").to_owned()));
        secrets.retain(|secret| !secret.is_empty());
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
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
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
    builder.build().context(
        "the HTTP client cannot be set up; without certificates of authorities on this machine, install them (ca-certificates) or name some (`ca_files` in [http])",
    )
}

fn identity(files: &ClientCertificate) -> anyhow::Result<Identity> {
    let mut both = pem(&files.certificate)?;
    both.push(b'\n');
    both.extend(pem(&files.key)?);
    Identity::from_pem(&both).with_context(|| {
        format!(
            "expected a certificate in {} and its private key in {}, both in PEM",
            files.certificate.display(),
            files.key.display()
        )
    })
}

fn pem(path: &Path) -> anyhow::Result<Vec<u8>> {
    let read = File::open(path).and_then(|file| read_limited(file, MAX_PEM_BYTES));
    read.with_context(|| path.display().to_string())?.with_context(|| {
        format!("{}: expected PEM of at most {MAX_PEM_BYTES} bytes, got more", path.display())
    })
}

fn credentials(auth: &Auth) -> anyhow::Result<Option<(HeaderName, HeaderValue)>> {
    let (name, text) = match auth {
        Auth::None => return Ok(None),
        Auth::Basic { user, password } => {
            let both = format!("{user}:{}", password.expose());
            (AUTHORIZATION, format!("Basic {}", Base64::encode_string(both.as_bytes())))
        }
        Auth::Bearer(token) => (AUTHORIZATION, format!("Bearer {}", token.expose())),
        Auth::Header { name, value } => {
            (name.parse().with_context(|| format!("header {name:?}"))?, value.expose().to_owned())
        }
    };
    // The error would not show the text, and neither does this.
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        anyhow!("expected credentials that fit into a header, got some with control characters")
    })?;
    value.set_sensitive(true);
    Ok(Some((name, value)))
}
