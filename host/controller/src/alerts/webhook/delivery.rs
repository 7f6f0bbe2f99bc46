//! Sends what waits for webhooks, and stores the outcome of each delivery at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use threatsieve_blacklist::{Timestamp, Tlp};
use tokio::runtime::Runtime;

use super::client::{Client, Trouble};
use crate::alerts::delivery::{Delivery, grace};
use crate::config::{Config, Webhook};
use crate::stop::Stop;
use crate::store::Store;
use crate::store::webhooks::{Fate, LONGEST_PAUSE_MICROS, WaitingDelivery, WebhookState};
use crate::text::rfc3339;

/// Pause after the first failed attempt. Each further attempt doubles it; half of it is random.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The same if the receiver accepts nothing: somebody has to act.
const FIRST_PAUSE_REFUSED: Duration = Duration::from_secs(5 * 60);
const LONGEST_PAUSE: Duration = Duration::from_micros(LONGEST_PAUSE_MICROS.unsigned_abs());
/// Longest time that one round waits where a receiver asks for a wait, for each webhook.
const PATIENCE: Duration = Duration::from_secs(60);
/// Shortest wait before a second try in one round.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// Longest time that one round sends to a webhook. The next round continues.
const BUDGET: Duration = Duration::from_secs(5 * 60);

/// Sends what waits to all webhooks at the same time, to each in order.
pub(crate) fn deliver_webhooks(
    config: &Config,
    store: &Mutex<Store>,
    runtime: &Runtime,
    stop: &Stop,
    now: Timestamp,
) -> anyhow::Result<Delivery> {
    let names: Vec<&str> = config.webhooks.iter().map(|webhook| webhook.name.as_str()).collect();
    let given_up = held(store).forget_other_webhooks(&names)?;
    let mut all = Delivery { given_up, ..Delivery::default() };
    std::thread::scope(|scope| {
        let running: Vec<_> = config
            .webhooks
            .iter()
            .map(|webhook| {
                let post = Post { config, webhook, store, stop, now, started: Instant::now() };
                scope.spawn(move || runtime.block_on(post.run()))
            })
            .collect();
        for thread in running {
            let delivered = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all = delivered?.after(Some(all));
        }
        Ok(all)
    })
}

fn held(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sending to one webhook in one round.
struct Post<'a> {
    config: &'a Config,
    webhook: &'a Webhook,
    store: &'a Mutex<Store>,
    stop: &'a Stop,
    now: Timestamp,
    started: Instant,
}

impl Post<'_> {
    async fn run(&self) -> anyhow::Result<Delivery> {
        let mut report = Delivery::default();
        let mut state = held(self.store).webhook(&self.webhook.name, &target(self.webhook))?;
        if !self.is_due(&state) {
            return Ok(report);
        }
        let mut client = None;
        let mut patience = PATIENCE;
        while self.started.elapsed() < BUDGET {
            let Some(delivery) = held(self.store).next_delivery(state.id)? else { break };
            let sent = tokio::select! {
                biased;
                sent = self.send(&mut client, &delivery) => sent,
                () = grace(self.stop) => {
                    // If the receiver has accepted it, the next round repeats it under its id.
                    report.interrupted = true;
                    break;
                }
            };
            let asked = match &sent {
                Err(Trouble::Later { wait: Some(wait), .. }) => Some((*wait).max(SHORTEST_WAIT)),
                _ => None,
            };
            let fate = self.fate(&delivery, sent, state.failures);
            self.log(&delivery, &fate);
            held(self.store).settle_delivery(state.id, delivery.row, &fate, self.now)?;
            match fate {
                Fate::Sent => (report.sent, state.failures) = (report.sent + 1, 0),
                Fate::GivenUp { .. } => report.given_up += 1,
                Fate::Retry { .. } => {
                    state.failures += 1;
                    // A later delivery must not overtake this one.
                    let left = asked.and_then(|wait| Some((wait, patience.checked_sub(wait)?)));
                    let Some((wait, left)) = left else {
                        report.retried += 1;
                        break;
                    };
                    patience = left;
                    self.stop.pause(wait).await;
                }
            }
            if self.stop.is_requested() {
                report.interrupted = true;
                break;
            }
        }
        Ok(report)
    }

    /// Returns whether the webhook may be tried now. A time that is too far ahead was set while the
    /// clock was wrong.
    fn is_due(&self, state: &WebhookState) -> bool {
        let longest = self.now.0.saturating_add(LONGEST_PAUSE_MICROS);
        state.next_attempt.is_none_or(|at| at <= self.now || at.0 > longest)
    }

    async fn send(
        &self,
        client: &mut Option<Client>,
        delivery: &WaitingDelivery,
    ) -> Result<(), Trouble> {
        let tlp = delivery.tlp.unwrap_or(Tlp::Clear);
        if tlp > self.webhook.max_tlp {
            let why = format!("TLP:{} is now above the webhook's ceiling", tlp.name());
            return Err(Trouble::Never(why));
        }
        let client = match client {
            Some(client) => client,
            None => {
                let new = Client::new(&self.config.http, self.webhook);
                client.insert(new.map_err(|error| Trouble::Refused(format!("{error:#}")))?)
            }
        };
        client.post(delivery).await
    }

    fn fate(&self, delivery: &WaitingDelivery, sent: Result<(), Trouble>, failures: u32) -> Fate {
        let pause = |first: Duration| {
            let whole = first.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
            whole.mul_f64(0.5 + fastrand::f64() / 2.0)
        };
        let (error, is_refused, wait) = match sent {
            Ok(()) => return Fate::Sent,
            Err(Trouble::Never(error)) => return Fate::GivenUp { error },
            Err(Trouble::Refused(error)) => (error, true, pause(FIRST_PAUSE_REFUSED)),
            Err(Trouble::Later { why, wait }) => (
                why,
                false,
                wait.map_or_else(|| pause(FIRST_PAUSE), |wait| wait.min(LONGEST_PAUSE)),
            ),
        };
        let last = delivery.composed.plus(self.webhook.give_up_after);
        match self.now >= last {
            true => {
                let limit = humantime::format_duration(self.webhook.give_up_after);
                Fate::GivenUp { error: format!("{error} (tried for {limit})") }
            }
            // The last try is at the time limit, not up to an hour later.
            false => Fate::Retry { at: self.now.plus(wait).min(last), error, is_refused },
        }
    }

    /// Logs the outcome of a delivery.
    fn log(&self, delivery: &WaitingDelivery, fate: &Fate) {
        let (id, kind, name) = (&delivery.id, &delivery.kind, &self.webhook.name);
        match fate {
            Fate::Sent => tracing::info!(delivery = id, kind, "delivered to webhook {name}"),
            Fate::Retry { at, error, .. } => {
                let next = rfc3339(*at);
                tracing::warn!(
                    delivery = id,
                    kind,
                    "the delivery to webhook {name} is tried again at {next}: {error}"
                );
            }
            Fate::GivenUp { error } => {
                tracing::error!(
                    delivery = id,
                    kind,
                    "the delivery to webhook {name} is given up: {error}"
                );
            }
        }
    }
}

/// Returns a digest of everything that decides whether a receiver accepts requests.
fn target(webhook: &Webhook) -> Vec<u8> {
    let mut digest = blake3::Hasher::new();
    digest.update(webhook.url.as_str().as_bytes());
    let secrets = webhook.headers.iter().map(|(name, secret)| (name.as_str(), secret));
    for (name, secret) in secrets.chain(webhook.secret.iter().map(|secret| ("", secret))) {
        digest.update(b"\n").update(name.as_bytes()).update(b":");
        digest.update(secret.expose().as_bytes());
    }
    digest.finalize().as_bytes().to_vec()
}
