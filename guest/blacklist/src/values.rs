//! The entries' values as front-coded text, in blocks of sixteen. Each value omits the bytes that
//! it shares with the value before it in its block.
//!
//! Layout: number of values (4), number of blocks (4), offset of each block in the data (4 each),
//! data. A value is the number of shared bytes (varint), the number of own bytes (varint), and its
//! own bytes.

use crate::compile::CompileError;

/// Values in a block: the most values that are read to find one.
const BLOCK: u32 = 16;

/// Writes values one after the other.
#[derive(Default)]
pub(crate) struct ValuesWriter {
    count: u32,
    offsets: Vec<u8>,
    data: Vec<u8>,
    last: Vec<u8>,
}

impl ValuesWriter {
    pub(crate) fn push(&mut self, value: &[u8]) -> Result<(), CompileError> {
        let too_large =
            CompileError::TooLarge { what: "bytes of values", limit: u64::from(u32::MAX) };
        let shared = if self.count.is_multiple_of(BLOCK) {
            self.offsets.extend_from_slice(
                &u32::try_from(self.data.len()).map_err(|_| too_large.clone())?.to_le_bytes(),
            );
            0
        } else {
            self.last.iter().zip(value).take_while(|(a, b)| a == b).count()
        };
        self.count = self.count.checked_add(1).ok_or(too_large)?;
        write_varint(shared, &mut self.data);
        write_varint(value.len() - shared, &mut self.data);
        self.data.extend_from_slice(&value[shared..]);
        self.last.truncate(shared);
        self.last.extend_from_slice(&value[shared..]);
        Ok(())
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 + self.offsets.len() + self.data.len());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&((self.offsets.len() / 4) as u32).to_le_bytes());
        out.extend_from_slice(&self.offsets);
        out.extend_from_slice(&self.data);
        out
    }
}

fn write_varint(number: usize, out: &mut Vec<u8>) {
    let mut rest = number;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Returns the value at an index of a section that [`ValuesWriter`] wrote. Returns `None` past the
/// end and for damaged data.
pub(crate) fn value_at(section: &[u8], place: u32) -> Option<Vec<u8>> {
    let number =
        |at: usize| section.get(at..at + 4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    if place >= number(0)? {
        return None;
    }
    let data = 8 + number(4)? as usize * 4;
    let mut rest = section.get(data + number(8 + (place / BLOCK) as usize * 4)? as usize..)?;
    let mut value = Vec::new();
    for _ in 0..=place % BLOCK {
        let shared = read_varint(&mut rest)?;
        let own = read_varint(&mut rest)?;
        let (head, tail) = rest.split_at_checked(own)?;
        if shared > value.len() {
            return None;
        }
        value.truncate(shared);
        value.extend_from_slice(head);
        rest = tail;
    }
    Some(value)
}

fn read_varint(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0usize;
    for shift in (0..28).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back() {
        let values: Vec<String> =
            (0..1000).map(|i| format!("com.evil{}.{}", i / 7, "x".repeat(i % 200))).collect();
        let mut writer = ValuesWriter::default();
        values.iter().for_each(|value| writer.push(value.as_bytes()).unwrap());
        let section = writer.finish();
        for (place, value) in (0..).zip(&values) {
            assert_eq!(value_at(&section, place).as_deref(), Some(value.as_bytes()));
        }
        assert_eq!(value_at(&section, 1000), None);
        for cut in 0..section.len() {
            let _ = value_at(&section[..cut], 999);
        }
    }
}
