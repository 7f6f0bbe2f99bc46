//! Recognises which of the files on disk is which of those known.
//!
//! A file is known by the digest of its first [`HEAD_BYTES`] unpacked, of a smaller one by what it had,
//! and then the digest grows with it; and by the bytes before its place, since many files begin alike.
//! So a log that is renamed, copied and truncated, or compressed, goes on where it was.
//!
//! A file that is not known, but begins like one that is there too, is compared with it byte by byte: it
//! is a copy, or a log of its own. What two files have in common can only mislead while the smaller one
//! has less than a head: a file that begins with all that another known one held when that was last
//! looked at, and that is found where the other one is not any more, is taken for the other one.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::compare::{Relation, compare, lines_within};
use super::find::{Missing, Present};
use super::opened::{HEAD_BYTES, Head, Opened};
use crate::store::files::{Digest, KnownCopy, LogFile, Place};

/// What a file on disk turned out to be.
#[derive(Debug)]
pub(crate) enum Found {
    /// A known one, just as it was.
    Unchanged(LogFile),
    /// A known one that changed, was moved, or is not matched to its end.
    Known(LogFile, Head),
    /// Met for the first time, with the place where its own lines begin: what stands before is a copy of
    /// another file's.
    New(Head, Place),
    /// Another copy of one that is there too.
    Copy,
}

/// All files.
#[derive(Debug, Default)]
pub(crate) struct Identified {
    /// In the order in which they were found.
    pub(crate) found: Vec<(Present, Found)>,
    /// Known ones that are not there.
    pub(crate) absent: Vec<LogFile>,
    pub(crate) missing: Vec<Missing>,
    /// Copies of known ones.
    pub(crate) copies: Vec<KnownCopy>,
}

/// Finds out what the files are. Only those are opened that may have changed.
pub(crate) fn identify(
    present: Vec<Present>,
    known: Vec<LogFile>,
    copies: Vec<KnownCopy>,
) -> Identified {
    let mut identified = Identified::default();
    let mut claims = Claims::new(known);
    let mut changed = Vec::new();
    let mut copied = Vec::new();
    let copies: HashMap<_, _> =
        copies.into_iter().map(|copy| ((copy.stat.device, copy.stat.inode), copy)).collect();
    for one in present {
        if let Some(file) = claims.unchanged(&one) {
            identified.found.push((one, Found::Unchanged(file)));
            continue;
        }
        match copies.get(&(one.stat.device, one.stat.inode)) {
            Some(copy) if copy.stat == one.stat => copied.push((one, *copy)),
            _ => changed.extend(Candidate::open(one, &mut identified.missing)),
        }
    }
    claims.claim_all(&mut changed);
    // A copy is nothing else as long as its original is there.
    for (one, copy) in copied {
        if claims.is_free(copy.original) {
            changed.extend(Candidate::open(one, &mut identified.missing));
        } else {
            identified.copies.push(copy);
            identified.found.push((one, Found::Copy));
        }
    }
    claims.claim_all(&mut changed);
    let mut originals = claims.originals(&changed);
    for candidate in changed {
        let Candidate { present, head, file } = candidate;
        let found = match file {
            Some(file) => Found::Known(file, head),
            None => {
                let known = copies.get(&(present.stat.device, present.stat.inode));
                let likeness = originals.likeness(&present, &head, known);
                if let Likeness::Copy(Some(copy)) = likeness {
                    identified.copies.push(copy);
                }
                match likeness {
                    Likeness::Copy(_) => Found::Copy,
                    Likeness::Own(place) => {
                        originals.add(&present.path, &head);
                        Found::New(head, place)
                    }
                }
            }
        };
        identified.found.push((present, found));
    }
    identified.absent = claims.free.into_values().collect();
    identified
}

struct Candidate {
    present: Present,
    head: Head,
    file: Option<LogFile>,
}

impl Candidate {
    fn open(present: Present, missing: &mut Vec<Missing>) -> Option<Candidate> {
        match Opened::open(&present.path) {
            Ok(opened) => Some(Candidate { present, head: opened.head, file: None }),
            Err(why) => {
                let Present { source, path, .. } = present;
                missing.push(Missing { source, path, why: anyhow::Error::new(why) });
                None
            }
        }
    }

    /// Whether what stands before the known file's place is what stood there. A file that has become
    /// shorter has lost that, and goes on from its new end.
    fn continues(&self, file: &LogFile) -> bool {
        let Some(tail) = &file.tail else { return true };
        let is_shorter =
            self.head.stream_bytes().is_some_and(|bytes| bytes < file.place.offset + file.partial);
        is_shorter
            || Opened::open(&self.present.path)
                .is_ok_and(|opened| opened.has_tail(file.place.offset, tail))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Inode,
    Path,
    Digest,
}

/// The known files that nobody was found to be yet.
struct Claims {
    free: HashMap<i64, LogFile>,
    by_digest: HashMap<(usize, Digest), Vec<i64>>,
    /// Lengths that digests were made of, longest first.
    lengths: Vec<usize>,
    by_inode: HashMap<(u64, u64), Vec<i64>>,
    /// Files that did not change.
    unchanged: Vec<Original>,
}

impl Claims {
    fn new(known: Vec<LogFile>) -> Claims {
        let mut claims = Claims {
            free: HashMap::new(),
            by_digest: HashMap::new(),
            lengths: Vec::new(),
            by_inode: HashMap::new(),
            unchanged: Vec::new(),
        };
        for file in known {
            // Of a superseded one nothing is known any more.
            if file.digest_bytes > 0 {
                claims.by_digest.entry((file.digest_bytes, file.digest)).or_default().push(file.id);
                claims
                    .by_inode
                    .entry((file.stat.device, file.stat.inode))
                    .or_default()
                    .push(file.id);
                claims.lengths.push(file.digest_bytes);
                claims.free.insert(file.id, file);
            }
        }
        claims.lengths.sort_unstable_by(|a, b| b.cmp(a));
        claims.lengths.dedup();
        claims
    }

    fn is_free(&self, id: i64) -> bool {
        self.free.contains_key(&id)
    }

    /// The known file that this one is without a doubt: nothing about it changed.
    fn unchanged(&mut self, present: &Present) -> Option<LogFile> {
        let ids = self.by_inode.get(&(present.stat.device, present.stat.inode))?;
        let id = *ids.iter().rev().find(|id| {
            self.free.get(id).is_some_and(|file| file.settled && file.stat == present.stat)
        })?;
        let file = self.free.remove(&id)?;
        self.unchanged.push(Original {
            path: present.path.clone(),
            id: Some(file.id),
            beginning: Beginning::Digest(file.digest_bytes, file.digest),
        });
        Some(file)
    }

    /// Gives candidates the known files that they are.
    fn claim_all(&mut self, candidates: &mut [Candidate]) {
        // Who has the better right comes first: the file itself, then what has its name, then whoever
        // begins the same.
        for right in [Right::Inode, Right::Path, Right::Digest] {
            for candidate in candidates.iter_mut().filter(|candidate| candidate.file.is_none()) {
                candidate.file = self.claim(candidate, right);
            }
        }
    }

    /// The free file that begins as the candidate does, that the candidate goes on from, and that it has
    /// that right to.
    fn claim(&mut self, candidate: &Candidate, right: Right) -> Option<LogFile> {
        let Candidate { head, present, .. } = candidate;
        let is_due = |file: &LogFile| match right {
            Right::Inode => file.stat.is_same_file(&head.stat),
            Right::Path => file.path == present.path,
            Right::Digest => true,
        };
        // The longest digest tells most; of several files, the latest.
        let id = self.lengths.iter().filter(|&&bytes| bytes <= head.len()).find_map(|&bytes| {
            let ids = self.by_digest.get(&(bytes, head.digest(bytes)?))?;
            let is_it = |file: &LogFile| is_due(file) && candidate.continues(file);
            ids.iter().rev().find(|id| self.free.get(id).is_some_and(is_it)).copied()
        })?;
        self.free.remove(&id)
    }

    /// The files that others may be copies of.
    fn originals(&mut self, candidates: &[Candidate]) -> Originals {
        let mut all = std::mem::take(&mut self.unchanged);
        for Candidate { present, head, file } in candidates {
            if let Some(file) = file {
                let beginning = Beginning::Bytes(head.bytes().to_vec());
                all.push(Original { path: present.path.clone(), id: Some(file.id), beginning });
            }
        }
        Originals { all }
    }
}

/// How a file begins.
enum Beginning {
    /// Of a file that was opened: up to [`HEAD_BYTES`].
    Bytes(Vec<u8>),
    /// Of one that was not: how many bytes have which digest.
    Digest(usize, Digest),
}

impl Beginning {
    /// Whether it begins with all that the head has.
    fn begins_with(&self, head: &Head) -> bool {
        match self {
            Beginning::Bytes(bytes) => bytes.starts_with(head.bytes()),
            Beginning::Digest(bytes, digest) => {
                *bytes == head.len() && head.digest(*bytes) == Some(*digest)
            }
        }
    }
}

/// A file that others may be copies of.
struct Original {
    path: PathBuf,
    /// Its row, unless it was met for the first time.
    id: Option<i64>,
    beginning: Beginning,
}

struct Originals {
    all: Vec<Original>,
}

/// What a file that is no known one is.
enum Likeness {
    /// A copy; `None` of a file that has no row yet.
    Copy(Option<KnownCopy>),
    /// A log of its own from that place on.
    Own(Place),
}

impl Originals {
    /// Adds a file that was met for the first time. One that is shorter than a head may be told from
    /// others by what follows.
    fn add(&mut self, path: &Path, head: &Head) {
        if head.len() == HEAD_BYTES {
            let beginning = Beginning::Bytes(head.bytes().to_vec());
            self.all.push(Original { path: path.to_owned(), id: None, beginning });
        }
    }

    fn likeness(&self, present: &Present, head: &Head, known: Option<&KnownCopy>) -> Likeness {
        let mut place = Place { offset: head.hole, ..Place::default() };
        let mut compared = HashSet::new();
        let begins_alike =
            |original: &&Original| head.len() > 0 && original.beginning.begins_with(head);
        for original in self.all.iter().filter(begins_alike) {
            if !compared.insert(&original.path) {
                continue;
            }
            let from = known.filter(|known| Some(known.original) == original.id);
            let from = from.map_or(0, |known| known.same);
            match compare(&present.path, &original.path, from) {
                Ok(Relation::Copy { same }) => {
                    let copy = |original| KnownCopy { stat: present.stat, original, same };
                    return Likeness::Copy(original.id.map(copy));
                }
                // It has all of the other one's lines, and more; or it was a copy, and is none any more.
                Ok(Relation::Longer { same }) => place = place_within(&present.path, same),
                Ok(Relation::Differs { same }) if from > 0 => {
                    place = place_within(&present.path, same)
                }
                // Logs that begin alike are logs of their own. What cannot be read is seen when it is.
                Ok(Relation::Differs { .. }) | Err(_) => {}
            }
        }
        Likeness::Own(place)
    }
}

/// The place after the last whole line within the first bytes.
fn place_within(path: &Path, bytes: u64) -> Place {
    let (lines, offset) = lines_within(path, bytes).unwrap_or_default();
    Place { offset, lines, header: Vec::new() }
}
