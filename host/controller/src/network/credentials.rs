//! Request headers with credentials, and files with certificates and keys.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, anyhow};
use base64ct::{Base64, Encoding};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use crate::config::Auth;
use crate::limited::read_limited;

/// Longest PEM file that is read, in bytes. The CA bundles of operating systems have about 250,000.
const MAX_PEM_BYTES: u64 = 16 * 1024 * 1024;
/// Longest PKCS#12 file that is read, in bytes. It has one key and a few certificates.
const MAX_PKCS12_BYTES: u64 = 1024 * 1024;

/// Builds the header with the credentials; `None` without authentication.
pub(crate) fn auth_header(auth: &Auth) -> anyhow::Result<Option<(HeaderName, HeaderValue)>> {
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
    // The message does not show the text, which is secret.
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        anyhow!("expected credentials that fit into a header, got control characters in them")
    })?;
    value.set_sensitive(true);
    Ok(Some((name, value)))
}

/// Reads a PEM file.
pub(crate) fn pem(path: &Path) -> anyhow::Result<Vec<u8>> {
    limited(path, MAX_PEM_BYTES, "PEM")
}

/// Reads a PKCS#12 file.
pub(crate) fn identity_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    limited(path, MAX_PKCS12_BYTES, "PKCS#12")
}

fn limited(path: &Path, max_bytes: u64, format: &str) -> anyhow::Result<Vec<u8>> {
    let read = File::open(path).and_then(|file| read_limited(file, max_bytes));
    read.with_context(|| path.display().to_string())?.with_context(|| {
        format!("{}: expected {format} of at most {max_bytes} bytes, got more", path.display())
    })
}
