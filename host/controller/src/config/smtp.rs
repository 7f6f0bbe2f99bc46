//! `[alerts.smtp]`.

use std::path::PathBuf;
use std::time::Duration;

use super::Secret;
use super::credentials::basic;
use super::kinds::{BOOLEAN, DURATION, FilePath, TEXT, Words, integer};
use super::nested::list;
use super::reader::Reader;
use super::secret::SecretPlace;

/// A mail server.
#[derive(Debug, Clone)]
pub(crate) struct Smtp {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: SmtpTls,
    /// With [`SmtpTls::None`], a server beyond this machine is allowed.
    pub(crate) allow_plaintext: bool,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    /// Certificates (PEM) of authorities to trust in addition to the system's.
    pub(crate) ca_files: Vec<PathBuf>,
    /// Longest wait for an answer.
    pub(crate) timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SmtpTls {
    /// RFC 3207. A server that does not offer it is not used.
    StartTls,
    /// RFC 8314 section 3.3.
    Implicit,
    /// For servers on this machine.
    None,
}

impl SmtpTls {
    fn default_port(self) -> u16 {
        match self {
            SmtpTls::StartTls => 587,
            SmtpTls::Implicit => 465,
            SmtpTls::None => 25,
        }
    }
}

fields! {
    /// Mail server.
    #[heading = "[alerts.smtp]"]
    struct SmtpSettings<'a> {
        /// Host name or address.
        #[setting(TEXT, required, example = "mail.example.org")]
        host: String,

        /// Port. Without it, 587 for `starttls`, 465 for `implicit`, 25 for `none`.
        #[setting(integer::<u16>(1, 65_535, ""), optional, example = 2525)]
        port: Option<u16>,

        /// Encryption: `starttls` (RFC 3207), `implicit` (RFC 8314 section 3.3), or `none` for a
        /// server on this machine.
        #[setting(
            Words(&[
                ("starttls", SmtpTls::StartTls),
                ("implicit", SmtpTls::Implicit),
                ("none", SmtpTls::None),
            ]),
            default = "starttls",
            example = "implicit"
        )]
        tls: SmtpTls,

        /// User name; needs `password`.
        #[setting(TEXT, optional, example = "threatsieve")]
        user: Option<String>,

        /// Password; needs `user`.
        #[setting(SecretPlace, optional, example = { file = "/run/secrets/smtp" })]
        password: Option<Secret>,

        /// Certificates (PEM) of authorities to trust in addition to the system's.
        #[setting(list(FilePath, "paths"), default = [], example = ["/etc/ssl/office-ca.pem"])]
        ca_files: Vec<PathBuf>,

        /// With `tls = "none"`, allow a server beyond this machine too. Mails and the password then
        /// cross the network in the clear.
        #[setting(BOOLEAN, default = false, example = true)]
        allow_plaintext: bool,

        /// Longest wait for an answer.
        #[setting(DURATION, default = "30s", example = "10s")]
        timeout: Duration,
    }
}

pub(super) fn smtp(table: &Reader<'_>) -> Option<Smtp> {
    let settings = SmtpSettings::read(table);
    let (user, password) = basic(settings.user, settings.password)?.unzip();
    let tls = settings.tls.value?;
    Some(Smtp {
        host: settings.host.value?,
        port: settings.port.value?.unwrap_or_else(|| tls.default_port()),
        tls,
        allow_plaintext: settings.allow_plaintext.value?,
        user,
        password,
        ca_files: settings.ca_files.value?,
        timeout: settings.timeout.value?,
    })
}
