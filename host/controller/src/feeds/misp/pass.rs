//! One pass over the events that changed.

use std::collections::BTreeMap;

use anyhow::bail;
use threatsieve_feed::misp::IndexEntry;

use super::files::Files;
use super::server::{Batch, Server};
use super::{At, MispEvents, ends_poll, state};
use crate::feeds::http::Fault;

/// Number of events whose attributes are requested together.
const BATCH_EVENTS: usize = 100;

/// The end of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// All events that changed were read.
    Reached,
    /// The pass reached its limit of time or attributes, after a complete event.
    Paused,
}

/// A pass over the events that changed.
pub(super) struct Pass {
    pub(super) at: At,
    /// The events that the feed has now and that are read.
    pub(super) wanted: BTreeMap<String, IndexEntry>,
    pub(super) read: MispEvents,
    /// Events to be read, the next one last.
    waiting: Vec<IndexEntry>,
    /// Events are new or changed, or left the list.
    pub(super) changed: bool,
    max_attributes: u64,
}

impl Pass {
    /// Prepares a pass. `vanished` are events that the cursor knows and the list does not.
    pub(super) fn new(
        at: At,
        wanted: BTreeMap<String, IndexEntry>,
        vanished: Vec<IndexEntry>,
        max_attributes: u64,
    ) -> Pass {
        let is_known = |entry: &&IndexEntry| at.events.get(&entry.uuid) == Some(&state(entry));
        let mut waiting: Vec<IndexEntry> =
            wanted.values().filter(|entry| !is_known(entry)).cloned().collect();
        let has_left = at.events.keys().any(|uuid| !wanted.contains_key(uuid));
        waiting.extend(vanished);
        let changed = !waiting.is_empty() || has_left || !at.is_complete;
        // The newest events are the most urgent.
        waiting.sort_by_key(|entry| entry.timestamp);
        Pass { at, wanted, read: MispEvents::default(), waiting, changed, max_attributes }
    }

    /// Reads the events of a server. An error discards everything, a limit only the incomplete
    /// events.
    pub(super) async fn run_server(&mut self, server: &mut Server) -> anyhow::Result<End> {
        let mut size = BATCH_EVENTS;
        while let Some(rest) = self.waiting.len().checked_sub(1) {
            if self.is_full(server.is_over()) {
                return Ok(End::Paused);
            }
            let batch = self.waiting.split_off((rest + 1).saturating_sub(size));
            match server.read(&batch, &mut self.read).await {
                Ok(Batch::Read) => self.done(&batch),
                Ok(Batch::TooLarge) if batch.len() > 1 => {
                    size = batch.len() / 2;
                    self.waiting.extend(batch);
                }
                Ok(Batch::TooLarge) => {
                    let what = "expected at most 1,000,000 attributes, got more".to_owned();
                    let uuids = batch.iter().map(|entry| entry.uuid.clone());
                    self.read.unreadable.extend(uuids.map(|uuid| (uuid, what.clone())));
                    self.done(&batch);
                }
                Err(error) => {
                    self.waiting.extend(batch);
                    return self.end_after(error);
                }
            }
        }
        Ok(End::Reached)
    }

    /// Reads the events of a feed's files.
    pub(super) async fn run_files(&mut self, files: &mut Files) -> anyhow::Result<End> {
        while let Some(entry) = self.waiting.pop() {
            if self.is_full(files.is_over()) {
                self.waiting.push(entry);
                return Ok(End::Paused);
            }
            match files.read(&entry, &mut self.read).await {
                Ok(true) => self.done(&[entry]),
                // It is tried again with the next poll.
                Ok(false) => {}
                Err(error) => {
                    self.waiting.push(entry);
                    return self.end_after(error);
                }
            }
        }
        match self.read.unreadable.first() {
            Some((_, why)) if self.read.events.is_empty() && self.at.events.is_empty() => {
                bail!("no event can be read: {why}")
            }
            _ => Ok(End::Reached),
        }
    }

    /// Returns whether there is enough to be stored.
    fn is_full(&self, is_over: bool) -> bool {
        !self.read.events.is_empty() && (is_over || self.read.attributes >= self.max_attributes)
    }

    /// Keeps complete events if an error only ends the poll.
    fn end_after(&self, error: anyhow::Error) -> anyhow::Result<End> {
        let ends = error.downcast_ref::<Fault>().is_some_and(ends_poll);
        match ends && !self.read.events.is_empty() {
            true => Ok(End::Paused),
            false => Err(error),
        }
    }

    fn done(&mut self, batch: &[IndexEntry]) {
        for entry in batch {
            if self.wanted.contains_key(&entry.uuid) {
                self.at.events.insert(entry.uuid.clone(), state(entry));
            } else {
                self.at.events.remove(&entry.uuid);
            }
        }
    }
}
