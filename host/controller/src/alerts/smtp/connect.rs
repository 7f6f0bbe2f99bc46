//! Makes a connection that mails can be sent over: connects, encrypts and signs in.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, ensure};
use base64ct::{Base64, Encoding};
use rustls::ClientConfig;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::session::Session;
use super::{Failed, Server};
use crate::config::{Secret, Smtp, SmtpTls};
use crate::network::tls_config;

impl Server<'_> {
    /// Connects, encrypts the connection as configured, and signs in.
    pub(super) async fn connect(&self) -> anyhow::Result<Session> {
        let smtp = self.smtp;
        let at = || format!("mail server {}:{}", smtp.host, smtp.port);
        let tls = tls(smtp).with_context(at)?;
        let addresses = addresses(smtp).await.with_context(at)?;
        let stream = timeout(smtp.timeout, TcpStream::connect(&addresses[..]))
            .await
            .context("no connection in time")
            .and_then(|connected| connected.context("connecting"))
            .with_context(at)?;
        let session = Session::new(stream, smtp.timeout);
        let mut session = open(session, smtp, tls).await.with_context(at)?;
        if let (Some(user), Some(password)) = (&smtp.user, &smtp.password) {
            sign_in(&mut session, user, password)
                .await
                .with_context(|| format!("signing in as {user}"))
                .with_context(at)?;
        }
        Ok(session)
    }
}

/// Reads the greeting, encrypts, and sends EHLO. After STARTTLS, EHLO is sent again.
async fn open(
    mut session: Session,
    smtp: &Smtp,
    tls: Option<Arc<ClientConfig>>,
) -> anyhow::Result<Session> {
    let name = hello_name();
    match (smtp.tls, tls) {
        (SmtpTls::Implicit, Some(tls)) => {
            session = session.start_tls(tls, &smtp.host).await.context("TLS")?;
            session.greeting().await.context("the greeting")?;
        }
        (SmtpTls::StartTls, Some(tls)) => {
            session.greeting().await.context("the greeting")?;
            session.hello(&name).await.context("EHLO")?;
            ensure!(
                session.offers("STARTTLS", None),
                "expected STARTTLS, which the server does not offer; nothing was sent"
            );
            session.command("STARTTLS", 220).await.context("STARTTLS")?;
            session = session.start_tls(tls, &smtp.host).await.context("TLS after STARTTLS")?;
        }
        _ => session.greeting().await.context("the greeting")?,
    }
    session.hello(&name).await.context("EHLO")?;
    Ok(session)
}

/// Signs in (RFC 4954) by PLAIN, or by LOGIN if the server does not offer PLAIN.
async fn sign_in(session: &mut Session, user: &str, password: &Secret) -> Result<(), Failed> {
    if session.offers("AUTH", Some("PLAIN")) {
        return session
            .command(&format!("AUTH PLAIN {}", plain_login(user, password)), 235)
            .await
            .map(drop);
    }
    if !session.offers("AUTH", Some("LOGIN")) {
        return Err(Failed::Broken(
            "expected AUTH PLAIN or LOGIN, which the server does not offer".to_owned(),
        ));
    }
    session.command("AUTH LOGIN", 334).await?;
    session.command(&Base64::encode_string(user.as_bytes()), 334).await?;
    session.command(&Base64::encode_string(password.expose().as_bytes()), 235).await.map(drop)
}

/// The one message of AUTH PLAIN (RFC 4616 section 2), in Base64.
pub(super) fn plain_login(user: &str, password: &Secret) -> String {
    Base64::encode_string(format!("\0{user}\0{}", password.expose()).as_bytes())
}

/// Resolves the server's name. Without encryption, only addresses of this machine are accepted,
/// unless the configuration allows others.
async fn addresses(smtp: &Smtp) -> anyhow::Result<Vec<SocketAddr>> {
    let found = timeout(smtp.timeout, lookup_host((smtp.host.as_str(), smtp.port)));
    let addresses: Vec<_> = found.await.context("the name is not resolved in time")??.collect();
    let stays_here = addresses.iter().all(|address| address.ip().to_canonical().is_loopback());
    ensure!(
        smtp.tls != SmtpTls::None || stays_here || smtp.allow_plaintext,
        "expected a server on this machine, because encryption is off, got {}",
        addresses.first().map_or_else(String::new, ToString::to_string)
    );
    Ok(addresses)
}

fn tls(smtp: &Smtp) -> anyhow::Result<Option<Arc<ClientConfig>>> {
    match smtp.tls {
        SmtpTls::None => Ok(None),
        SmtpTls::StartTls | SmtpTls::Implicit => {
            Ok(Some(Arc::new(tls_config(&smtp.ca_files, None)?)))
        }
    }
}

/// This machine's name for EHLO: its full name if it has one, else an address literal (RFC 5321
/// section 4.1.4).
fn hello_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    let is_full = name.contains('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    if is_full { name.to_owned() } else { "[127.0.0.1]".to_owned() }
}
