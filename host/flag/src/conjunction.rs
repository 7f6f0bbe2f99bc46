//! Decides which conjunctions hold for an event, from all of its hits. The program and the plugin
//! both decide here.

use std::collections::{BTreeMap, HashMap};

use threatsieve_blacklist::observable::Kind;
use threatsieve_blacklist::{Blacklist, Entry, EventContext, Hit, How, Match, Policy};

use crate::covering::{Found, breadth};

/// The most different hits of one event that can complete conjunctions. Further ones are ignored.
pub const MAX_EVENT_HITS: usize = 1000;
/// The most file names of one event that are compared. Further ones are ignored.
pub const MAX_FILE_NAMES: usize = 1000;
/// The most conjunctions that are judged for one event. Further ones are ignored.
pub const MAX_JUDGED: usize = 10_000;

/// The hits of one event, collected until all of its observables have been looked up.
#[derive(Debug, Clone, Default)]
pub struct EventHits {
    /// By entry. For each way of covering, the first observable is kept.
    entries: BTreeMap<u32, Vec<EventHit>>,
    count: usize,
}

#[derive(Debug, Clone)]
struct EventHit {
    how: How,
    number: u32,
    observable: String,
    field: String,
}

impl EventHits {
    /// Returns whether there is no hit that could complete a conjunction.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a hit on the event's observable with this number. A hit that the allow-list suppresses
    /// completes nothing, and neither does a partial one, unless the policy takes those. `named`
    /// returns the observable and its field; it is called only if the hit is kept.
    pub fn add(
        &mut self,
        hit: &Hit,
        policy: &Policy,
        number: u32,
        named: impl FnOnce() -> (String, String),
    ) {
        let is_out = hit.allowed_by.is_some() || (hit.how.is_partial() && !policy.partial);
        if is_out || self.count == MAX_EVENT_HITS {
            return;
        }
        let known = self.entries.entry(hit.entry).or_default();
        if known.iter().all(|known| known.how != hit.how) {
            let (observable, field) = named();
            known.push(EventHit { how: hit.how, number, observable, field });
            known.sort_by_key(|hit| (breadth(hit.how), hit.number));
            self.count += 1;
        }
    }

    /// Judges the conjunctions, with at most `limit` of those that hold. `read_names` returns the
    /// names of the event's files; it is called only if a conjunction lacks nothing else.
    pub fn judge<B: AsRef<[u8]>>(
        &self,
        blacklist: &Blacklist<B>,
        policy: &Policy,
        seen: impl Into<EventContext>,
        limit: usize,
        read_names: impl FnOnce() -> FileNames,
    ) -> Whole {
        let seen = seen.into();
        let mut whole = Whole::default();
        let (mut read_names, mut names) = (Some(read_names), FileNames::default());
        let mut held = 0;
        let rows = self.entries.keys().flat_map(|&entry| blacklist.conjunctions_found_by(entry));
        for row in rows.take(MAX_JUDGED) {
            if !row.holds(policy, seen) {
                continue;
            }
            let hit = |part: threatsieve_blacklist::PartEntry| {
                self.entries.get(&part.entry)?.iter().find(|hit| part.takes(policy, hit.how))
            };
            let Some(hits) = row.values().map(hit).collect::<Option<Vec<_>>>() else { continue };
            let wanted = row.file_names();
            if !wanted.is_empty()
                && let Some(read) = read_names.take()
            {
                names = read();
            }
            let named: Option<Vec<_>> =
                wanted.iter().map(|name| names.0.get_key_value(name)).collect();
            let Some(named) = named else { continue };
            if held == limit {
                whole.omitted += 1;
                continue;
            }
            held += 1;
            let values = hits.into_iter().map(|hit| Place {
                how: hit.how,
                number: hit.number,
                observable: &hit.observable,
                field: &hit.field,
            });
            let files = named.into_iter().map(|(name, field)| Place {
                how: How::Exact,
                number: u32::MAX,
                observable: name,
                field,
            });
            let places = values.chain(files);
            whole.found.extend(row.entries().into_iter().zip(places).map(found));
        }
        whole.found.sort_by_key(|found| found.number);
        whole
    }
}

/// The place of a part in an event.
struct Place<'a> {
    how: How,
    number: u32,
    observable: &'a str,
    field: &'a str,
}

fn found((entry, place): (Entry, Place<'_>)) -> Found {
    Found {
        number: place.number,
        observable: place.observable.to_owned(),
        field: place.field.to_owned(),
        matched: Match { how: place.how, entry, omitted: 0 },
    }
}

/// The conjunctions that hold for an event.
#[derive(Debug, Default)]
pub struct Whole {
    /// Their parts. Names of files come last, with the number [`u32::MAX`].
    pub found: Vec<Found>,
    /// The number of conjunctions beyond the limit that hold too.
    pub omitted: u64,
}

impl Whole {
    /// Adds the parts to an event's other matches: one for each observable and entry.
    pub fn join(self, all: &mut Vec<Found>) {
        if self.found.is_empty() {
            return;
        }
        for part in self.found {
            let entry = &part.matched.entry;
            let same = all.iter_mut().find(|known| {
                known.number == part.number
                    && known.matched.entry.kind == entry.kind
                    && known.matched.entry.value == entry.value
            });
            match same {
                Some(known) => {
                    known.matched.entry.indicators.extend(part.matched.entry.indicators);
                }
                None => all.push(part),
            }
        }
        all.sort_by_key(|found| found.number);
    }
}

/// Drops indicators of conjunctions of which a part is no longer there, and matches without
/// indicators.
pub fn retain_whole(found: &mut Vec<Found>) {
    let mut parts: HashMap<u32, Vec<u32>> = HashMap::new();
    for view in found.iter().flat_map(|found| &found.matched.entry.indicators) {
        if let Some(conjoined) = &view.conjunction {
            let known = parts.entry(conjoined.number).or_default();
            if !known.contains(&conjoined.part) {
                known.push(conjoined.part);
            }
        }
    }
    if parts.is_empty() {
        return;
    }
    for found in found.iter_mut() {
        found.matched.entry.indicators.retain(|view| {
            view.conjunction.as_ref().is_none_or(|conjoined| {
                parts.get(&conjoined.number).map_or(0, Vec::len) == conjoined.parts as usize
            })
        });
    }
    found.retain(|found| !found.matched.entry.indicators.is_empty());
}

/// The names of an event's files, each with its field.
#[derive(Debug, Clone, Default)]
pub struct FileNames(HashMap<String, String>);

impl FileNames {
    /// Adds the names that an observable gives: the name of a file, the last part of its path, and
    /// the last segment of a URL's path with its percent-encoding undone.
    pub fn add(&mut self, field: &str, kind: Kind, value: &[u8]) {
        match kind {
            Kind::FileName => {
                self.insert(field, value);
                self.insert(field, last(value, b"/\\"));
            }
            Kind::Url | Kind::Any => {
                if let Some(name) = url_file(value) {
                    self.insert(field, &name);
                }
            }
            _ => {}
        }
    }

    /// Returns whether a file has this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn insert(&mut self, field: &str, name: &[u8]) {
        if let Ok(name) = std::str::from_utf8(name)
            && !name.is_empty()
            && self.0.len() < MAX_FILE_NAMES
        {
            self.0.entry(name.to_owned()).or_insert_with(|| field.to_owned());
        }
    }
}

fn last<'v>(value: &'v [u8], separators: &[u8]) -> &'v [u8] {
    value.rsplit(|byte| separators.contains(byte)).next().unwrap_or_default()
}

/// The last segment of the path of a URL with a scheme.
fn url_file(url: &[u8]) -> Option<Vec<u8>> {
    let start = url.windows(3).position(|three| three == b"://")? + 3;
    let rest = &url[start..];
    let end = rest.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(rest.len());
    let path = &rest[rest.iter().position(|&byte| byte == b'/').filter(|&at| at < end)?..end];
    Some(decoded(last(path, b"/")))
}

/// Undoes percent-encoding. A `%` without two digits stays.
fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|&byte| char::from(byte).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = text.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_come_from_names_paths_and_urls() {
        let mut names = FileNames::default();
        names.add("file.name", Kind::FileName, b"a.exe");
        names.add("file.path", Kind::FileName, b"C:\\Temp\\b c.exe");
        names.add("url.original", Kind::Url, b"http://evil.com/x/c%20d.exe?q=/e#/f");
        names.add("url.original", Kind::Url, b"http://evil.com");
        names.add("url.original", Kind::Url, b"http://evil.com?/no");
        names.add("url.original", Kind::Url, b"evil.com:443");
        names.add("url.original", Kind::Host, b"x.example");
        names.add("url.full", Kind::Any, b"http://evil.com/%zz%4");
        let mut all: Vec<_> = names.0.keys().map(String::as_str).collect();
        all.sort_unstable();
        assert_eq!(all, ["%zz%4", "C:\\Temp\\b c.exe", "a.exe", "b c.exe", "c d.exe"]);
        assert_eq!(names.0["c d.exe"], "url.original");
    }
}
