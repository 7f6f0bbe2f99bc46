//! A client for a mail server (RFC 5321), with one connection for all mails of a round.
//!
//! The client is our own (docs/decisions/0005-connections-of-our-own.md). Everything that the
//! server sends is limited in size. Nothing that was received before encryption counts after it.

mod connect;
mod offer;
mod reply;
mod session;
#[cfg(test)]
mod tests;

use lettre::Address;

use self::session::Session;
use crate::config::Smtp;
use crate::network::Secrets;

pub(crate) use self::offer::probe;

/// Maximum number of characters of a server's reply that are kept.
const REPLY_CHARS: usize = 500;

/// The reason why a mail was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A problem with the server, the login or the sender: every other mail would fail too.
    Server(String),
    /// The connection ended, or the server closed it, over this recipient or this mail. Other mails
    /// may succeed on a new connection.
    Broken(String),
    /// This mail is refused for now (4xx).
    Later(String),
    /// This mail, or this recipient, is refused for good (5xx).
    Never(String),
}

/// The failure of an exchange.
#[derive(Debug, thiserror::Error)]
enum Failed {
    /// The server refused, with this reply.
    #[error("{text}")]
    Refused { code: u16, text: String },
    /// There was no reply, or it was not understood.
    #[error("{0}")]
    Broken(String),
}

impl Failed {
    fn io(error: std::io::Error) -> Failed {
        Failed::Broken(error.to_string())
    }
}

/// The server, with the connection to it while there is one.
pub(super) struct Server<'a> {
    smtp: &'a Smtp,
    session: Option<Session>,
    secrets: Secrets,
}

impl<'a> Server<'a> {
    pub(super) fn new(smtp: &'a Smtp) -> Server<'a> {
        Server { smtp, session: None, secrets: secrets(smtp) }
    }

    /// Sends one mail. Once this returns `Ok`, the server is responsible for it.
    pub(super) async fn send(
        &mut self,
        from: &Address,
        to: &Address,
        mail: &[u8],
    ) -> Result<(), Trouble> {
        let mut session = self.ready().await?;
        let taken = self.exchange(&mut session, from, to, mail).await;
        // After a refusal the connection can be used for the next mail if the server accepts RSET.
        let goes_on = match &taken {
            Ok(()) => true,
            Err(Trouble::Later(_) | Trouble::Never(_)) => {
                session.command("RSET", 250).await.is_ok()
            }
            Err(Trouble::Server(_) | Trouble::Broken(_)) => false,
        };
        self.session = goes_on.then_some(session);
        taken
    }

    /// Ends the connection with QUIT.
    pub(super) async fn quit(&mut self) {
        if let Some(mut session) = self.session.take() {
            // Everything is done; the server's reply does not matter.
            let _ = session.command("QUIT", 221).await;
        }
    }

    /// Returns the connection of the last mail if it still works, else a new one.
    async fn ready(&mut self) -> Result<Session, Trouble> {
        if let Some(mut session) = self.session.take()
            && session.command("NOOP", 250).await.is_ok()
        {
            return Ok(session);
        }
        self.connect().await.map_err(|error| Trouble::Server(self.shown(&format!("{error:#}"))))
    }

    async fn exchange(
        &self,
        session: &mut Session,
        from: &Address,
        to: &Address,
        mail: &[u8],
    ) -> Result<(), Trouble> {
        let mut sender = format!("MAIL FROM:<{from}>");
        let is_ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        if !is_ascii(from) || !is_ascii(to) {
            if !session.offers("SMTPUTF8", None) {
                return Err(Trouble::Later(format!(
                    "the address {to} needs SMTPUTF8, which the server does not offer"
                )));
            }
            sender.push_str(" SMTPUTF8");
        }
        if !mail.is_ascii() && session.offers("8BITMIME", None) {
            sender.push_str(" BODY=8BITMIME");
        }
        session.command(&sender, 250).await.map_err(|failed| self.about_sender(failed, from))?;
        let about_mail = |failed| self.about_mail(failed);
        session.command(&format!("RCPT TO:<{to}>"), 250).await.map_err(about_mail)?;
        session.command("DATA", 354).await.map_err(about_mail)?;
        session.mail(mail).await.map_err(about_mail)?;
        Ok(())
    }

    fn about_sender(&self, failed: Failed, from: &Address) -> Trouble {
        Trouble::Server(match failed {
            Failed::Refused { text, .. } => {
                format!("the server refuses the sender {from}: {}", self.shown(&text))
            }
            Failed::Broken(text) => self.shown(&text),
        })
    }

    fn about_mail(&self, failed: Failed) -> Trouble {
        match failed {
            // The server closes the connection (RFC 5321 section 3.8).
            Failed::Refused { code: 421, text } | Failed::Broken(text) => {
                Trouble::Broken(self.shown(&text))
            }
            Failed::Refused { code: 500.., text } => Trouble::Never(self.shown(&text)),
            Failed::Refused { text, .. } => Trouble::Later(self.shown(&text)),
        }
    }

    /// Removes the password from a server's text, in case the server repeats what it was sent.
    fn shown(&self, text: &str) -> String {
        self.secrets.excerpt(text.as_bytes(), REPLY_CHARS)
    }
}

fn secrets(smtp: &Smtp) -> Secrets {
    let mut secrets = Secrets::default();
    if let Some(password) = &smtp.password {
        secrets.add(password.expose());
        secrets.add(&connect::plain_login(smtp.user.as_deref().unwrap_or_default(), password));
    }
    secrets
}
