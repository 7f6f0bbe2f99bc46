//! Stores the results of pieces in the state. Events, matches, records and the log's position
//! change in one transaction.

use std::collections::BTreeMap;

use serde::Serialize;
use threatsieve_flag::coverings;

use super::stretch::Stretch;
use crate::matching::Judge;
use crate::pipeline::{End, FoundEvent, FoundEvents, Report, Tally};
use crate::sinks::{RecordShape, addition_record, flag_record};
use crate::store::events::{self, Finding, NewEvent, event_uid, insert_event, insert_match};
use crate::store::files::{self, Place, Reached};
use crate::store::history;
use crate::store::records::insert_record;
use crate::store::{Connection, Store};

/// The number of pieces without a match whose positions are stored together. After a kill, at most
/// this many are read again.
const PIECES_TOGETHER: usize = 64;

/// Counts of lines, events and matches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) lines: u64,
    /// New flagged events.
    pub(crate) events: u64,
    /// New pairs of an event and an indicator.
    pub(crate) matches: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Counts) {
        self.lines += other.lines;
        self.events += other.events;
        self.matches += other.matches;
    }
}

/// The position of a file that advances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moves {
    /// Position of the new lines, which are matched for the first time.
    New,
    /// Position of the stored lines, which are matched again.
    Stored,
}

/// Decides which hits count, and stores them.
pub(crate) struct Commit<'a> {
    store: &'a mut Store,
    stretches: &'a [Stretch],
    moves: Moves,
    shape: RecordShape<'a>,
    finding: Finding,
    judge: Judge,
    /// Positions that were reached but are not stored yet, by the stretch's number.
    reached: BTreeMap<usize, End>,
    pieces: usize,
    pub(crate) counts: Counts,
    pub(crate) tally: Tally,
}

impl<'a> Commit<'a> {
    pub(crate) fn new(
        store: &'a mut Store,
        stretches: &'a [Stretch],
        moves: Moves,
        shape: RecordShape<'a>,
        finding: Finding,
    ) -> Commit<'a> {
        Commit {
            store,
            stretches,
            moves,
            shape,
            finding,
            judge: Judge::new(finding.generation),
            reached: BTreeMap::new(),
            pieces: 0,
            counts: Counts::default(),
            tally: Tally::default(),
        }
    }

    /// Adds the results of a piece, or a part of them. Stores them at once if there are events.
    pub(crate) fn take(&mut self, mut report: Report<FoundEvents>) -> anyhow::Result<()> {
        let number = report.source.number as usize;
        let events = std::mem::take(&mut report.collected.events);
        self.counts.lines += report.tally.lines;
        self.tally.merge(std::mem::take(&mut report.tally));
        if let Some(mut end) = report.end.take() {
            let before = self.reached.get(&number).and_then(|before| before.time);
            end.time = end.time.max(before);
            self.reached.insert(number, end);
            self.pieces += 1;
        }
        if events.is_empty() && self.pieces < PIECES_TOGETHER {
            return Ok(());
        }
        self.store(number, events)
    }

    /// Stores the positions that are not stored yet.
    pub(crate) fn finish(&mut self) -> anyhow::Result<()> {
        if self.reached.is_empty() { Ok(()) } else { self.store(0, Vec::new()) }
    }

    fn store(&mut self, number: usize, events: Vec<FoundEvent>) -> anyhow::Result<()> {
        let transaction = self.store.write()?;
        let mut session = self.judge.begin(&transaction)?;
        let mut counts = Counts::default();
        for mut event in events {
            event.found = session.judge(event.found)?;
            if !event.found.is_empty() {
                let stretch = &self.stretches[number];
                flag(&transaction, stretch, &event, &self.shape, &self.finding, &mut counts)?;
            }
        }
        for (number, end) in &self.reached {
            move_place(&transaction, self.moves, self.stretches[*number].file, end)?;
        }
        transaction.commit()?;
        self.reached.clear();
        self.pieces = 0;
        self.counts.add(&counts);
        Ok(())
    }
}

/// Stores an event with its new matches, and a record for the output file if there are any.
fn flag(
    connection: &Connection,
    stretch: &Stretch,
    event: &FoundEvent,
    shape: &RecordShape<'_>,
    finding: &Finding,
    counts: &mut Counts,
) -> anyhow::Result<()> {
    let known = insert_event(
        connection,
        &NewEvent {
            place: events::Place::Line {
                file: stretch.file,
                offset: event.offset,
                line: event.line,
            },
            uid: event_uid(&stretch.identity, event.offset),
            occurred: event.time,
            source: event.source(),
            raw: &event.raw,
        },
    )?;
    let (mut new, mut matches) = (Vec::new(), 0);
    let all = coverings(&event.found);
    for covering in all.iter().filter(|covering| covering.is_first()) {
        let parts = covering.parts(&all);
        let is_written = shape.ceiling().admits(covering.indicator.tlp);
        if insert_match(connection, known.id, &parts, is_written, finding)? {
            new.extend(parts);
            matches += 1;
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    let write = if known.is_new { flag_record } else { addition_record };
    let record = write(shape, event, &new, &known, &stretch.path, finding);
    insert_record(connection, &record, finding.now)?;
    counts.events += u64::from(known.is_new);
    counts.matches += matches;
    Ok(())
}

fn move_place(connection: &Connection, moves: Moves, file: i64, end: &End) -> anyhow::Result<()> {
    let place = Place { offset: end.offset, lines: end.lines, header: end.header.to_vec() };
    match moves {
        Moves::New => {
            let reached = Reached {
                place,
                partial: end.partial,
                format: Some(end.format),
                newest: end.time,
                tail: end.tail,
            };
            files::move_to(connection, file, &reached)
        }
        Moves::Stored => history::move_to(connection, file, &place),
    }
}
