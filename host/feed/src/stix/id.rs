//! Identifiers, kept small.

use std::fmt;

/// The start of an indicator's identifier.
const PREFIX: &str = "indicator--";
/// Where a UUID has hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// An indicator's identifier: 16 bytes where it has the form that nearly all have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum ObjectId {
    /// `indicator--` and a UUID in lower case.
    Uuid([u8; 16]),
    Text(Box<str>),
}

impl ObjectId {
    pub(super) fn new(text: &str) -> ObjectId {
        match text.strip_prefix(PREFIX).and_then(uuid) {
            Some(bytes) => ObjectId::Uuid(bytes),
            None => ObjectId::Text(text.into()),
        }
    }
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut place = 0;
    if text.len() != 36 {
        return None;
    }
    for (at, byte) in text.bytes().enumerate() {
        let digit = match byte {
            b'-' if HYPHENS.contains(&at) => continue,
            b'0'..=b'9' if !HYPHENS.contains(&at) => byte - b'0',
            b'a'..=b'f' if !HYPHENS.contains(&at) => byte - b'a' + 10,
            _ => return None,
        };
        bytes[place / 2] = bytes[place / 2] << 4 | digit;
        place += 1;
    }
    Some(bytes)
}

/// As it was read.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObjectId::Text(text) => f.write_str(text),
            ObjectId::Uuid(bytes) => {
                f.write_str(PREFIX)?;
                for (at, byte) in bytes.iter().enumerate() {
                    let hyphen = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{hyphen}{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_come_back_as_they_were() {
        for (text, is_uuid) in [
            ("indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", true),
            ("indicator--8E2E2D2B-17d4-4cbf-938f-98ee46b3cd3f", false),
            ("indicator--8e2e2d2b17d4-4cbf-938f-98ee46b3cd3f-", false),
            ("indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3", false),
            ("malware--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", false),
            ("indicator--", false),
            ("x", false),
        ] {
            let id = ObjectId::new(text);
            assert_eq!(id.to_string(), text);
            assert_eq!(matches!(id, ObjectId::Uuid(_)), is_uuid, "{text}");
        }
        assert_eq!(size_of::<ObjectId>(), 24);
    }
}
