//! Collects the bytes of a JSON value while its end is searched for.

use memchr::memchr2;

use super::split::{Element, Limit, Misplaced};

/// The depth up to which kinds of brackets are checked.
const MAX_DEPTH: u32 = 128;

/// Collects a value's bytes up to a limit, and finds its end even beyond the limit.
#[derive(Default)]
pub(super) struct Sink {
    bytes: Vec<u8>,
    max_bytes: usize,
    max_depth: u32,
    beyond: Option<Limit>,
    in_string: bool,
    after_backslash: bool,
    depth: u64,
    /// One bit for each level, the innermost lowest: 1 for an object, 0 for an array.
    objects: u128,
}

impl Sink {
    pub(super) fn new(max_bytes: usize, max_depth: u32) -> Self {
        Sink { max_bytes, max_depth: max_depth.min(MAX_DEPTH), ..Sink::default() }
    }

    /// Clears everything except the limits and the buffer, and frees a large buffer.
    pub(super) fn clear(&mut self) {
        const KEPT_BYTES: usize = 1024 * 1024;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.beyond = None;
        self.open();
    }

    /// Prepares for another value.
    pub(super) fn open(&mut self) {
        (self.in_string, self.after_backslash, self.depth, self.objects) = (false, false, 0, 0);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = self.max_bytes - self.bytes.len();
        if bytes.len() > room {
            self.beyond = self.beyond.or(Some(Limit::Bytes));
        }
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Returns the collected bytes as an object.
    pub(super) fn element(
        &self,
        offset: u64,
        is_document: bool,
        misplaced: Option<Misplaced>,
    ) -> Element<'_> {
        match self.beyond {
            None => Element::Object { offset, bytes: &self.bytes, is_document, misplaced },
            Some(limit) => Element::Beyond { offset, bytes: &self.bytes, limit },
        }
    }

    /// Reads bytes up to the value's end. Returns how many it read and whether the value ended, or
    /// the position of a wrong bracket and the expected one.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Result<(usize, bool), (usize, &'static str)> {
        let mut at = 0;
        while at < bytes.len() {
            if self.in_string {
                at = self.string(bytes, at);
            } else {
                at = match bytes[at..].iter().position(|&byte| IS_STRUCTURE[usize::from(byte)]) {
                    Some(skipped) => at + skipped,
                    None => bytes.len(),
                };
                let Some(&byte) = bytes.get(at) else { break };
                self.structure(byte).map_err(|expected| (at, expected))?;
                at += 1;
            }
            if self.depth == 0 && !self.in_string {
                self.push(&bytes[..at]);
                return Ok((at, true));
            }
        }
        self.push(bytes);
        Ok((bytes.len(), false))
    }

    /// Continues in a string. Returns the position after it, or the end of the bytes.
    fn string(&mut self, bytes: &[u8], at: usize) -> usize {
        if std::mem::take(&mut self.after_backslash) {
            return at + 1;
        }
        match memchr2(b'"', b'\\', &bytes[at..]) {
            None => bytes.len(),
            Some(skipped) => {
                let is_end = bytes[at + skipped] == b'"';
                (self.in_string, self.after_backslash) = (!is_end, !is_end);
                at + skipped + 1
            }
        }
    }

    fn structure(&mut self, byte: u8) -> Result<(), &'static str> {
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => {
                self.depth += 1;
                self.objects = self.objects << 1 | u128::from(byte == b'{');
                if self.depth > u64::from(self.max_depth) {
                    self.beyond = Some(Limit::Depth);
                }
            }
            _ => {
                // Below a value that is too deep, the kinds of brackets are unknown. Such a value
                // is rejected anyway.
                let is_known = self.beyond != Some(Limit::Depth);
                if is_known && (self.objects & 1 == 1) != (byte == b'}') {
                    return Err(if byte == b'}' { "`]`" } else { "`}`" });
                }
                self.objects >>= 1;
                self.depth -= 1;
            }
        }
        Ok(())
    }
}

/// The bytes outside strings that can end a value.
const IS_STRUCTURE: [bool; 256] = {
    let mut table = [false; 256];
    let structure = b"\"{}[]";
    let mut n = 0;
    while n < structure.len() {
        table[structure[n] as usize] = true;
        n += 1;
    }
    table
};
