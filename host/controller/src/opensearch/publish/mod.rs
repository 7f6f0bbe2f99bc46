//! Pushing the blacklist in use to the ingest nodes of an OpenSearch cluster.
//!
//! A push first asks the cluster for its generation, so that nothing is sent twice. The state has
//! the result of the last push. The next round repeats a push that failed, but not one that the
//! cluster refused: it would refuse it again until an operator acts.

mod api;
mod report;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use bytes::Bytes;
use threatsieve_blacklist::Timestamp;

use self::api::Loaded;
pub(crate) use self::api::{How, NodeAnswer, Wanted, forget, highest, loaded, roll_back, send};
pub(crate) use self::report::{Outcome, PushReport, nodes, nodes_text, remedy};
use crate::config::{self, Config};
use crate::exit::Failure;
use crate::indicators::{generation, open_blacklist};
use crate::opensearch::cluster::{Cluster, Fault};
use crate::store::{LastPush, Store};

/// A blacklist that is to be pushed.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) name: String,
    pub(crate) generation: u64,
    /// The blacklist's digest, not that of the file.
    pub(crate) digest: Vec<u8>,
    path: PathBuf,
}

impl Outgoing {
    /// Describes a blacklist of candidates, which has no file.
    pub(crate) fn of_candidates(name: &str, generation: u64, digest: &[u8]) -> Outgoing {
        let (name, digest) = (name.to_owned(), digest.to_vec());
        Outgoing { name, generation, digest, path: PathBuf::new() }
    }

    /// Returns the blacklist in use; `None` before the first one.
    pub(crate) fn in_use(store: &Store, config: &Config) -> anyhow::Result<Option<Outgoing>> {
        let in_use = generation::in_use(store, config)?;
        Ok(in_use.map(|in_use| Outgoing {
            name: config.blacklist.name.clone(),
            generation: in_use.generation,
            digest: in_use.digest,
            path: in_use.path,
        }))
    }

    /// Opens and verifies a built file.
    pub(crate) fn file(path: &Path) -> Result<Outgoing, Failure> {
        let blacklist = open_blacklist(path, None)?;
        Ok(Outgoing {
            name: blacklist.name().to_owned(),
            generation: blacklist.generation(),
            digest: blacklist.digest().to_vec(),
            path: path.to_owned(),
        })
    }

    fn digest_text(&self) -> String {
        self.digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn wanted(&self) -> Wanted {
        Wanted { generation: self.generation, digest: self.digest_text() }
    }

    /// Reads the file's bytes, and verifies them again.
    async fn read(&self) -> anyhow::Result<Bytes> {
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || open_blacklist(&path, None));
        let read = reading.await.context("reading the blacklist crashed; please report this")?;
        let blacklist = read.map_err(|failure| failure.error)?;
        ensure!(
            (blacklist.name(), blacklist.digest().as_slice()) == (&self.name, &self.digest),
            "{}: expected generation {} of the blacklist {:?}, got generation {} of {:?}: \
             it was replaced meanwhile, or the next round builds it again",
            self.path.display(),
            self.generation,
            self.name,
            blacklist.generation(),
            blacklist.name(),
        );
        Ok(Bytes::from_owner(blacklist.file().clone()))
    }
}

/// A push that is due, with all its inputs, so that it can run while the round continues.
#[derive(Debug)]
pub(crate) struct Push {
    pub(crate) settings: config::OpenSearch,
    pub(crate) user_agent: String,
    pub(crate) outgoing: Outgoing,
    /// The last push, from the state.
    pub(crate) last: LastPush,
    /// An operator asked for the push. It repeats one that was refused or rolled back.
    pub(crate) is_asked_for: bool,
    pub(crate) allow_shrink: bool,
}

impl Push {
    /// Returns the push of a round: the blacklist in use. `None` if there is none, or if rounds
    /// push nothing by the configuration.
    pub(crate) fn of_round(store: &Store, config: &Config) -> anyhow::Result<Option<Push>> {
        let Some(settings) = config.opensearch.as_ref().filter(|settings| settings.push) else {
            return Ok(None);
        };
        let Some(outgoing) = Outgoing::in_use(store, config)? else { return Ok(None) };
        Ok(Some(Push {
            settings: settings.clone(),
            user_agent: config.http.user_agent.clone(),
            outgoing,
            last: store.last_push()?,
            is_asked_for: false,
            allow_shrink: false,
        }))
    }

    /// Pushes the blacklist. Every fault is in the report.
    pub(crate) async fn run(&self) -> PushReport {
        let started = Instant::now();
        let mut report = match self.refused_before() {
            Some(report) => report,
            None => self.try_run().await.unwrap_or_else(|error| self.failed(&error)),
        };
        report.seconds = started.elapsed().as_secs_f64();
        report
    }

    fn report(&self, outcome: Outcome) -> PushReport {
        PushReport::new(&self.outgoing.name, self.outgoing.generation, outcome)
    }

    /// Returns the report of the last push if the cluster refused it and nothing changed since.
    fn refused_before(&self) -> Option<PushReport> {
        let is_same = self.last.is_of(self.outgoing.generation, &self.outgoing.digest);
        let kind = self.last.refused.as_ref().filter(|_| is_same && !self.is_asked_for)?;
        let reason = self.last.error.clone().unwrap_or_default();
        Some(PushReport {
            kind: Some(kind.clone()),
            reason: Some(reason),
            ..self.report(Outcome::Refused)
        })
    }

    async fn try_run(&self) -> anyhow::Result<PushReport> {
        let cluster = Cluster::new(&self.settings, &self.user_agent)?;
        cluster.connect().await?;
        let loaded = api::loaded(&cluster, &self.outgoing.name).await?;
        let has = loaded.blacklists.get(&self.outgoing.name);
        if has == Some(&self.outgoing.wanted()) {
            return Ok(self.seen(&loaded));
        }
        let was_taken = self.last.taken.is_some()
            && self.last.is_of(self.outgoing.generation, &self.outgoing.digest);
        if let (Some(has), true, false) = (has, was_taken, self.is_asked_for) {
            let reason = format!(
                "the cluster was rolled back to generation {}; the next build will be pushed. \
                 To push this content again now: `threatsieve push --renumber`",
                has.generation
            );
            let nodes = nodes(&loaded, &self.outgoing.name);
            return Ok(PushReport {
                reason: Some(reason),
                nodes,
                ..self.report(Outcome::RolledBack)
            });
        }
        let bytes = self.outgoing.read().await?;
        let (how, sent) = (self.how(), bytes.len() as u64);
        let switched = api::send(&cluster, &self.outgoing, bytes, &how).await?;
        let outcome = if switched.acknowledged { Outcome::Acknowledged } else { Outcome::Waiting };
        let nodes = switched.nodes.into_values().collect();
        Ok(PushReport { sent_bytes: sent, nodes, ..self.report(outcome) })
    }

    fn how(&self) -> How {
        How {
            allow_shrink: self.allow_shrink,
            node_timeout: self.settings.node_timeout,
            max_request_bytes: self.settings.max_request_bytes,
        }
    }

    /// Reports which nodes serve the blacklist, if the cluster already has it.
    fn seen(&self, loaded: &Loaded) -> PushReport {
        let nodes = nodes(loaded, &self.outgoing.name);
        let serves = |node: &NodeAnswer| {
            node.state == "serving" && node.generation == Some(self.outgoing.generation)
        };
        let is_everywhere = !nodes.is_empty() && nodes.iter().all(serves);
        let outcome = if is_everywhere { Outcome::Acknowledged } else { Outcome::Waiting };
        PushReport { nodes, ..self.report(outcome) }
    }

    fn failed(&self, error: &anyhow::Error) -> PushReport {
        if let Some(Fault::Refused { host, kind, reason }) = error.downcast_ref() {
            let (kind, reason) = (Some(kind.clone()), Some(format!("{host}: {reason}")));
            return PushReport { kind, reason, ..self.report(Outcome::Refused) };
        }
        PushReport { reason: Some(format!("{error:#}")), ..self.report(Outcome::Failed) }
    }

    /// Records the result in the state.
    pub(crate) fn record(
        &self,
        store: &Store,
        report: &PushReport,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let (generation, digest) = (self.outgoing.generation, &self.outgoing.digest);
        let before = if self.last.is_of(generation, digest) {
            self.last.clone()
        } else {
            LastPush::default()
        };
        let unchecked = report.unchecked();
        let newly_unchecked = self.last.newly_unchecked(&unchecked);
        let of_this = LastPush {
            // Nodes that were not asked keep their counts.
            unchecked: if unchecked.is_empty() {
                self.last.unchecked.clone()
            } else {
                Some(unchecked)
            },
            newly_unchecked,
            generation: Some(generation),
            digest: Some(digest.clone()),
            attempted: Some(now),
            refused: None,
            error: None,
            ..before
        };
        let taken = of_this.taken.or(Some(now));
        let push = match report.outcome {
            Outcome::Acknowledged => {
                LastPush { taken, acknowledged: of_this.acknowledged.or(Some(now)), ..of_this }
            }
            Outcome::Waiting => LastPush { taken, ..of_this },
            Outcome::RolledBack => of_this,
            Outcome::Refused => {
                LastPush { refused: report.kind.clone(), error: report.reason.clone(), ..of_this }
            }
            Outcome::Failed => LastPush { error: report.reason.clone(), ..of_this },
        };
        Ok(store.set_last_push(&push)?)
    }
}
