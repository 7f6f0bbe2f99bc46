//! Values that are compared as text, sorted by key.

use super::CompileError;

/// Keys in one arena, each with its mode and its metadata record.
#[derive(Default)]
pub(super) struct KeyTable {
    arena: Vec<u8>,
    rows: Vec<Row>,
}

struct Row {
    /// The key's first 16 bytes. Most comparisons are decided without reading the arena.
    prefix: u128,
    at: u32,
    key_bytes: u16,
    /// Length of the text to show, which follows the key. 0 if it is the key itself.
    shown_bytes: u16,
    mode: u8,
    record: u32,
}

/// All rows that have the same key.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) key: &'a [u8],
    /// The text to show. It does not depend on the order of the indicators.
    pub(super) shown: &'a [u8],
    /// The modes of all indicators, one bit each.
    pub(super) modes: u8,
    rows: &'a [Row],
}

impl<'a> Group<'a> {
    /// The metadata records of its indicators, in the order in which they were added.
    pub(super) fn records(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.rows.iter().map(|row| row.record)
    }
}

impl KeyTable {
    pub(super) fn add(
        &mut self,
        key: &[u8],
        shown: &str,
        mode: u8,
        record: u32,
    ) -> Result<(), CompileError> {
        let shown = if shown.as_bytes() == key { "" } else { shown };
        let too_large =
            CompileError::TooLarge { what: "bytes of names", limit: u64::from(u32::MAX) };
        let at = u32::try_from(self.arena.len()).map_err(|_| too_large.clone())?;
        // A value has at most 8 KiB, and its normalised form at most three times as much.
        let (Ok(key_bytes), Ok(shown_bytes)) =
            (u16::try_from(key.len()), u16::try_from(shown.len()))
        else {
            return Err(too_large);
        };
        self.arena.extend_from_slice(key);
        self.arena.extend_from_slice(shown.as_bytes());
        let mut prefix = [0; 16];
        let head = key.len().min(16);
        prefix[..head].copy_from_slice(&key[..head]);
        let prefix = u128::from_be_bytes(prefix);
        self.rows.push(Row { prefix, at, key_bytes, shown_bytes, mode, record });
        Ok(())
    }

    pub(super) fn sort(&mut self) {
        let KeyTable { arena, rows } = self;
        rows.sort_unstable_by(|a, b| {
            (a.prefix.cmp(&b.prefix))
                .then_with(|| a.key(arena).cmp(b.key(arena)))
                .then(a.record.cmp(&b.record))
        });
    }

    /// The sorted keys, each once, with their rows.
    pub(super) fn groups(&self) -> impl Iterator<Item = Group<'_>> + Clone {
        let arena = &self.arena;
        self.rows.chunk_by(|a, b| a.prefix == b.prefix && a.key(arena) == b.key(arena)).map(
            |rows| Group {
                key: rows[0].key(arena),
                shown: rows.iter().map(|row| row.shown(arena)).min().unwrap_or_default(),
                modes: rows.iter().fold(0, |modes, row| modes | row.mode),
                rows,
            },
        )
    }

    /// The sorted keys, repeats included.
    pub(super) fn keys(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.rows.iter().map(|row| row.key(&self.arena))
    }
}

impl Row {
    fn key<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        &arena[self.at as usize..][..usize::from(self.key_bytes)]
    }

    fn shown<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        match self.shown_bytes {
            0 => self.key(arena),
            bytes => &arena[self.at as usize + usize::from(self.key_bytes)..][..usize::from(bytes)],
        }
    }
}
