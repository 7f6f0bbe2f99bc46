//! Recognises known files among those on disk.
//!
//! A file is known by two digests. One covers its first [`HEAD_BYTES`] unpacked bytes. In a smaller
//! file it covers all bytes, and grows with the file. The other covers the bytes before the matched
//! position, because many files begin alike. So a log that is renamed, copied and truncated, or
//! compressed, continues where it was.
//!
//! An unknown file that begins like another file on disk is compared with it byte by byte. It is a
//! copy, or a log of its own.
//!
//! One mistake is possible, and only while the known file is smaller than a head. A new file that
//! starts with all of the known file's bytes is taken for it, unless the known file itself is
//! found.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::compare::{Relation, compare, lines_within};
use super::find::{Missing, Present};
use super::opened::{HEAD_BYTES, Head, Opened};
use crate::store::files::{Digest, KnownCopy, LogFile, Place};

/// The identity of a file on disk.
#[derive(Debug)]
pub(crate) enum Found {
    /// A known file that did not change.
    Unchanged(LogFile),
    /// A known file that changed, was moved, or is not matched to its end.
    Known(LogFile, Head),
    /// A new file, and the position where its own lines begin. The lines before are a copy of
    /// another file's.
    New(Head, Place),
    /// A copy of another file on disk.
    Copy,
}

/// The identities of all files.
#[derive(Debug, Default)]
pub(crate) struct Identified {
    /// The files on disk, in the order in which they were found.
    pub(crate) found: Vec<(Present, Found)>,
    /// Known files that were not found.
    pub(crate) absent: Vec<LogFile>,
    pub(crate) missing: Vec<Missing>,
    /// Copies of known files, to be stored.
    pub(crate) copies: Vec<KnownCopy>,
}

/// Identifies the files on disk. Opens only those that may have changed.
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
    // A copy is still a copy while its original exists.
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

    /// Returns whether the bytes before the known file's position are unchanged. A file that became
    /// shorter has lost them and counts as the known file.
    fn continues(&self, file: &LogFile) -> bool {
        let Some(tail) = &file.tail else { return true };
        let is_shorter =
            self.head.stream_bytes().is_some_and(|bytes| bytes < file.place.offset + file.partial);
        is_shorter
            || Opened::open(&self.present.path)
                .is_ok_and(|opened| opened.has_tail(file.place.offset, tail))
    }
}

/// The evidence, in addition to equal contents, that a file on disk is a known one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    Inode,
    Path,
    /// No evidence except equal contents.
    Digest,
}

/// The known files that were not found on disk yet.
struct Claims {
    free: HashMap<i64, LogFile>,
    by_digest: HashMap<(usize, Digest), Vec<i64>>,
    /// The lengths that the digests cover, longest first.
    lengths: Vec<usize>,
    by_inode: HashMap<(u64, u64), Vec<i64>>,
    /// Files that did not change, as possible originals of copies.
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
            // A superseded file has no digest and is never recognised.
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

    /// Returns the known file if nothing about it changed.
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

    /// Assigns known files to the candidates.
    fn claim_all(&mut self, candidates: &mut [Candidate]) {
        // The strongest evidence is used first: the same inode, then the same path, then the same
        // beginning.
        for evidence in [Evidence::Inode, Evidence::Path, Evidence::Digest] {
            for candidate in candidates.iter_mut().filter(|candidate| candidate.file.is_none()) {
                candidate.file = self.claim(candidate, evidence);
            }
        }
    }

    /// Returns the unassigned file that the candidate continues: same beginning, same bytes before
    /// the position, and the given evidence.
    fn claim(&mut self, candidate: &Candidate, evidence: Evidence) -> Option<LogFile> {
        let Candidate { head, present, .. } = candidate;
        let is_due = |file: &LogFile| match evidence {
            Evidence::Inode => file.stat.is_same_file(&head.stat),
            Evidence::Path => file.path == present.path,
            Evidence::Digest => true,
        };
        // The longest digest is the most specific. Of several files with it, the latest counts.
        let id = self.lengths.iter().filter(|&&bytes| bytes <= head.len()).find_map(|&bytes| {
            let ids = self.by_digest.get(&(bytes, head.digest(bytes)?))?;
            let is_it = |file: &LogFile| is_due(file) && candidate.continues(file);
            ids.iter().rev().find(|id| self.free.get(id).is_some_and(is_it)).copied()
        })?;
        self.free.remove(&id)
    }

    /// Collects the files that others may be copies of.
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

/// The beginning of a file.
enum Beginning {
    /// The first bytes of a file that was opened, up to [`HEAD_BYTES`].
    Bytes(Vec<u8>),
    /// The length and digest of the first bytes of a file that was not opened.
    Digest(usize, Digest),
}

impl Beginning {
    /// Returns whether this beginning starts with all bytes of the head.
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
    /// The row in the state; `None` for a new file.
    id: Option<i64>,
    beginning: Beginning,
}

struct Originals {
    all: Vec<Original>,
}

/// The result of comparing an unknown file with the others.
enum Likeness {
    /// A copy; `None` if its original has no row yet.
    Copy(Option<KnownCopy>),
    /// A log of its own from this position on.
    Own(Place),
}

impl Originals {
    /// Adds a new file as a possible original. A file shorter than a head is not added, because its
    /// later lines may differ.
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
                // It continues after the other file's end, or it was a copy and has changed since.
                Ok(Relation::Longer { same }) => place = place_within(&present.path, same),
                Ok(Relation::Differs { same }) if from > 0 => {
                    place = place_within(&present.path, same)
                }
                // The file is a log of its own that only begins alike. A read error is found again,
                // and reported, when the file is matched.
                Ok(Relation::Differs { .. }) | Err(_) => {}
            }
        }
        Likeness::Own(place)
    }
}

/// Returns the position after the last whole line within the first `bytes` bytes.
fn place_within(path: &Path, bytes: u64) -> Place {
    let (lines, offset) = lines_within(path, bytes).unwrap_or_default();
    Place { offset, lines, header: Vec::new() }
}
