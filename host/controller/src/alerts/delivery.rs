//! Delivers waiting mails, and stores the outcome of each at once.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::time::{Duration, Instant};

use lettre::Address;
use lettre::message::Mailbox;
use threatsieve_blacklist::{Timestamp, Tlp};

use super::folder;
use super::smtp::{Server, Trouble};
use crate::config::{Alerts, Transport};
use crate::stop::Stop;
use crate::store::Store;
use crate::store::mails::{Fate, LONGEST_PAUSE_MICROS, WaitingMail};
use crate::text::rfc3339;

/// Pause after the first failed attempt. Each further attempt doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_micros(LONGEST_PAUSE_MICROS.unsigned_abs());
/// Time limit in one round for mails over which connections break. The rest waits for the next
/// round.
const PATIENCE: Duration = Duration::from_secs(300);
/// Time that a mail or delivery being sent still gets after the program was asked to stop. Stopping
/// takes 10 s at most.
const GRACE: Duration = Duration::from_secs(5);

/// Counts of one round's deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub(crate) struct Delivery {
    pub(crate) sent: u64,
    /// Not accepted; to be tried again.
    pub(crate) retried: u64,
    /// Refused for good, or tried for too long.
    pub(crate) given_up: u64,
    /// The program was asked to stop, so more mails may be due.
    pub(crate) interrupted: bool,
}

impl Delivery {
    /// Adds the counts of an earlier part of the round.
    pub(crate) fn after(self, before: Option<Delivery>) -> Delivery {
        let before = before.unwrap_or_default();
        Delivery {
            sent: self.sent + before.sent,
            retried: self.retried + before.retried,
            given_up: self.given_up + before.given_up,
            interrupted: self.interrupted || before.interrupted,
        }
    }
}

/// Delivers all mails that are due, oldest first, one at a time. If the server is in trouble, it is
/// tried once only; all its mails then wait. If a connection breaks over one recipient, the others
/// go first, on a new connection.
pub(crate) async fn deliver(
    alerts: Option<&Alerts>,
    store: &mut Store,
    now: Timestamp,
    stop: &Stop,
) -> anyhow::Result<Delivery> {
    let mut delivery = Delivery::default();
    let Some(alerts) = alerts else { return Ok(delivery) };
    let mut post = Post::new(alerts);
    let mut after = i64::MIN;
    let mut deferred = VecDeque::new();
    loop {
        let mail = match store.next_mail(after, now)? {
            Some(mail) => {
                after = mail.id;
                if post.broken.contains(&mail.recipient) {
                    deferred.push_back(mail.id);
                    continue;
                }
                mail
            }
            // All recipients had their turn. Now the rest for those over whom a connection broke.
            None => match deferred.pop_front() {
                // It is still due, so it is the first mail after the identifier before it.
                Some(id) => match store.next_mail(id - 1, now)?.filter(|mail| mail.id == id) {
                    Some(mail) => mail,
                    None => continue,
                },
                None => break,
            },
        };
        let taken = tokio::select! {
            biased;
            taken = post.hand_over(&mail) => taken,
            () = grace(stop) => {
                // If the server has accepted it, the next round repeats it under the same
                // Message-ID.
                delivery.interrupted = true;
                break;
            }
        };
        // Already logged when the outage began.
        let is_logged = matches!(taken, Err(Trouble::Server(_)));
        let fate = fate(alerts, &mail, now, taken);
        log(&mail, &fate, is_logged);
        store.settle_mail(mail.id, &fate, now)?;
        match fate {
            Fate::Sent => delivery.sent += 1,
            Fate::Retry { .. } => delivery.retried += 1,
            Fate::GivenUp { .. } => delivery.given_up += 1,
        }
        if stop.is_requested() {
            delivery.interrupted = true;
            break;
        }
    }
    post.end(stop).await;
    Ok(delivery)
}

/// The delivery of one round's mails.
struct Post<'a> {
    alerts: &'a Alerts,
    way: Way<'a>,
    /// The server's trouble. Nothing more is sent to the server in this round.
    trouble: Option<String>,
    /// Recipients over whom a connection broke in this round.
    broken: BTreeSet<String>,
    /// The rest of [`PATIENCE`].
    patience: Duration,
}

enum Way<'a> {
    Folder(&'a Path),
    Server(Box<Server<'a>>),
}

impl<'a> Post<'a> {
    fn new(alerts: &'a Alerts) -> Post<'a> {
        let way = match &alerts.transport {
            Transport::Folder(path) => Way::Folder(path),
            Transport::Smtp(smtp) => Way::Server(Box::new(Server::new(smtp))),
        };
        Post { alerts, way, trouble: None, broken: BTreeSet::new(), patience: PATIENCE }
    }

    async fn hand_over(&mut self, mail: &WaitingMail) -> Result<(), Trouble> {
        let tlp = mail.tlp.unwrap_or(Tlp::Clear);
        let Some(ceiling) = self.alerts.ceiling(&mail.recipient) else {
            return Err(Trouble::Never("is no longer a recipient".to_owned()));
        };
        if tlp > ceiling {
            return Err(Trouble::Never(format!(
                "TLP:{} is now above the recipient's ceiling",
                tlp.name()
            )));
        }
        if let Some(trouble) = &self.trouble {
            return Err(Trouble::Server(trouble.clone()));
        }
        let address = |text: &str| -> Result<Address, Trouble> {
            let mailbox = text.parse::<Mailbox>();
            mailbox
                .map(|mailbox| mailbox.email)
                .map_err(|error| Trouble::Never(format!("{text:?}: {error}")))
        };
        let started = Instant::now();
        let taken = match &mut self.way {
            Way::Folder(path) => folder::put(path, &mail.message_id, &mail.body)
                .map_err(|error| Trouble::Server(format!("{error:#}"))),
            Way::Server(server) => {
                server
                    .send(&address(&self.alerts.from)?, &address(&mail.recipient)?, &mail.body)
                    .await
            }
        };
        match &taken {
            Err(Trouble::Server(trouble)) => {
                tracing::warn!("mails wait: {trouble}");
                self.trouble = Some(trouble.clone());
            }
            Err(Trouble::Broken(trouble)) => {
                self.broken.insert(mail.recipient.clone());
                self.patience = self.patience.saturating_sub(started.elapsed());
                if self.patience.is_zero() {
                    let trouble = format!("too many connections broke in this round: {trouble}");
                    tracing::warn!("mails wait: {trouble}");
                    self.trouble = Some(trouble);
                }
            }
            Ok(()) | Err(Trouble::Later(_) | Trouble::Never(_)) => {}
        }
        taken
    }

    async fn end(&mut self, stop: &Stop) {
        if let Way::Server(server) = &mut self.way {
            tokio::select! {
                () = server.quit() => {}
                () = grace(stop) => {}
            }
        }
    }
}

/// Returns [`GRACE`] after the program was asked to stop.
pub(super) async fn grace(stop: &Stop) {
    stop.requested().await;
    tokio::time::sleep(GRACE).await;
}

fn fate(alerts: &Alerts, mail: &WaitingMail, now: Timestamp, taken: Result<(), Trouble>) -> Fate {
    let error = match taken {
        Ok(()) => return Fate::Sent,
        Err(Trouble::Never(error)) => return Fate::GivenUp { error },
        Err(Trouble::Server(error) | Trouble::Broken(error) | Trouble::Later(error)) => error,
    };
    let pause = FIRST_PAUSE.saturating_mul(1 << mail.attempts.min(16)).min(LONGEST_PAUSE);
    let last = mail.composed.plus(alerts.give_up_after);
    match now >= last {
        true => {
            let limit = humantime::format_duration(alerts.give_up_after);
            Fate::GivenUp { error: format!("{error} (tried for {limit})") }
        }
        // The last try is at the time limit, not up to an hour later.
        false => Fate::Retry { at: now.plus(pause).min(last), error },
    }
}

/// Logs the outcome of a mail.
fn log(mail: &WaitingMail, fate: &Fate, is_logged: bool) {
    let (message_id, recipient) = (mail.message_id.as_str(), mail.recipient.as_str());
    match fate {
        Fate::Sent => tracing::info!(message_id, "mail to {recipient} is sent"),
        Fate::Retry { .. } if is_logged => {}
        Fate::Retry { at, error } => {
            let next = rfc3339(*at);
            tracing::warn!(message_id, "mail to {recipient} is tried again at {next}: {error}");
        }
        Fate::GivenUp { error } => {
            tracing::error!(message_id, "mail to {recipient} is given up: {error}");
        }
    }
}
