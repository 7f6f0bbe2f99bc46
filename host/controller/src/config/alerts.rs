//! `[alerts]`.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;
use threatsieve_blacklist::Tlp;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::definition::Table;
use super::kinds::{DURATION, Describe, FilePath, Kind, MAIL_ADDRESS, Plain, TlpLevel, integer};
use super::nested::{TableOf, list, non_empty_list};
use super::reader::{Place, Reader};
use super::smtp::{Smtp, SmtpSettings, smtp};

/// Recipients of mails, and their delivery.
#[derive(Debug, Clone)]
pub(crate) struct Alerts {
    pub(crate) from: String,
    pub(crate) recipients: Vec<Recipient>,
    /// Recipients of mails about the service itself; empty for all recipients of alerts.
    pub(crate) operators: Vec<String>,
    pub(crate) transport: Transport,
    /// Indicators and source hosts listed in one mail; more are counted.
    pub(crate) max_groups: usize,
    /// Example events shown for one indicator.
    pub(crate) max_examples: usize,
    /// Time after which a mail that cannot be delivered is given up.
    pub(crate) give_up_after: Duration,
}

impl Alerts {
    /// Addresses that get mails about the service itself, each once.
    pub(crate) fn operators(&self) -> Vec<&str> {
        let mut all: Vec<&str> = match &self.operators[..] {
            [] => self.recipients.iter().map(|recipient| recipient.address.as_str()).collect(),
            operators => operators.iter().map(String::as_str).collect(),
        };
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The strictest marking that an address may see; `None` for one that gets no mails.
    pub(crate) fn ceiling(&self, address: &str) -> Option<Tlp> {
        let recipient = self.recipients.iter().find(|recipient| recipient.address == address);
        let operator = self.operators.iter().find(|operator| *operator == address);
        recipient.map(|recipient| recipient.max_tlp).or(operator.map(|_| Tlp::Clear))
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Transport {
    /// One `.eml` file per mail.
    Folder(PathBuf),
    Smtp(Smtp),
}

fields! {
    /// Recipients of mails, and their delivery: `folder` or `[alerts.smtp]`, one of the two.
    #[heading = "[alerts]"]
    struct AlertSettings<'a> {
        /// Sender.
        #[setting(MAILBOX, required, example = "threatsieve@example.org")]
        from: String,

        /// Recipients of alerts. A table sets the strictest marking that its reader may see; see
        /// `alerts.recipients`.
        #[setting(
            non_empty_list(RecipientOrAddress, "mail addresses or tables"),
            required,
            example = ["soc@example.org", { address = "ciso@example.org", max_tlp = "RED" }]
        )]
        recipients: Vec<Recipient>,

        /// Recipients of mails about the service itself: a dead feed, a full disk. An empty list
        /// means all `recipients`.
        #[setting(
            list(MAIL_ADDRESS, "mail addresses"),
            default = [],
            example = ["operators@example.org"]
        )]
        operators: Vec<String>,

        /// Folder to write each mail into, as an `.eml` file.
        #[setting(FilePath, optional, example = "mails")]
        folder: Option<PathBuf>,

        /// Mail server; see `[alerts.smtp]`.
        #[setting(
            TableOf(&SmtpSettings::TABLE),
            optional,
            example = { host = "mail.example.org" }
        )]
        smtp: Option<Reader<'a>>,

        /// Number of indicators and source hosts listed in one mail. More are counted.
        #[setting(integer::<u32>(1, 10_000, ""), default = 50, example = 20)]
        max_groups: u32,

        /// Number of example events shown for one indicator.
        #[setting(integer::<u32>(0, 100, "events"), default = 3, example = 5)]
        max_examples: u32,

        /// Time after which a mail that cannot be delivered is given up.
        #[setting(DURATION, default = "5d", example = "1d")]
        give_up_after: Duration,
    }
}

settings! {
    /// A recipient with a marking of its own.
    #[heading = "alerts.recipients"]
    pub(crate) struct Recipient {
        /// Mail address.
        #[setting(MAIL_ADDRESS, required, example = "ciso@example.org")]
        pub(crate) address: String,

        /// Strictest marking that this reader may see.
        #[setting(TlpLevel, default = "AMBER", example = "RED")]
        pub(crate) max_tlp: Tlp,
    }
}

const MAILBOX: Plain<String> = Plain {
    name: "mail address",
    expected: "a mail address",
    parse: |value| {
        let text = value.as_str()?;
        text.parse::<Mailbox>().ok().map(|_| text.to_owned())
    },
};

/// A recipient's table, or an address alone, which is a table with only that.
#[derive(Debug)]
struct RecipientOrAddress;

impl Describe for RecipientOrAddress {
    fn name(&self) -> String {
        "mail address or table".to_owned()
    }

    fn table(&self) -> Option<&'static Table> {
        Some(&Recipient::TABLE)
    }
}

impl<'a> Kind<'a> for RecipientOrAddress {
    type Value = Recipient;

    fn read(&self, place: &Place<'a>, value: &Spanned<DeValue<'a>>) -> Option<Recipient> {
        let table: Cow<'_, DeTable<'a>> = match value.get_ref() {
            DeValue::Table(table) => Cow::Borrowed(table),
            address => {
                let key = Spanned::new(value.span(), Cow::Borrowed("address"));
                let address = Spanned::new(value.span(), address.clone());
                Cow::Owned(std::iter::once((key, address)).collect())
            }
        };
        Recipient::read(&Reader::new(place.clone(), &Recipient::TABLE, &table))
    }
}

pub(super) fn alerts(table: &Reader<'_>) -> Option<Alerts> {
    let settings = AlertSettings::read(table);
    let folder = &settings.folder.place;
    match (folder.is_given, settings.smtp.place.is_given) {
        (true, true) => folder.problem("expected one of `folder` and `[alerts.smtp]`, got both"),
        (false, false) => folder.problem("expected `folder` or `[alerts.smtp]`, got neither"),
        _ => {}
    }
    let smtp = settings.smtp.value.map(|table| table.map(|table| smtp(&table)));
    let transport = match (settings.folder.value?, smtp?) {
        (Some(folder), _) => Transport::Folder(folder),
        (None, smtp) => Transport::Smtp(smtp??),
    };
    Some(Alerts {
        from: settings.from.value?,
        recipients: settings.recipients.value?,
        operators: settings.operators.value?,
        transport,
        max_groups: settings.max_groups.value? as usize,
        max_examples: settings.max_examples.value? as usize,
        give_up_after: settings.give_up_after.value?,
    })
}
