//! Credentials for a server: of feeds, of the mail server and of the cluster.

use std::path::PathBuf;

use url::{Host, Url};

use super::Secret;
use super::kinds::{Plain, non_empty};
use super::reader::{Field, Place};
use super::secret::SecretPlace;

/// Credentials of requests.
#[derive(Debug, Clone)]
pub(crate) enum Auth {
    None,
    Basic {
        user: String,
        password: Secret,
    },
    Bearer(Secret),
    /// An API key in a header of this name.
    Header {
        name: String,
        value: Secret,
    },
}

/// The files with a client certificate and its private key.
#[derive(Debug, Clone)]
pub(crate) enum ClientCertificate {
    Pem { certificate: PathBuf, key: PathBuf },
    Pkcs12 { file: PathBuf, password: Secret },
}

settings! {
    /// An API key in a header.
    #[heading = "feeds.header"]
    pub(super) struct Header {
        /// Name of the header.
        #[setting(HEADER_NAME, required, example = "X-API-Key")]
        pub(super) name: String,

        /// The key.
        #[setting(SecretPlace, required, example = { env = "PARTNER_KEY" })]
        pub(super) value: Secret,
    }
}

const HEADER_NAME: Plain<String> = Plain {
    name: "string",
    expected: "a header's name (RFC 9110: letters, digits, hyphens)",
    parse: |value| {
        let name = non_empty(value)?;
        is_header_name(name).then(|| name.to_owned())
    },
};

/// Returns whether a text can be a header's name (RFC 9110, section 5.6.2).
pub(super) fn is_header_name(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}

/// Notes either of two settings that is given without the other.
pub(super) fn check_pair<T, U>(one: &Field<'_, T>, other: &Field<'_, U>) {
    for (given, missing) in [(&one.place, &other.place), (&other.place, &one.place)] {
        if given.is_given && !missing.is_given {
            let text = format!("expected `{}` alongside it, got nothing", missing.name());
            given.hidden_problem(text);
        }
    }
}

/// Notes a second way to authenticate.
pub(super) fn check_one_way(ways: &[&Place<'_>]) {
    let given: Vec<&&Place<'_>> = ways.iter().filter(|way| way.is_given).collect();
    if let [_, second, ..] = given.as_slice() {
        let names: Vec<&str> = given.iter().map(|way| way.name()).collect();
        let got = names.join(" and ");
        second.hidden_problem(format!("expected one way to authenticate, got {got}"));
    }
}

/// Returns the user name and the password, if both are given.
pub(super) fn basic(
    user: Field<'_, Option<String>>,
    password: Field<'_, Option<Secret>>,
) -> Option<Option<(String, Secret)>> {
    check_pair(&user, &password);
    Some(user.value?.zip(password.value?))
}

/// Returns the client certificate with its key, if one is given: in PEM, or in PKCS#12.
pub(super) fn client_certificate(
    certificate: Field<'_, Option<PathBuf>>,
    key: Field<'_, Option<PathBuf>>,
    file: Field<'_, Option<PathBuf>>,
    password: Field<'_, Option<Secret>>,
) -> Option<Option<ClientCertificate>> {
    check_pair(&certificate, &key);
    check_pair(&file, &password);
    if certificate.place.is_given && file.place.is_given {
        file.place.hidden_problem(format!(
            "expected one client certificate, got `{}` and `{}`",
            certificate.place.name(),
            file.place.name()
        ));
    }
    let (pem, pkcs12) = (certificate.value?.zip(key.value?), file.value?.zip(password.value?));
    Some(match (pem, pkcs12) {
        (Some((certificate, key)), _) => Some(ClientCertificate::Pem { certificate, key }),
        (None, Some((file, password))) => Some(ClientCertificate::Pkcs12 { file, password }),
        (None, None) => None,
    })
}

/// Notes credentials that would cross the network in the clear.
pub(super) fn check_encrypted(place: &Place<'_>, urls: &[Url], auth: &Auth) {
    let is_open = |url: &Url| url.scheme() == "http" && !is_loopback(url);
    if !matches!(auth, Auth::None) && urls.iter().any(is_open) {
        place.hidden_problem(
            "expected https with credentials, got http, which shows them to everyone on the way; \
             `allow_plain_http = true` in [http] allows it",
        );
    }
}

/// Returns whether a URL leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
