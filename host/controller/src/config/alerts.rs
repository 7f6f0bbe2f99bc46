//! `[alerts]` and `[alerts.smtp]`.

use lettre::Address;
use lettre::message::Mailbox;
use toml::de::{DeTable, DeValue};

use super::reader::Reader;
use super::shown::quoted;
use super::{Alerts, Recipient, Smtp, SmtpTls, Transport, settings};

pub(super) fn alerts(table: &Reader<'_>) -> Option<Alerts> {
    let from = table.value("from", "a mail address", |value| {
        let text = value.as_str()?;
        text.parse::<Mailbox>().ok().map(|_| text.to_owned())
    });
    let recipients = recipients(table);
    let operators = operators(table);
    let (folder, smtp) = (table.path("folder"), table.table("smtp", &settings::SMTP));
    let smtp = smtp.map(|smtp| smtp.map(|table| self::smtp(&table)));
    let max_groups = table.integer("max_groups", 1, 10_000);
    let max_examples = table.integer("max_examples", 0, 100);
    let give_up_after = table.duration("give_up_after");
    let transport = match (folder?, smtp?) {
        (Some(folder), None) => Some(Transport::Folder(folder)),
        (None, Some(smtp)) => smtp.map(Transport::Smtp),
        (Some(_), Some(_)) => {
            table.problem("folder", "expected one of `folder` and `[alerts.smtp]`, got both");
            None
        }
        (None, None) => {
            table.problem("folder", "expected `folder` or `[alerts.smtp]`, got neither");
            None
        }
    };
    Some(Alerts {
        from: from?,
        recipients: recipients?,
        operators: operators?,
        transport: transport?,
        max_groups: max_groups?? as usize,
        max_examples: max_examples?? as usize,
        give_up_after: give_up_after??,
    })
}

fn operators(table: &Reader<'_>) -> Option<Vec<String>> {
    let operators = table.texts("operators")?.unwrap_or_default();
    let is_address = |text: &&String| text.parse::<Address>().is_ok();
    if let Some(wrong) = operators.iter().find(|text| !is_address(text)) {
        table.problem(
            "operators",
            format!("expected a list of mail addresses, got {}", quoted(wrong)),
        );
        return None;
    }
    Some(operators)
}

fn recipients(table: &Reader<'_>) -> Option<Vec<Recipient>> {
    let list = table.value("recipients", "a list of mail addresses or tables", |value| {
        value.as_array().filter(|list| !list.is_empty()).map(|_| ())
    });
    let mut all = Vec::new();
    for (at, item) in table.items("recipients").iter().enumerate() {
        let path = table.key(&format!("recipients[{at}]"));
        // An address alone stands for a table with nothing else.
        let plain: DeTable<'_> = match item.get_ref() {
            DeValue::Table(given) => given.clone(),
            address => std::iter::once((
                toml::Spanned::new(item.span(), std::borrow::Cow::Borrowed("address")),
                toml::Spanned::new(item.span(), address.clone()),
            ))
            .collect(),
        };
        let reader = Reader::new(table.file, &settings::RECIPIENT, &path, &plain, item.span());
        let address = reader.value("address", "a mail address", |value| {
            let text = value.as_str()?;
            text.parse::<Address>().ok().map(|_| text.to_owned())
        });
        let max_tlp = reader.tlp("max_tlp");
        all.push((|| Some(Recipient { address: address?, max_tlp: max_tlp?? }))());
    }
    list?;
    all.into_iter().collect()
}

fn smtp(table: &Reader<'_>) -> Option<Smtp> {
    let host = table.text("host");
    let tls = table.word("tls", &["starttls", "implicit", "none"]);
    let port = table.integer("port", 1, 65_535);
    for (one, other) in [("user", "password"), ("password", "user")] {
        if table.is_given(one) && !table.is_given(other) {
            table.hidden_problem(one, format!("expected `{other}` beside it, got nothing"));
        }
    }
    let (user, password) = (table.optional_text("user"), table.secret("password"));
    let ca_files = table.paths("ca_files");
    let timeout = table.duration("timeout");
    let allow_plaintext = table.boolean("allow_plaintext");
    let (tls, default_port) =
        [(SmtpTls::StartTls, 587), (SmtpTls::Implicit, 465), (SmtpTls::None, 25)][tls?];
    Some(Smtp {
        host: host?,
        port: port?.and_then(|port| u16::try_from(port).ok()).unwrap_or(default_port),
        tls,
        allow_plaintext: allow_plaintext?,
        user: user?,
        password: password?,
        ca_files: ca_files?,
        timeout: timeout??,
    })
}
