//! The TLS settings of feeds, clusters and mail servers, and of the server of `run`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail, ensure};
use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
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
    match certificate {
        None => Ok(builder.with_no_client_auth()),
        Some(files) => {
            with_identity(files, |(chain, key)| builder.with_client_auth_cert(chain, key))
        }
    }
}

/// Builds the TLS settings of a server that shows this certificate. Clients prove who they are with
/// a certificate of these authorities (PEM); `is_optional` lets in those that have none.
pub(crate) fn server_tls_config(
    certificate: &ClientCertificate,
    client_ca_files: &[PathBuf],
    is_optional: bool,
) -> anyhow::Result<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = if client_ca_files.is_empty() {
        builder.with_no_client_auth()
    } else {
        let mut roots = RootCertStore::empty();
        for path in client_ca_files {
            for authority in certificates(path)? {
                roots.add(authority).with_context(|| {
                    format!("{}: expected certificates of authorities", path.display())
                })?;
            }
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = if is_optional { verifier.allow_unauthenticated() } else { verifier };
        builder.with_client_cert_verifier(verifier.build()?)
    };
    with_identity(certificate, |(chain, key)| builder.with_single_cert(chain, key))
}

/// Reads a certificate with its key, and gives both to `build`.
fn with_identity<T>(
    files: &ClientCertificate,
    build: impl FnOnce(Identity) -> Result<T, rustls::Error>,
) -> anyhow::Result<T> {
    let (identity, expected) = match files {
        ClientCertificate::Pem { certificate, key } => {
            let both = certificates(certificate).and_then(|chain| Ok((chain, private_key(key)?)));
            let expected = format!(
                "expected a certificate in {} and its private key in {}, both in PEM",
                certificate.display(),
                key.display()
            );
            (both, expected)
        }
        ClientCertificate::Pkcs12 { file, password } => {
            let expected = format!(
                "expected a certificate and its private key in {}, in PKCS#12",
                file.display()
            );
            (pkcs12(file, password), expected)
        }
    };
    identity.and_then(|identity| Ok(build(identity)?)).context(expected)
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
