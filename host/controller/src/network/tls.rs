//! The TLS settings of feeds, clusters and mail servers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail, ensure};
use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls_platform_verifier::Verifier;

use super::client::NO_AUTHORITIES;
use super::credentials::{identity_file, pem};
use crate::config::{ClientCertificate, Secret};

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
    let (identity, expected) = match certificate {
        None => return Ok(builder.with_no_client_auth()),
        Some(ClientCertificate::Pem { certificate, key }) => {
            let both = certificates(certificate).and_then(|chain| Ok((chain, private_key(key)?)));
            let expected = format!(
                "expected a certificate in {} and its private key in {}, both in PEM",
                certificate.display(),
                key.display()
            );
            (both, expected)
        }
        Some(ClientCertificate::Pkcs12 { file, password }) => {
            let expected = format!(
                "expected a certificate and its private key in {}, in PKCS#12",
                file.display()
            );
            (pkcs12(file, password), expected)
        }
    };
    identity
        .and_then(|(chain, key)| Ok(builder.with_client_auth_cert(chain, key)?))
        .context(expected)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Reads the private key of a PKCS#12 file, and its certificate with those of its issuers.
fn pkcs12(path: &Path, password: &Secret) -> anyhow::Result<Identity> {
    let store =
        KeyStore::from_pkcs12(&identity_file(path)?, password.expose(), Pkcs12ImportPolicy::Strict);
    let store = store.map_err(|error| match error {
        p12_keystore::error::Error::MacError(_) => {
            anyhow!("the password is not the file's, or the file is damaged")
        }
        error => anyhow!("{error}"),
    })?;
    let mut keys = store.entries().filter_map(|(_, entry)| match entry {
        KeyStoreEntry::PrivateKeyChain(chain) => Some(chain),
        _ => None,
    });
    let Some(chain) = keys.next() else { bail!("it has no private key with a certificate") };
    ensure!(keys.next().is_none(), "it has several private keys");
    let certificates = chain.certs().iter().map(|one| one.as_der().to_vec().into()).collect();
    Ok((certificates, PrivatePkcs8KeyDer::from(chain.key().as_der().to_vec()).into()))
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
