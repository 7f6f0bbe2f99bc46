//! The abilities that a mail server offers, for `config check`.

use std::fmt;

use anyhow::Context;

use super::Server;
use crate::config::Smtp;

/// Extensions that this client can use, with a parameter.
const KNOWN: [(&str, Option<&str>); 5] = [
    ("STARTTLS", None),
    ("AUTH", Some("PLAIN")),
    ("AUTH", Some("LOGIN")),
    ("8BITMIME", None),
    ("SMTPUTF8", None),
];

/// A server's offer, and how the connection to it was made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    at: String,
    encrypted: bool,
    extensions: Vec<String>,
    user: Option<String>,
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encrypted =
            if self.encrypted { "encrypted, certificate verified" } else { "not encrypted" };
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

/// Connects as for sending (EHLO, TLS, AUTH), sends NOOP and QUIT, and returns the server's offer.
pub(crate) async fn probe(smtp: &Smtp) -> anyhow::Result<Offer> {
    let mut server = Server::new(smtp);
    let shown = |error: anyhow::Error, server: &Server<'_>| {
        anyhow::anyhow!(server.shown(&format!("{error:#}")))
    };
    let mut session = server.connect().await.map_err(|error| shown(error, &server))?;
    session.command("NOOP", 250).await.context("NOOP").map_err(|error| shown(error, &server))?;
    let offered =
        KNOWN.into_iter().filter(|(keyword, parameter)| session.offers(keyword, *parameter));
    let name = |(keyword, parameter): (&str, Option<&str>)| match parameter {
        Some(parameter) => format!("{keyword} {parameter}"),
        None => keyword.to_owned(),
    };
    let offer = Offer {
        at: format!("{}:{}", smtp.host, smtp.port),
        encrypted: session.is_encrypted(),
        extensions: offered.map(name).collect(),
        user: smtp.user.clone().filter(|_| smtp.password.is_some()),
    };
    server.session = Some(session);
    server.quit().await;
    Ok(offer)
}
