//! Sends one event: looks at what the server has, writes what differs, and looks again, until
//! nothing differs.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value as Json;
use threatsieve_misp::{
    Call, Difference, HeldEvent, Importance, Place, Verdict, WantedEvent, Write, WriteCall,
    WriteOptions, compare, dropped, ids, next_write, probe, probed,
};
use uuid::Uuid;

use super::client::{Client, Lost};
use super::report::ServerReport;
use super::route::{Route, digest};
use super::{Forwarding, publish, upload};
use crate::store::misp::{Event, Refused, Settled};

/// Maximum number of requests in a row that fail for one event in a round.
const MAX_FAULTS: u32 = 6;
/// Maximum number of refused values of one event that are logged.
const MAX_LOGGED: usize = 100;

/// A reason why an event was not sent.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server refuses the key, or a right is missing: nothing more is sent to it.
    Paused(String),
    /// The server cannot be reached or is overloaded.
    Away { why: String, wait: Option<Duration> },
    /// The server did not answer in time. It may do so for another event.
    Silent(String),
    /// The event is tried again later.
    Event(String),
    /// The server refuses the event for good.
    Refused(String),
    /// The server may have the event or not.
    Uncertain(String),
}

/// The end of an attempt: a trouble of the server or the event, or a fault of this machine.
#[derive(Debug)]
pub(super) enum Halt {
    Trouble(Trouble),
    Fault(anyhow::Error),
}

impl From<anyhow::Error> for Halt {
    fn from(error: anyhow::Error) -> Halt {
        Halt::Fault(error)
    }
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Halt {
        Halt::Trouble(trouble)
    }
}

impl From<Lost> for Halt {
    fn from(lost: Lost) -> Halt {
        Halt::Trouble(match lost {
            Lost::Unsent(why) => Trouble::Away { why, wait: None },
            Lost::Unanswered(why) => Trouble::Silent(why),
        })
    }
}

/// Sends the events of one server.
pub(super) struct Sender<'a> {
    pub(super) forwarding: &'a Forwarding<'a>,
    pub(super) client: &'a Client,
}

impl Sender<'_> {
    /// Sends one event.
    pub(super) async fn send(
        &self,
        route: &Route<'_>,
        event: &Event,
        report: &mut ServerReport,
    ) -> Result<Settled, Halt> {
        if route.is_uploaded(event) {
            return upload::send(self, route, event, report).await;
        }
        self.complete(route, event, report).await
    }

    /// Lets the server have an event that this program makes.
    pub(super) async fn complete(
        &self,
        route: &Route<'_>,
        event: &Event,
        report: &mut ServerReport,
    ) -> Result<Settled, Halt> {
        let conversion = route.wanted(&self.forwarding.store(), event)?;
        let wanted = conversion.event;
        let digest = digest(&wanted);
        if event.digest.as_ref() == Some(&digest) && event.publishing.is_none() {
            return Ok(Settled::Sent { digest });
        }
        let mut writing = Writing::new(self, event, &wanted)?;
        for one in &conversion.unconvertible {
            let name = format!("{:?}", one.indicator);
            let uuid = ids::attribute_uuid(wanted.uuid, &name, &one.value);
            writing.refuse(uuid, &one.value, &one.reason.to_string());
        }
        let Some(held) = writing.run(report).await? else {
            // Nothing in it is in force, and the server never had it.
            return Ok(Settled::Sent { digest });
        };
        publish::publish(self, event, &wanted, &held, digest, report).await
    }

    /// Looks at an event; `None` if the server has none with this UUID or number, or does not show
    /// it.
    pub(super) async fn view(
        &self,
        event: &str,
        report: &mut ServerReport,
    ) -> Result<Option<HeldEvent>, Halt> {
        report.requests += 1;
        let reply = self.client.get(&format!("events/view/{event}/deleted:1")).await?;
        match reply.verdict(Call::Read) {
            Verdict::Accepted => HeldEvent::parse(&reply.body).map(Some).map_err(|error| {
                let got = self.client.quote(&reply.body);
                Trouble::Event(format!("events/view: {error}; got {got}")).into()
            }),
            Verdict::NotFound => Ok(None),
            other => Err(trouble(other).into()),
        }
    }
}

/// The writing of one event.
pub(super) struct Writing<'a> {
    sender: &'a Sender<'a>,
    event: &'a Event,
    wanted: &'a WantedEvent,
    options: WriteOptions,
    /// Values that the server refuses.
    refused: Vec<Refused>,
    /// Those that it refused in this round.
    newly: BTreeSet<Uuid>,
    /// Attributes that were written and were not there afterwards.
    dropped: BTreeSet<Uuid>,
    /// The last write, if it was accepted and has no attributes.
    only_tags: Option<Json>,
    faults: u32,
    /// The last fault.
    fault: String,
    /// A write succeeded in this round: a fault is not one of the whole server.
    has_written: bool,
}

impl<'a> Writing<'a> {
    pub(super) fn new(
        sender: &'a Sender<'a>,
        event: &'a Event,
        wanted: &'a WantedEvent,
    ) -> anyhow::Result<Writing<'a>> {
        let mut options = WriteOptions::new(sender.forwarding.now);
        let known = sender.forwarding.store().misp_refused_values(event.id)?;
        let wants: BTreeSet<Uuid> = wanted.all_attributes().map(|own| own.uuid).collect();
        let is_wanted = |one: &Refused| wants.contains(&Uuid::from_bytes(one.uuid));
        let refused: Vec<Refused> = known.into_iter().filter(is_wanted).collect();
        options.given_up = refused.iter().map(|one| Uuid::from_bytes(one.uuid)).collect();
        Ok(Writing {
            sender,
            event,
            wanted,
            options,
            refused,
            newly: BTreeSet::new(),
            dropped: BTreeSet::new(),
            only_tags: None,
            faults: 0,
            fault: String::new(),
            has_written: false,
        })
    }

    /// Writes until the server has what is wanted, and stores what it refuses, also if something
    /// else stops the attempt. Returns what it has; `None` if it has no such event and needs none.
    pub(super) async fn run(
        mut self,
        report: &mut ServerReport,
    ) -> Result<Option<HeldEvent>, Halt> {
        let held = self.until_equal(report).await;
        report.refused += self.store_refused()?;
        held
    }

    async fn until_equal(&mut self, report: &mut ServerReport) -> Result<Option<HeldEvent>, Halt> {
        let uuid = self.wanted.uuid.to_string();
        let mut held = self.sender.view(&uuid, report).await?;
        loop {
            if held.is_none() && self.wanted.is_idle() {
                return Ok(None);
            }
            let next = next_write(self.wanted, held.as_ref(), &self.options);
            // A repeat would not bring the missing tags either.
            let Some(write) = next.filter(|write| !self.is_repeat(write)) else {
                return self.checked(held);
            };
            // What is about to be sent can be removed later, also after a kill.
            let mut tags = self.event.tags.clone();
            tags.extend(self.wanted.tags.iter().cloned());
            if tags != self.event.tags {
                self.sender.forwarding.store().set_misp_tags(self.event.id, &tags)?;
            }
            let was_accepted = self.write(&write, report).await?;
            self.only_tags =
                (was_accepted && write.attributes.is_empty()).then(|| write.body.clone());
            let seen = self.sender.view(&uuid, report).await?;
            if was_accepted {
                match &seen {
                    Some(seen) => self.look_for_dropped(&write, seen, report).await?,
                    None => return Err(self.unseen(&write).into()),
                }
            } else if self.is_unseen(&write, seen.is_some()) {
                return Err(self.unseen(&write).into());
            }
            held = seen;
            if self.faults > MAX_FAULTS {
                return Err(Trouble::Event(self.fault.clone()).into());
            }
        }
    }

    /// Returns whether a write without attributes was just accepted as it is.
    fn is_repeat(&self, write: &Write) -> bool {
        self.only_tags.as_ref() == Some(&write.body)
    }

    /// Returns whether the server says that the event exists, and does not show it.
    fn is_unseen(&self, write: &Write, is_seen: bool) -> bool {
        !is_seen && matches!(write.call, WriteCall::Add) && self.fault.contains(EXISTS)
    }

    fn unseen(&self, write: &Write) -> Trouble {
        let what = match write.call {
            WriteCall::Add => "the server has it",
            WriteCall::Edit(_) => "the server had it",
        };
        Trouble::Uncertain(format!(
            "expected to see event {}, got \"not found\" though {what}: it may belong to an \
             organisation that hides it from the key's user",
            self.wanted.uuid
        ))
    }

    /// Checks what is left once nothing is to be written any more.
    fn checked(&self, held: Option<HeldEvent>) -> Result<Option<HeldEvent>, Halt> {
        let Some(held) = held else { return Ok(None) };
        let left: Vec<String> = self
            .left(&held)
            .filter(|difference| {
                matches!(difference.importance(), Importance::Content | Importance::Marking)
            })
            .map(|difference| difference.to_string())
            .collect();
        match left.first() {
            None => Ok(Some(held)),
            Some(first) => Err(Trouble::Event(format!(
                "event {} differs from what was sent ({}): {first}",
                self.wanted.uuid,
                crate::text::counted(left.len() as u64, "difference", "differences")
            ))
            .into()),
        }
    }

    /// The differences that are not given up.
    fn left(&self, held: &HeldEvent) -> impl Iterator<Item = Difference> {
        compare(self.wanted, held).into_iter().filter(|difference| match difference.place {
            Place::Attribute { uuid, .. } => !self.options.given_up.contains(&uuid),
            Place::Event | Place::Object(_) => true,
        })
    }

    /// Sends one write. Returns whether the server accepted it.
    async fn write(&mut self, write: &Write, report: &mut ServerReport) -> Result<bool, Halt> {
        let (path, call) = match &write.call {
            WriteCall::Add => ("events/add".to_owned(), Call::Add),
            WriteCall::Edit(uuid) => (format!("events/edit/{uuid}"), Call::Edit),
        };
        report.requests += 1;
        let reply = self.sender.client.post(&path, &write.body).await?;
        match reply.verdict(call) {
            Verdict::Accepted => {
                report.attributes += write.attributes.len() as u64;
                return Ok(true);
            }
            // Somebody else, or an earlier attempt of ours, was faster. Looking again shows it.
            Verdict::Exists { .. } => self.fault_of(EXISTS.to_owned()),
            other @ (Verdict::NotFound | Verdict::NotNewer) => {
                self.fault_of(said(&trouble(other)));
            }
            // The server may have stored a part.
            other @ (Verdict::TooLarge | Verdict::Uncertain { .. }) => {
                self.fault_of(said(&trouble(other)));
                self.divide(write);
            }
            other => return Err(trouble(other).into()),
        }
        Ok(false)
    }

    fn fault_of(&mut self, why: String) {
        self.faults += 1;
        self.fault = why;
    }

    /// Lets the next write be smaller. If a single attribute cannot be written while others can, it
    /// is refused.
    fn divide(&mut self, write: &Write) {
        match write.attributes.len() {
            0 => {}
            1 if self.has_written || self.event.attempts >= MAX_FAULTS => {
                let uuid = write.attributes.iter().next().copied();
                if let Some(uuid) = uuid {
                    self.refuse_attribute(uuid, &self.fault.clone());
                    self.faults = self.faults.saturating_sub(1);
                }
            }
            more => {
                self.options.max_attributes = (more / 2).max(1);
                // A search among many needs more steps than a server that fails altogether.
                if self.has_written {
                    self.faults = self.faults.saturating_sub(1);
                }
            }
        }
    }

    /// Finds what an accepted write did not change: the server drops it without a word. Each such
    /// attribute is sent by itself once, for the reason.
    async fn look_for_dropped(
        &mut self,
        write: &Write,
        seen: &HeldEvent,
        report: &mut ServerReport,
    ) -> Result<(), Halt> {
        let lacking = dropped(write, self.wanted, seen);
        if lacking.len() < write.attributes.len() {
            (self.has_written, self.faults) = (true, 0);
        } else {
            self.fault_of("the server takes the event and changes nothing".to_owned());
        }
        // Details are tried once: some servers never take them.
        self.options.with_details = false;
        let held: BTreeSet<Uuid> = seen.all_attributes().map(|(_, own)| own.uuid).collect();
        for one in lacking {
            let uuid = one.attribute;
            let probe = probe(self.wanted, uuid, self.options.now)
                .filter(|_| !held.contains(&uuid) && !self.dropped.contains(&uuid));
            if let Some((path, body)) = probe {
                self.dropped.insert(uuid);
                report.requests += 1;
                let reply = self.sender.client.post(&path, &body).await?;
                let said = probed(&reply.body);
                match (reply.verdict(Call::Change), said) {
                    (Verdict::Accepted, _) => {}
                    (_, Some(reason)) => self.refuse_attribute(uuid, &reason.to_string()),
                    (other, None) => match trouble(other) {
                        Trouble::Refused(why) => self.refuse_attribute(uuid, &why),
                        trouble => return Err(trouble.into()),
                    },
                }
            } else if !self.dropped.insert(uuid) {
                // It was sent twice.
                self.refuse_attribute(uuid, &one.reason.to_string());
            }
        }
        Ok(())
    }

    fn refuse_attribute(&mut self, uuid: Uuid, reason: &str) {
        let value = self
            .wanted
            .all_attributes()
            .find(|attribute| attribute.uuid == uuid)
            .map_or_else(|| uuid.to_string(), |attribute| attribute.value.clone());
        self.options.given_up.insert(uuid);
        self.newly.insert(uuid);
        self.refuse(uuid, &value, reason);
    }

    fn refuse(&mut self, uuid: Uuid, value: &str, reason: &str) {
        let (value, reason) = (value.to_owned(), reason.to_owned());
        self.refused.retain(|one| one.uuid != *uuid.as_bytes());
        self.refused.push(Refused { uuid: *uuid.as_bytes(), value, reason });
    }

    /// Stores the refused values. Returns the number of those that the server refused just now.
    fn store_refused(&self) -> anyhow::Result<u64> {
        self.sender.forwarding.store().set_misp_refused(self.event.id, &self.refused)?;
        let is_new = |one: &&Refused| self.newly.contains(&Uuid::from_bytes(one.uuid));
        let server = &self.sender.forwarding.server.name;
        for Refused { value, reason, .. } in self.refused.iter().filter(is_new).take(MAX_LOGGED) {
            tracing::warn!(server, value, feed = self.event.feed, "MISP refuses a value: {reason}");
        }
        Ok(self.newly.len() as u64)
    }
}

/// Returns the trouble of an answer that no caller handles by itself.
pub(super) fn trouble(verdict: Verdict) -> Trouble {
    match verdict {
        Verdict::Paused { reason } => Trouble::Paused(reason),
        Verdict::Transient { reason, wait } => Trouble::Away { why: reason, wait },
        Verdict::Refused { reason } => Trouble::Refused(reason),
        Verdict::Blocklisted => Trouble::Refused(
            "the event was deleted on the server, which does not take it again; only an \
             administrator of the server can change that"
                .to_owned(),
        ),
        Verdict::Uncertain { reason, .. } => Trouble::Event(reason),
        Verdict::TooLarge => Trouble::Refused("the request is too large for the server".to_owned()),
        Verdict::NotFound => Trouble::Event("the server does not find the event".to_owned()),
        Verdict::NotNewer => Trouble::Event("the server has a newer version".to_owned()),
        Verdict::Exists { .. } => Trouble::Event(EXISTS.to_owned()),
        Verdict::Accepted => Trouble::Event("the server took it".to_owned()),
    }
}

/// Returns the reason of a trouble.
pub(super) fn said(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Paused(why)
        | Trouble::Away { why, .. }
        | Trouble::Silent(why)
        | Trouble::Event(why)
        | Trouble::Refused(why)
        | Trouble::Uncertain(why) => why.clone(),
    }
}

/// The message about an event that exists already.
const EXISTS: &str = "the event exists already";
