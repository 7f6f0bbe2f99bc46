//! Mails to operators, and deliveries to webhooks that want them: conditions of the service itself
//! that began or ended.

use askama::Template;
use threatsieve_blacklist::Timestamp;

use super::compose::Composed;
use super::defang::defanged;
use super::mail::Letter;
use super::webhook::{Service, delivery_of_conditions};
use crate::conditions::{Changes, Condition};
use crate::config::Config;
use crate::store::Transaction;
use crate::store::mails::add_mail;
use crate::store::webhooks::{add_delivery, webhook_number};
use crate::text::{Rfc3339, clipped, counted};

/// Maximum number of conditions listed in one part of a mail; more are counted.
const MAX_LISTED: usize = 50;
/// Maximum number of characters of a condition's details.
const WHAT_CHARS: usize = 600;
/// Maximum number of characters of a feed's, source's or recipient's name.
const NAME_CHARS: usize = 120;

/// The text of a mail.
#[derive(Template)]
#[template(path = "operations.txt")]
struct Page {
    host: String,
    state: String,
    began: Part,
    ended: Part,
    lasting: Part,
    composed: Rfc3339,
}

/// Conditions of one part of a mail.
struct Part {
    listed: Vec<Line>,
    more: Option<String>,
}

/// A condition as a mail shows it.
struct Line {
    title: String,
    what: String,
    remedy: String,
    since: Rfc3339,
    /// Duration until now.
    lasted: String,
}

/// Composes one mail to each operator, and one delivery to each webhook that wants it, if any
/// condition began or ended.
pub(crate) fn compose_operations(
    transaction: &Transaction<'_>,
    config: &Config,
    changes: &Changes,
    now: Timestamp,
) -> anyhow::Result<Composed> {
    if changes.is_empty() {
        return Ok(Composed::default());
    }
    let news: Vec<String> =
        changes.began.iter().chain(&changes.ended).map(ToString::to_string).collect();
    let round = format!("operations {} {}", now.0, news.join("\n"));
    Ok(Composed {
        mails: mails(transaction, config, changes, &round, now)?,
        deliveries: deliveries(transaction, config, changes, &round, now)?,
    })
}

fn deliveries(
    transaction: &Transaction<'_>,
    config: &Config,
    changes: &Changes,
    round: &str,
    now: Timestamp,
) -> anyhow::Result<u64> {
    let service = Service::new(&config.blacklist.name, transaction)?;
    let mut deliveries = 0;
    for webhook in config.webhooks.iter().filter(|webhook| webhook.conditions) {
        let number = webhook_number(transaction, &webhook.name)?;
        let delivery = delivery_of_conditions(webhook, &service, changes, round, now)?;
        add_delivery(transaction, number, &delivery, now)?;
        deliveries += 1;
    }
    Ok(deliveries)
}

fn mails(
    transaction: &Transaction<'_>,
    config: &Config,
    changes: &Changes,
    round: &str,
    now: Timestamp,
) -> anyhow::Result<u64> {
    let Some(alerts) = &config.alerts else { return Ok(0) };
    let page = Page {
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        state: config.state.display().to_string(),
        began: Part::new(&changes.began, now),
        ended: Part::new(&changes.ended, now),
        lasting: Part::new(&changes.lasting, now),
        composed: Rfc3339(now),
    };
    let letter = Letter::plain(subject(changes), page.render()?)?;
    let operators = alerts.operators();
    for operator in &operators {
        add_mail(transaction, &letter.to(operator, &alerts.from, round, now)?, now)?;
    }
    Ok(operators.len() as u64)
}

/// The subject: `[threatsieve] problem: feed dead: partner, and 1 more`. Conditions that began are
/// named before conditions that ended.
fn subject(changes: &Changes) -> String {
    let (word, conditions) = match (&changes.began[..], &changes.ended[..]) {
        ([], ended) => ("over", ended),
        (began, _) => ("problem", began),
    };
    let first = conditions.first().map(|first| name(&first.to_string())).unwrap_or_default();
    let more = match conditions.len() {
        0 | 1 => String::new(),
        number => format!(", and {} more", number - 1),
    };
    format!("[threatsieve] {word}: {first}{more}")
}

impl Part {
    fn new(conditions: &[Condition], now: Timestamp) -> Part {
        let more = conditions.len().saturating_sub(MAX_LISTED) as u64;
        Part {
            listed: conditions
                .iter()
                .take(MAX_LISTED)
                .map(|condition| Line::new(condition, now))
                .collect(),
            more: (more > 0).then(|| counted(more, "more", "more")),
        }
    }
}

impl Line {
    fn new(condition: &Condition, now: Timestamp) -> Line {
        let seconds = now.since(condition.since.0).as_secs();
        let lasted =
            std::time::Duration::from_secs(if seconds < 60 { seconds } else { seconds / 60 * 60 });
        Line {
            title: name(&condition.to_string()),
            what: defanged(&condition.what, WHAT_CHARS),
            remedy: condition.kind.remedy(&name(&condition.subject)),
            since: condition.since,
            lasted: humantime::format_duration(lasted).to_string(),
        }
    }
}

/// Prepares a text with names from the configuration: shown as they are, but cut.
fn name(text: &str) -> String {
    clipped(text.as_bytes(), NAME_CHARS)
}
