//! Observables on their way to the matcher: one flat buffer for each batch.

/// The kind of an observable. It decides how the value is read. With `Any`, the matcher decides by
/// the value's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Unknown: an address, URL, email address, hash or host, depending on the value's form.
    Any = 0,
    /// A host name or address, with or without a port: `www.evil.com`, `[2001:db8::1]:443`.
    Host = 1,
    /// An IPv4 or IPv6 address in its strict textual form.
    Address = 2,
    /// A URL with a scheme, or the `host:port` of a CONNECT request.
    Url = 3,
    /// An MD5, SHA-1 or SHA-256 digest in hexadecimal.
    Hash = 4,
    /// An email address, `local@domain`.
    Email = 5,
    /// A word of free text that looks like a host but is probably a file name (`backup.zip`). Its
    /// matches are partial.
    Word = 6,
    /// The name or the path of a file. It is not looked up: hosts compare it when they judge a
    /// conjunction.
    FileName = 7,
}

impl Kind {
    /// The kind with this number in a batch, if there is one.
    pub fn from_byte(byte: u8) -> Option<Kind> {
        Some(match byte {
            0 => Kind::Any,
            1 => Kind::Host,
            2 => Kind::Address,
            3 => Kind::Url,
            4 => Kind::Hash,
            5 => Kind::Email,
            6 => Kind::Word,
            7 => Kind::FileName,
            _ => return None,
        })
    }
}

/// The longest observable, in bytes. [`Batch::push`] cuts longer ones: it keeps the end of a host
/// and the start of anything else. Listed values are at most 8 KiB, so cutting hides no match and
/// makes none.
pub const MAX_OBSERVABLE_BYTES: usize = 65_535;
/// The most observables in a batch.
pub const MAX_BATCH_OBSERVABLES: usize = 65_536;
/// The largest encoded batch in bytes: 8 MiB.
pub const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Bytes before each observable: a little-endian `u32` with its kind in the top byte and its length
/// in the other three.
pub const HEADER_BYTES: usize = 4;

/// A batch of observables, encoded as it crosses to the matcher (`wit/matcher.wit`).
#[derive(Debug, Default, Clone)]
pub struct Batch {
    bytes: Vec<u8>,
    count: u32,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Adds an observable and returns whether there was room. A full batch does not change.
    #[inline]
    pub fn push(&mut self, kind: Kind, value: &[u8]) -> bool {
        let value = match value.len() {
            0..=MAX_OBSERVABLE_BYTES => value,
            n if matches!(kind, Kind::Host | Kind::Word) => &value[n - MAX_OBSERVABLE_BYTES..],
            _ => &value[..MAX_OBSERVABLE_BYTES],
        };
        if self.count as usize == MAX_BATCH_OBSERVABLES
            || self.bytes.len() + HEADER_BYTES + value.len() > MAX_BATCH_BYTES
        {
            return false;
        }
        let header = (kind as u32) << 24 | value.len() as u32;
        self.bytes.extend_from_slice(&header.to_le_bytes());
        self.bytes.extend_from_slice(value);
        self.count += 1;
        true
    }

    /// The number of observables.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Returns whether the batch is empty.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Removes all observables and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    /// The encoded form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reasons for rejecting an encoded batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Longer than [`MAX_BATCH_BYTES`].
    #[error("batch of {got} bytes, expected at most {MAX_BATCH_BYTES}")]
    TooLarge {
        /// Bytes given.
        got: usize,
    },
    /// More than [`MAX_BATCH_OBSERVABLES`].
    #[error("batch of more than {MAX_BATCH_OBSERVABLES} observables")]
    TooMany,
    /// A header or a value extends past the end.
    #[error("batch ends within the observable at byte {at}")]
    Truncated {
        /// Offset of the observable's header.
        at: usize,
    },
    /// A kind byte that is not the number of a [`Kind`].
    #[error("the observable at byte {at} has the unknown kind {kind}")]
    UnknownKind {
        /// Offset of the observable's header.
        at: usize,
        /// The byte found.
        kind: u8,
    },
}

/// Reads an encoded batch observable by observable. Ends after the first error.
#[derive(Debug)]
pub struct BatchReader<'a> {
    bytes: &'a [u8],
    at: usize,
    count: usize,
}

impl<'a> BatchReader<'a> {
    /// Starts reading an encoded batch.
    pub fn new(bytes: &'a [u8]) -> Result<BatchReader<'a>, BatchError> {
        if bytes.len() > MAX_BATCH_BYTES {
            return Err(BatchError::TooLarge { got: bytes.len() });
        }
        Ok(BatchReader { bytes, at: 0, count: 0 })
    }
}

impl BatchReader<'_> {
    /// Returns the next observable's kind, and the start and end of its bytes in the batch.
    #[inline]
    pub(crate) fn next_place(&mut self) -> Option<Result<(Kind, usize, usize), BatchError>> {
        let at = self.at;
        if at >= self.bytes.len() {
            return None;
        }
        // Unless this observable is complete, reading ends here.
        self.at = self.bytes.len();
        let Some(header) = self.bytes[at..].first_chunk::<HEADER_BYTES>() else {
            return Some(Err(BatchError::Truncated { at }));
        };
        let header = u32::from_le_bytes(*header);
        let start = at + HEADER_BYTES;
        let end = start + (header & 0x00ff_ffff) as usize;
        if end > self.bytes.len() {
            return Some(Err(BatchError::Truncated { at }));
        }
        let byte = (header >> 24) as u8;
        let Some(kind) = Kind::from_byte(byte) else {
            return Some(Err(BatchError::UnknownKind { at, kind: byte }));
        };
        if self.count == MAX_BATCH_OBSERVABLES {
            return Some(Err(BatchError::TooMany));
        }
        self.count += 1;
        self.at = end;
        Some(Ok((kind, start, end)))
    }
}

impl<'a> Iterator for BatchReader<'a> {
    type Item = Result<(Kind, &'a [u8]), BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.bytes;
        self.next_place().map(|place| place.map(|(kind, start, end)| (kind, &bytes[start..end])))
    }
}

/// Returns the offset of each observable's header in an encoded batch, and at the end the length of
/// the batch.
pub fn offsets(batch: &[u8]) -> Result<Vec<u32>, BatchError> {
    let mut observables = BatchReader::new(batch)?;
    let mut offsets = vec![0];
    while let Some(observable) = observables.next_place() {
        // A batch has at most `MAX_BATCH_BYTES`.
        offsets.push(observable?.2 as u32);
    }
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushed_observables_are_read_back() {
        let mut batch = Batch::new();
        assert!(batch.push(Kind::Host, b"evil.com"));
        assert!(batch.push(Kind::Any, b""));
        assert!(batch.push(Kind::Url, &[b'u'; MAX_OBSERVABLE_BYTES + 9]));
        let read: Vec<_> =
            BatchReader::new(batch.as_bytes()).unwrap().map(Result::unwrap).collect();
        assert_eq!(read[0], (Kind::Host, &b"evil.com"[..]));
        assert_eq!(read[1], (Kind::Any, &b""[..]));
        assert_eq!(read[2].1.len(), MAX_OBSERVABLE_BYTES);
        assert_eq!(read.len(), batch.len());
        assert_eq!(offsets(batch.as_bytes()), Ok(vec![0, 12, 16, batch.as_bytes().len() as u32]));
        assert_eq!(offsets(&[1, 0, 0, 1]), Err(BatchError::Truncated { at: 0 }));
    }

    #[test]
    fn a_long_host_keeps_its_end() {
        let mut host = vec![b'a'; MAX_OBSERVABLE_BYTES];
        host.extend_from_slice(b".evil.com");
        let mut batch = Batch::new();
        batch.push(Kind::Host, &host);
        let (_, value) = BatchReader::new(batch.as_bytes()).unwrap().next().unwrap().unwrap();
        assert!(value.ends_with(b".evil.com"));
    }

    #[test]
    fn limits_and_damage_are_typed() {
        let mut batch = Batch::new();
        while batch.push(Kind::Host, b"a") {}
        assert_eq!(batch.len(), MAX_BATCH_OBSERVABLES);
        let error = |bytes: &[u8]| {
            BatchReader::new(bytes).and_then(|mut r| r.find_map(Result::err).map_or(Ok(()), Err))
        };
        assert_eq!(error(batch.as_bytes()), Ok(()));
        assert_eq!(error(&[1, 0]), Err(BatchError::Truncated { at: 0 }));
        assert_eq!(error(&[2, 0, 0, 1, b'a']), Err(BatchError::Truncated { at: 0 }));
        assert_eq!(error(&[1, 0, 0, 9, b'a']), Err(BatchError::UnknownKind { at: 0, kind: 9 }));
        let more = [batch.as_bytes(), &[0, 0, 0, 0]].concat();
        assert_eq!(error(&more), Err(BatchError::TooMany));
    }
}
