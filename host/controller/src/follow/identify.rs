//! Which of the files on disk is which of those known.
//!
//! A file is known by the digest of its first [`HEAD_BYTES`] unpacked, of a smaller one by what it had, and then the digest grows with it. So a
//! log that is renamed, copied and truncated, or compressed, goes on where it was. What two files have in common can only
//! mislead while the smaller one has less than that: a file that begins with all that another known one held when that was last looked at,
//! and that is found where the other one is not any more, is taken for the other one.

use std::collections::HashMap;
use std::path::PathBuf;

use super::find::{Missing, Present};
use super::opened::{HEAD_BYTES, Head, Opened};
use crate::store::files::{Digest, LogFile};

/// What a file on disk turned out to be.
#[derive(Debug)]
pub(crate) enum Found {
    /// A known one, just as it was.
    Unchanged(LogFile),
    /// A known one that changed, was moved, or is not matched to its end.
    Known(LogFile, Head),
    /// Met for the first time.
    New(Head),
    /// Another copy of one that is there too.
    Copy,
}

/// All of a source's files.
#[derive(Debug, Default)]
pub(crate) struct Identified {
    /// In the order in which they were found.
    pub(crate) found: Vec<(PathBuf, Found)>,
    /// Known ones that are not there.
    pub(crate) absent: Vec<LogFile>,
    pub(crate) missing: Vec<Missing>,
}

/// Tells what the files are. Only those are opened that may have changed.
pub(crate) fn identify(present: Vec<Present>, known: Vec<LogFile>) -> Identified {
    let mut identified = Identified::default();
    let mut claims = Claims::new(known);
    let mut changed = Vec::new();
    for one in present {
        if let Some(file) = claims.unchanged(&one) {
            identified.found.push((one.path, Found::Unchanged(file)));
            continue;
        }
        match Opened::open(&one.path) {
            Ok(opened) => changed.push(Candidate { path: one.path, head: opened.head, file: None }),
            Err(why) => identified.missing.push(Missing { path: one.path, why: anyhow::Error::new(why) }),
        }
    }
    // Who has the better right comes first: the file itself, then what has its name, then whoever begins the same.
    for right in [Right::Inode, Right::Path, Right::Digest] {
        for candidate in &mut changed {
            if candidate.file.is_none() {
                candidate.file = claims.claim(candidate, right);
            }
        }
    }
    let copies: Vec<bool> = (0..changed.len()).map(|at| claims.is_copy(at, &changed)).collect();
    for (Candidate { path, head, file }, is_copy) in changed.into_iter().zip(copies) {
        let found = match file {
            Some(file) => Found::Known(file, head),
            None if is_copy => Found::Copy,
            None => Found::New(head),
        };
        identified.found.push((path, found));
    }
    identified.absent = claims.free.into_values().collect();
    identified
}

struct Candidate {
    path: PathBuf,
    head: Head,
    file: Option<LogFile>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Inode,
    Path,
    Digest,
}

/// The known files that nobody was found to be yet, and what was.
struct Claims {
    free: HashMap<i64, LogFile>,
    by_digest: HashMap<(usize, Digest), Vec<i64>>,
    /// Lengths that digests were made of, longest first.
    lengths: Vec<usize>,
    by_inode: HashMap<(u64, u64), Vec<i64>>,
    /// What unchanged files are known by.
    claimed: HashMap<(usize, Digest), ()>,
}

impl Claims {
    fn new(known: Vec<LogFile>) -> Claims {
        let mut claims = Claims {
            free: HashMap::new(),
            by_digest: HashMap::new(),
            lengths: Vec::new(),
            by_inode: HashMap::new(),
            claimed: HashMap::new(),
        };
        for file in known {
            // Of a superseded one nothing is known any more.
            if file.digest_bytes > 0 {
                claims.by_digest.entry((file.digest_bytes, file.digest)).or_default().push(file.id);
                claims.by_inode.entry((file.stat.device, file.stat.inode)).or_default().push(file.id);
                claims.lengths.push(file.digest_bytes);
                claims.free.insert(file.id, file);
            }
        }
        claims.lengths.sort_unstable_by(|a, b| b.cmp(a));
        claims.lengths.dedup();
        claims
    }

    /// The known file that this one is without a doubt: nothing about it changed.
    fn unchanged(&mut self, present: &Present) -> Option<LogFile> {
        let ids = self.by_inode.get(&(present.stat.device, present.stat.inode))?;
        let id = *ids
            .iter()
            .rev()
            .find(|id| self.free.get(id).is_some_and(|file| file.settled && file.stat == present.stat))?;
        let file = self.free.remove(&id)?;
        self.claimed.insert((file.digest_bytes, file.digest), ());
        Some(file)
    }

    /// The free file that begins as the candidate does and that it has that right to.
    fn claim(&mut self, candidate: &Candidate, right: Right) -> Option<LogFile> {
        let head = &candidate.head;
        let is_due = |file: &LogFile| match right {
            Right::Inode => file.stat.is_same_file(&head.stat),
            Right::Path => file.path == candidate.path,
            Right::Digest => true,
        };
        // The longest digest tells most; of several files, the latest.
        let id = self.lengths.iter().filter(|&&bytes| bytes <= head.len()).find_map(|&bytes| {
            let ids = self.by_digest.get(&(bytes, head.digest(bytes)?))?;
            ids.iter().rev().find(|id| self.free.get(id).is_some_and(is_due)).copied()
        })?;
        self.free.remove(&id)
    }

    /// Whether the same content is there under a better right.
    fn is_copy(&self, at: usize, all: &[Candidate]) -> bool {
        let Candidate { head, file, .. } = &all[at];
        if file.is_some() || head.len() == 0 {
            return false;
        }
        let whole =
            head.digest(head.len()).is_some_and(|digest| self.claimed.contains_key(&(head.len(), digest)));
        whole
            || all.iter().enumerate().any(|(other_at, other)| {
                // Of two that are new, the later one is the copy.
                let has_right = other.file.is_some() || (head.len() == HEAD_BYTES && other_at < at);
                other_at != at && has_right && head.is_front_of(&other.head)
            })
    }
}
