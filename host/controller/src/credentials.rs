//! What servers are shown, read and never told of: headers, PEM files.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, anyhow};
use base64ct::{Base64, Encoding};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use crate::config::{Auth, ClientCertificate};
use crate::limited::read_limited;

/// Longest PEM file that is read, in bytes: the bundles of systems have a quarter of a million.
const MAX_PEM_BYTES: u64 = 16 * 1024 * 1024;
/// Why an HTTP client cannot be set up, in most cases.
pub(crate) const NO_AUTHORITIES: &str =
    "without certificates of authorities on this machine, install them (ca-certificates) or name some";

/// Makes the whole program use one implementation of TLS. Whoever came first is fine: it is the same one everywhere.
pub(crate) fn set_tls_provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The header that says who asks; `None` where nobody does.
pub(crate) fn header(auth: &Auth) -> anyhow::Result<Option<(HeaderName, HeaderValue)>> {
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

/// Texts that are never to be shown, as servers may send back what they got.
pub(crate) fn secrets(auth: &Auth, sent: Option<&(HeaderName, HeaderValue)>) -> Vec<String> {
    let secret = match auth {
        Auth::None => None,
        Auth::Basic { password, .. } => Some(password),
        Auth::Bearer(secret) | Auth::Header { value: secret, .. } => Some(secret),
    };
    let sent = sent.and_then(|(_, value)| value.to_str().ok());
    let bare = |text: &str| text.trim_start_matches("Basic ").trim_start_matches("ApiKey ").to_owned();
    let texts = secret.map(|secret| bare(secret.expose())).into_iter().chain(sent.map(bare));
    texts.filter(|secret| !secret.is_empty()).collect()
}

/// A text from outside without what is secret.
pub(crate) fn redacted(text: &str, secrets: &[String]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
}

/// A certificate and its key, in one.
pub(crate) fn identity_pem(files: &ClientCertificate) -> anyhow::Result<Vec<u8>> {
    let mut both = pem(&files.certificate)?;
    both.push(b'\n');
    both.extend(pem(&files.key)?);
    Ok(both)
}

/// Why these files are of no use.
pub(crate) fn no_identity(files: &ClientCertificate) -> String {
    format!(
        "expected a certificate in {} and its private key in {}, both in PEM",
        files.certificate.display(),
        files.key.display()
    )
}

/// A PEM file's bytes.
pub(crate) fn pem(path: &Path) -> anyhow::Result<Vec<u8>> {
    let read = File::open(path).and_then(|file| read_limited(file, MAX_PEM_BYTES));
    read.with_context(|| path.display().to_string())?.with_context(|| {
        format!("{}: expected PEM of at most {MAX_PEM_BYTES} bytes, got more", path.display())
    })
}
