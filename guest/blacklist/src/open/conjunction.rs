//! The conjunctions that an entry finds. Whether they hold for an event is decided in the crate
//! `flag`.

use super::Blacklist;
use super::entry::{
    Entry, EventContext, IndicatorView, Policy, Record, bare_entry, records, text, u32_at,
};
use crate::compile::metadata::{CONJUNCTION_BYTES, FILE_NAME_SEPARATOR, NO_STRING, PART_BYTES};
use crate::compile::{domain_mode, url_mode};
use crate::hit::How;
use crate::image::{EntryType, Image, ImageError, Role, Section};
use crate::value::write_file_name;

/// The place of an entry in a conjunction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conjoined {
    /// The number of the conjunction in its blacklist.
    pub number: u32,
    /// The number of the part, from 0.
    pub part: u32,
    /// The number of all parts: values, and names of files after them.
    pub parts: u32,
    /// All parts, with `AND` between them.
    pub text: String,
}

/// A conjunction in a blacklist.
#[derive(Debug, Clone, Copy)]
pub struct ConjunctionRow<'a> {
    image: Image<'a>,
    number: u32,
    bytes: &'a [u8],
}

impl<B: AsRef<[u8]>> Blacklist<B> {
    /// Returns whether there is any conjunction, so that the hits of an event must be judged
    /// together.
    pub fn has_conjunctions(&self) -> bool {
        self.has_conjunctions
    }

    /// The number of conjunctions.
    pub fn conjunctions(&self) -> u32 {
        self.section_entries(Section::Conjunctions)
    }

    /// The number of blocked values that each alone can make a match: entries and conjunctions.
    /// Entries that are only parts of conjunctions are not counted.
    pub fn blocked(&self) -> u64 {
        let all = self.entries(Role::Block) + u64::from(self.conjunctions());
        all.saturating_sub(self.section_entries(Section::ConjunctionParts).into())
    }

    fn section_entries(&self, section: Section) -> u32 {
        let id = section.id(Role::Block);
        let row = |image: Image<'_>| image.rows().find(|row| row.id == id).map(|row| row.entries);
        self.image().ok().and_then(row).unwrap_or(0)
    }

    /// Returns whether an entry is only part of conjunctions, so that it flags nothing alone.
    pub fn is_lone_part(&self, entry: u32) -> bool {
        let Ok(image) = self.image() else { return false };
        records(&image, entry).is_some_and(|mut records| records.next().is_none())
    }

    /// Returns whether an entry is only part of conjunctions, or is the part by which one is found.
    /// An event that fulfils a conjunction has an observable that such an entry covers.
    pub fn is_part(&self, entry: u32) -> bool {
        self.has_conjunctions
            && (self.is_lone_part(entry) || self.conjunctions_found_by(entry).next().is_some())
    }

    /// Returns the conjunctions that a hit on this entry can complete. Each conjunction is found by
    /// exactly one of its entries.
    pub fn conjunctions_found_by(&self, entry: u32) -> impl Iterator<Item = ConjunctionRow<'_>> {
        let image = self.image().ok();
        let rows = image.map(|image| rows(&image)).unwrap_or_default();
        let key = |number: usize| u32_at(rows.get(number).map_or(&[], |row| &row[..]), 0);
        let (mut low, mut high) = (0, rows.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if key(middle).is_some_and(|key| key < entry) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        (low..rows.len())
            .take_while(move |&number| u32_at(&rows[number], 0) == Some(entry))
            .filter_map(move |number| {
                Some(ConjunctionRow { image: image?, number: number as u32, bytes: &rows[number] })
            })
    }

    /// Returns all conjunctions.
    pub fn all_conjunctions(&self) -> impl Iterator<Item = ConjunctionRow<'_>> {
        let image = self.image().ok();
        let rows = image.map(|image| rows(&image)).unwrap_or_default();
        rows.iter().enumerate().filter_map(move |(number, row)| {
            Some(ConjunctionRow { image: image?, number: number as u32, bytes: row })
        })
    }
}

pub(super) fn has_any(image: &Image<'_>) -> bool {
    !rows(image).is_empty()
}

fn rows<'a>(image: &Image<'a>) -> &'a [[u8; CONJUNCTION_BYTES]] {
    image.section(Role::Block, Section::Conjunctions).unwrap_or_default().as_chunks().0
}

fn parts<'a>(image: &Image<'a>) -> &'a [[u8; PART_BYTES]] {
    image.section(Role::Block, Section::ConjunctionParts).unwrap_or_default().as_chunks().0
}

/// A part of a conjunction that is a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartEntry {
    /// The number of its entry.
    pub entry: u32,
    mode: u8,
}

impl PartEntry {
    /// Returns whether an observable that the entry covers in this way has the value.
    pub fn takes(&self, policy: &Policy, how: How) -> bool {
        policy.takes_mode(domain_mode(self.mode), how)
    }
}

impl<'a> ConjunctionRow<'a> {
    /// Its number in the blacklist.
    pub fn number(&self) -> u32 {
        self.number
    }

    fn word(&self, index: usize) -> u32 {
        u32_at(self.bytes, index).unwrap_or_default()
    }

    /// The parts that are values.
    pub fn values(&self) -> impl Iterator<Item = PartEntry> + use<'a> {
        let first = self.word(4) as usize;
        let all = parts(&self.image).get(first..first + self.word(5) as usize).unwrap_or_default();
        all.iter()
            .map(|part| PartEntry { entry: u32_at(part, 0).unwrap_or_default(), mode: part[4] })
    }

    /// The parts that are names of files.
    pub fn file_names(&self) -> Vec<String> {
        let strings = self.image.section(Role::Block, Section::Strings);
        let names = match self.word(3) {
            NO_STRING => None,
            number => strings.and_then(|strings| text(strings, number)),
        };
        names
            .map(|names| names.split(FILE_NAME_SEPARATOR).map(str::to_owned).collect())
            .unwrap_or_default()
    }

    fn record(&self) -> Record {
        Record { profile: self.word(1), id: self.word(2) }
    }

    /// Returns whether its indicator counts: valid at the event's time, with enough confidence, and
    /// within the TLP ceiling.
    pub fn holds(&self, policy: &Policy, seen: EventContext) -> bool {
        let profile = self.record().profile(&self.image);
        profile.is_some_and(|profile| policy.takes(&profile, How::Exact, seen))
    }

    /// Returns all parts as entries, each with the indicator.
    pub fn entries(&self) -> Vec<Entry> {
        let record = self.record();
        let view = record.profile(&self.image).and_then(|found| found.view(&self.image, record));
        let Some(view) = view else { return Vec::new() };
        let values: Vec<PartEntry> = self.values().collect();
        let names = self.file_names();
        let mut entries: Vec<Entry> =
            values.iter().filter_map(|part| bare_entry(&self.image, part.entry)).collect();
        let name = |value: String| Entry {
            role: Role::Block,
            kind: EntryType::FileName,
            value,
            indicators: Vec::new(),
        };
        entries.extend(names.into_iter().map(name));
        let text = shown(&entries);
        let parts = entries.len() as u32;
        for (number, entry) in entries.iter_mut().enumerate() {
            let mode = values.get(number).map_or(0, |part| part.mode);
            let conjoined =
                Conjoined { number: self.number, part: number as u32, parts, text: text.clone() };
            entry.indicators.push(IndicatorView {
                mode: domain_mode(mode),
                url_mode: url_mode(mode),
                conjunction: Some(conjoined),
                ..view.clone()
            });
        }
        entries
    }
}

/// The parts with `AND` between them.
fn shown(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        if !text.is_empty() {
            text.push_str(" AND ");
        }
        // Writing into a text cannot fail.
        let _ = match entry.kind {
            EntryType::FileName => write_file_name(&mut text, &entry.value),
            _ => {
                text.push_str(&entry.value);
                Ok(())
            }
        };
    }
    text
}

/// Checks that the conjunctions are sorted, and that their parts and entries exist.
pub(super) fn check_conjunctions(image: &Image<'_>, entries: u32) -> Result<(), ImageError> {
    let whole = |section, bytes: usize| {
        image.section(Role::Block, section).unwrap_or_default().len().is_multiple_of(bytes)
    };
    let damaged = |section: Section| Err(ImageError::Section { id: section.id(Role::Block) });
    let (rows, parts) = (rows(image), parts(image));
    let word = |bytes: &[u8], index| u32_at(bytes, index).unwrap_or(u32::MAX);
    let has_parts = |row: &[u8; CONJUNCTION_BYTES]| {
        let (first, count) = (word(row, 4) as usize, word(row, 5) as usize);
        count > 0 && first.checked_add(count).is_some_and(|end| end <= parts.len())
    };
    if !whole(Section::Conjunctions, CONJUNCTION_BYTES)
        || !rows.is_sorted_by_key(|row| word(row, 0))
        || !rows.iter().all(has_parts)
    {
        return damaged(Section::Conjunctions);
    }
    if !whole(Section::ConjunctionParts, PART_BYTES)
        || !parts.iter().all(|part| word(part, 0) < entries)
    {
        return damaged(Section::ConjunctionParts);
    }
    Ok(())
}
