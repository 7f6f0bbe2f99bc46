//! Letters, and the mails to recipients made from them (RFC 5322). They are marked as automatic.
//! Digests have a text and an HTML form; mails about the service itself have text only.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use askama::Template;
use lettre::Message;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use threatsieve_blacklist::{Timestamp, Tlp};

use super::page::{HtmlPage, Page, TextPage, subject};
use crate::store::digest::Digest;
use crate::store::mails::NewMail;

/// Maximum size of a mail with its headers, in bytes. Many servers accept 10 MB, but nobody reads
/// that much.
pub(super) const MAX_MAIL_BYTES: usize = 200_000;

/// The content of a mail, the same for all recipients with the same ceiling.
#[derive(Debug)]
pub(super) struct Letter {
    subject: String,
    text: Body,
    /// The HTML form, if there is one.
    html: Option<Body>,
    tlp: Option<Tlp>,
}

impl Letter {
    /// Makes the letter of a digest. A digest that is too large is shortened until it fits.
    pub(super) fn new(mut digest: Digest, now: Timestamp) -> anyhow::Result<Letter> {
        /// Reserved for the headers of a mail and of its parts, in bytes.
        const HEADERS: usize = 4096;
        loop {
            let page = Page::new(&digest, now);
            let text = TextPage { page: &page }.render().context("the text of a mail")?;
            let html = HtmlPage { page: &page }.render().context("the HTML of a mail")?;
            let (text, html) = (encoded(text)?, encoded(html)?);
            // One value, one host and one event always fit, because every text is cut.
            if text.len() + html.len() + HEADERS <= MAX_MAIL_BYTES || !digest.halve() {
                let (subject, tlp) = (subject(&digest), digest.totals.tlp);
                return Ok(Letter { subject, text, html: Some(html), tlp });
            }
        }
    }

    /// Makes a letter with text only and without a TLP marking.
    pub(super) fn plain(subject: String, text: String) -> anyhow::Result<Letter> {
        Ok(Letter { subject, text: encoded(text)?, html: None, tlp: None })
    }

    /// Makes the mail to one recipient. `round` distinguishes this letter from those of other
    /// rounds.
    pub(super) fn to(
        &self,
        recipient: &str,
        from: &str,
        round: &str,
        now: Timestamp,
    ) -> anyhow::Result<NewMail> {
        let mailbox = |address: &str| -> anyhow::Result<Mailbox> {
            address.parse().with_context(|| format!("expected an email address, got {address:?}"))
        };
        let sender = mailbox(from)?;
        // The Message-ID is the same when a mail is repeated. After a crash between the server's
        // reply and our note of it, the server can recognise the repeated mail.
        let digest = blake3::hash(format!("{round}\n{recipient}").as_bytes()).to_hex();
        let name = &digest.as_str()[..32];
        let domain = sender.email.domain().to_owned();
        let message_id = format!("<{name}@{domain}>");
        let header = |name, value: String| {
            Ok::<_, anyhow::Error>(HeaderValue::new(HeaderName::new_from_ascii(name)?, value))
        };
        let builder = Message::builder()
            .from(sender)
            .to(mailbox(recipient)?)
            .subject(self.subject.clone())
            .date(SystemTime::UNIX_EPOCH + Duration::from_micros(now.0.unsigned_abs()))
            .message_id(Some(message_id.clone()))
            // RFC 3834 section 5: asks for no out-of-office reply. Exchange reads the second
            // header.
            .raw_header(header("Auto-Submitted".to_owned(), "auto-generated".to_owned())?)
            .raw_header(header("X-Auto-Response-Suppress".to_owned(), "All".to_owned())?)
            .raw_header(header(
                "List-Id".to_owned(),
                format!("Threatsieve alerts <threatsieve-alerts.{domain}>"),
            )?);
        let text = part(ContentType::TEXT_PLAIN, &self.text);
        let message = match &self.html {
            Some(html) => builder.multipart(
                MultiPart::builder()
                    .header(ContentType::parse(&format!(
                        "multipart/alternative; boundary=\"{name}\""
                    ))?)
                    .singlepart(text)
                    .singlepart(part(ContentType::TEXT_HTML, html)),
            ),
            None => builder.singlepart(text),
        };
        let message = message.context("cannot compose a mail")?;
        Ok(NewMail {
            message_id,
            recipient: recipient.to_owned(),
            subject: self.subject.clone(),
            body: message.formatted(),
            tlp: self.tlp,
        })
    }
}

/// Encodes a text as quoted-printable: readable in a folder, and 7-bit for any server.
fn encoded(text: String) -> anyhow::Result<Body> {
    Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable)
        .map_err(|_| anyhow::anyhow!("a mail's text cannot be encoded"))
}

fn part(kind: ContentType, body: &Body) -> SinglePart {
    SinglePart::builder().header(kind).body(body.clone())
}
