//! A mail server (RFC 5321), spoken to over one connection for all mails of a round.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;

use anyhow::Context;
use base64ct::{Base64, Encoding};
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use tokio::net::lookup_host;

use crate::config::{Smtp, SmtpTls};
use crate::credentials;
use crate::output::clipped;

/// Characters of a server's answer that are kept.
const ANSWER_CHARS: usize = 500;

/// Why a mail was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is the server, the connection, the login or the sender: every other mail would meet it too.
    Server(String),
    /// This mail is not wanted now (4xx).
    Later(String),
    /// This mail, or this recipient, is not wanted at all (5xx): the server's final word.
    Never(String),
}

/// The server, and the connection to it while there is one.
pub(super) struct Server<'a> {
    smtp: &'a Smtp,
    connection: Option<AsyncSmtpConnection>,
}

impl<'a> Server<'a> {
    pub(super) fn new(smtp: &'a Smtp) -> Server<'a> {
        Server { smtp, connection: None }
    }

    /// Hands one mail over. Once this returns `Ok`, the server has it.
    pub(super) async fn send(&mut self, from: &Address, to: &Address, mail: &[u8]) -> Result<(), Trouble> {
        let mut connection = self.ready().await?;
        match self.exchange(&mut connection, from, to, mail).await {
            Ok(()) => {
                self.connection = Some(connection);
                Ok(())
            }
            Err(trouble) => {
                // After a refusal the server is at the start again, if it says so.
                let is_about_the_mail = !matches!(trouble, Trouble::Server(_));
                if is_about_the_mail
                    && !connection.has_broken()
                    && self.timed(connection.command(Rset)).await.is_ok()
                {
                    self.connection = Some(connection);
                }
                Err(trouble)
            }
        }
    }

    /// Says goodbye.
    pub(super) async fn quit(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            // All is said and done; how the server takes it does not matter.
            let _ = self.timed(connection.quit()).await;
        }
    }

    /// The connection of the last mail if it still stands, else a new one.
    async fn ready(&mut self) -> Result<AsyncSmtpConnection, Trouble> {
        if let Some(mut connection) = self.connection.take()
            && self.timed(connection.command(Noop)).await.is_ok()
        {
            return Ok(connection);
        }
        self.connect().await.map_err(|error| Trouble::Server(self.scrubbed(&error)))
    }

    async fn exchange(
        &self,
        connection: &mut AsyncSmtpConnection,
        from: &Address,
        to: &Address,
        mail: &[u8],
    ) -> Result<(), Trouble> {
        let mut options = Vec::new();
        let is_ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        if !is_ascii(from) || !is_ascii(to) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(Trouble::Later(format!(
                    "the address {to} needs SMTPUTF8, which the server does not offer"
                )));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        if !mail.is_ascii() && connection.server_info().supports_feature(Extension::EightBitMime) {
            options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let of_sender = |answer: Failed| match answer {
            Failed::Refused { text, .. } => {
                Trouble::Server(format!("the server refuses the sender {from}: {text}"))
            }
            Failed::Broken(text) => Trouble::Server(text),
        };
        self.timed(connection.command(Mail::new(Some(from.clone()), options))).await.map_err(of_sender)?;
        self.timed(connection.command(Rcpt::new(to.clone(), Vec::new()))).await.map_err(of_mail)?;
        self.timed(connection.command(Data)).await.map_err(of_mail)?;
        self.timed(connection.message(mail)).await.map_err(of_mail)?;
        Ok(())
    }

    /// Connects, has the connection encrypted as configured, and signs in.
    async fn connect(&self) -> anyhow::Result<AsyncSmtpConnection> {
        let smtp = self.smtp;
        let at = || format!("mail server {}:{}", smtp.host, smtp.port);
        let addresses = self.addresses().await.with_context(at)?;
        let tls = self.tls().with_context(at)?;
        let hello = hello();
        let (wrapped, upgraded) = match smtp.tls {
            SmtpTls::Implicit => (tls, None),
            SmtpTls::StartTls => (None, tls),
            SmtpTls::None => (None, None),
        };
        let connecting =
            AsyncSmtpConnection::connect_tokio1(&addresses[..], Some(smtp.timeout), &hello, wrapped, None);
        let mut connection = self.timed(connecting).await.context("connecting").with_context(at)?;
        if let Some(tls) = upgraded {
            anyhow::ensure!(
                connection.can_starttls(),
                "{}: expected STARTTLS, which the server does not offer; nothing was sent",
                at()
            );
            self.timed(connection.starttls(tls, &hello)).await.context("STARTTLS").with_context(at)?;
        }
        if let (Some(user), Some(password)) = (&smtp.user, &smtp.password) {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            self.timed(connection.auth(DEFAULT_MECHANISMS, &credentials))
                .await
                .with_context(|| format!("signing in as {user}"))
                .with_context(at)?;
        }
        Ok(connection)
    }

    /// Where the server is. Without encryption only this machine will do, unless configured otherwise.
    async fn addresses(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let smtp = self.smtp;
        let found = tokio::time::timeout(smtp.timeout, lookup_host((smtp.host.as_str(), smtp.port)));
        let addresses: Vec<_> = found.await.context("the name is not resolved in time")??.collect();
        let stays_here = addresses.iter().all(|address| address.ip().to_canonical().is_loopback());
        anyhow::ensure!(
            smtp.tls != SmtpTls::None || stays_here || smtp.allow_plaintext,
            "expected a server on this machine, since mails are not to be encrypted, got {}",
            addresses.first().map_or_else(String::new, ToString::to_string)
        );
        Ok(addresses)
    }

    fn tls(&self) -> anyhow::Result<Option<TlsParameters>> {
        if self.smtp.tls == SmtpTls::None {
            return Ok(None);
        }
        let mut builder = TlsParameters::builder(self.smtp.host.clone());
        for path in &self.smtp.ca_files {
            let pem = credentials::pem(path)?;
            let certificate = Certificate::from_pem(&pem).with_context(|| path.display().to_string())?;
            builder = builder.add_root_certificate(certificate);
        }
        Ok(Some(builder.build_rustls()?))
    }

    /// An answer in time.
    async fn timed<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Failed> {
        let limit = self.smtp.timeout;
        match tokio::time::timeout(limit, answer).await {
            Ok(answer) => answer.map_err(|error| self.failed(&error)),
            Err(_) => Err(Failed::Broken(format!("no answer within {}", humantime::format_duration(limit)))),
        }
    }

    fn failed(&self, error: &Error) -> Failed {
        let source = std::error::Error::source(error).map(ToString::to_string);
        match error.status() {
            Some(code) => {
                let text = clipped(self.hidden(&source.unwrap_or_default()).as_bytes(), ANSWER_CHARS);
                Failed::Refused {
                    code: u16::from(code),
                    text: format!("{code} {text}").trim_end().to_owned(),
                }
            }
            None => Failed::Broken(clipped(
                self.hidden(&source.unwrap_or_else(|| error.to_string())).as_bytes(),
                ANSWER_CHARS,
            )),
        }
    }

    fn scrubbed(&self, error: &anyhow::Error) -> String {
        self.hidden(&format!("{error:#}"))
    }

    /// A text without the password, in case a server answers with what it was sent.
    fn hidden(&self, text: &str) -> String {
        let Some(password) = self.smtp.password.as_ref().map(|password| password.expose()) else {
            return text.to_owned();
        };
        let plain = format!("\0{}\0{password}", self.smtp.user.as_deref().unwrap_or_default());
        [
            Base64::encode_string(plain.as_bytes()),
            Base64::encode_string(password.as_bytes()),
            password.to_owned(),
        ]
        .iter()
        .filter(|secret| !secret.is_empty())
        .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
    }
}

/// How an exchange failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    /// The server's answer.
    #[error("{text}")]
    Refused { code: u16, text: String },
    /// No answer, or none that can be read.
    #[error("{0}")]
    Broken(String),
}

fn of_mail(failed: Failed) -> Trouble {
    match failed {
        // The service is closing (RFC 5321 section 3.8), which is not about this mail.
        Failed::Refused { code: 421, text } | Failed::Broken(text) => Trouble::Server(text),
        Failed::Refused { code: 500.., text } => Trouble::Never(text),
        Failed::Refused { text, .. } => Trouble::Later(text),
    }
}

/// How this machine is called in EHLO: by its full name if it knows one (RFC 5321 section 4.1.4).
fn hello() -> ClientId {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    let is_full =
        name.contains('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    if is_full { ClientId::Domain(name.to_owned()) } else { ClientId::default() }
}

/// What a server offered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    at: String,
    encrypted: bool,
    extensions: Vec<&'static str>,
    user: Option<String>,
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encrypted = if self.encrypted { "encrypted, certificate verified" } else { "not encrypted" };
        write!(f, "mail server {}: {encrypted}", self.at)?;
        match &self.user {
            Some(user) => write!(f, ", signed in as {user}")?,
            None => f.write_str(", not signed in")?,
        }
        match self.extensions[..] {
            [] => f.write_str("; offers none of STARTTLS, AUTH, 8BITMIME, SMTPUTF8"),
            _ => write!(f, "; offers {}", self.extensions.join(", ")),
        }
    }
}

/// Connects as for sending (EHLO, TLS, AUTH), asks for nothing (NOOP), leaves (QUIT), and tells what the server offered.
pub(crate) async fn probe(smtp: &Smtp) -> anyhow::Result<Offer> {
    const KNOWN: [(Extension, &str); 5] = [
        (Extension::StartTls, "STARTTLS"),
        (Extension::Authentication(Mechanism::Plain), "AUTH PLAIN"),
        (Extension::Authentication(Mechanism::Login), "AUTH LOGIN"),
        (Extension::EightBitMime, "8BITMIME"),
        (Extension::SmtpUtfEight, "SMTPUTF8"),
    ];
    let mut server = Server::new(smtp);
    let mut connection = server.connect().await.map_err(|error| anyhow::anyhow!(server.scrubbed(&error)))?;
    server.timed(connection.command(Noop)).await.context("NOOP")?;
    let info = connection.server_info();
    let offer = Offer {
        at: format!("{}:{}", smtp.host, smtp.port),
        encrypted: connection.is_encrypted(),
        extensions: KNOWN
            .into_iter()
            .filter(|(known, _)| info.supports_feature(*known))
            .map(|(_, name)| name)
            .collect(),
        user: smtp.user.clone().filter(|_| smtp.password.is_some()),
    };
    server.connection = Some(connection);
    server.quit().await;
    Ok(offer)
}
