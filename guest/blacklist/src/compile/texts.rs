//! Numbered texts in one arena. A million ids cost their bytes, and no allocation each.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{CompileError, number};

/// Texts in the order of their numbers.
#[derive(Default)]
pub(super) struct Texts {
    arena: String,
    /// The offset in the arena at which each text ends.
    ends: Vec<u32>,
    /// Texts that [`Texts::share`] can find again.
    shared: HashTable<Shared>,
    hasher: DefaultHashBuilder,
}

struct Shared {
    /// Stored so that a growing table need not read the texts again.
    hash: u64,
    number: u32,
}

impl Texts {
    /// Returns the number of a text that is stored once, however often it is asked for.
    pub(super) fn share(&mut self, text: &str) -> Result<u32, CompileError> {
        let hash = self.hasher.hash_one(text);
        let is_known = |known: &Shared| known.hash == hash && self.get(known.number) == text;
        if let Some(known) = self.shared.find(hash, is_known) {
            return Ok(known.number);
        }
        let new = self.append(text)?;
        self.shared.insert_unique(hash, Shared { hash, number: new }, |known| known.hash);
        Ok(new)
    }

    /// Returns the number of a text that is stored for this caller. Only an equal text right after
    /// it gets the same number.
    pub(super) fn append(&mut self, text: &str) -> Result<u32, CompileError> {
        if let Some(last) = self.ends.len().checked_sub(1).and_then(|last| u32::try_from(last).ok())
            && self.get(last) == text
        {
            return Ok(last);
        }
        let new = number(self.ends.len(), "texts")?;
        let end = number(self.arena.len() + text.len(), "bytes of texts")?;
        self.arena.push_str(text);
        self.ends.push(end);
        Ok(new)
    }

    /// The text with this number.
    pub(super) fn get(&self, number: u32) -> &str {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.arena[start as usize..self.ends[number] as usize]
    }

    /// Encodes the number of texts (4 bytes), the offset at which each ends (4 bytes each), and the
    /// texts.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(4 + 4 * self.ends.len() + self.arena.len());
        out.extend_from_slice(&(self.ends.len() as u32).to_le_bytes());
        for end in &self.ends {
            out.extend_from_slice(&end.to_le_bytes());
        }
        out.extend_from_slice(self.arena.as_bytes());
        out
    }
}
