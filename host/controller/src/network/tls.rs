//! The TLS settings of feeds, clusters and mail servers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, ensure};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls_platform_verifier::Verifier;

use super::client::NO_AUTHORITIES;
use super::credentials::pem;
use crate::config::ClientCertificate;

/// Builds TLS settings. They trust the system's authorities and those of `ca_files` (PEM), and
/// present the client certificate, if there is one.
pub(crate) fn tls_config(
    ca_files: &[PathBuf],
    certificate: Option<&ClientCertificate>,
) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut authorities = Vec::new();
    for path in ca_files {
        authorities.extend(certificates(path)?);
    }
    let verifier = Verifier::new_with_extra_roots(authorities, Arc::clone(&provider))
        .with_context(|| format!("TLS cannot be set up; {NO_AUTHORITIES} (`ca_files`)"))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some(files) = certificate else { return Ok(builder.with_no_client_auth()) };
    let both = || {
        let (chain, key) = (certificates(&files.certificate)?, private_key(&files.key)?);
        Ok::<_, anyhow::Error>(builder.with_client_auth_cert(chain, key)?)
    };
    both().with_context(|| {
        format!(
            "expected a certificate in {} and its private key in {}, both in PEM",
            files.certificate.display(),
            files.key.display()
        )
    })
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_slice_iter(&pem(path)?).collect::<Result<Vec<_>, _>>();
    let expected = || format!("{}: expected certificates in PEM", path.display());
    let all = read.map_err(|error| anyhow!("{error}")).with_context(expected)?;
    ensure!(!all.is_empty(), "{}, got none", expected());
    Ok(all)
}

fn private_key(path: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(&pem(path)?)
        .map_err(|error| anyhow!("{}: expected a private key in PEM: {error}", path.display()))
}
