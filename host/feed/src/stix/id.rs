//! Identifiers of indicators, stored in little memory.

use std::fmt;

/// The beginning of an indicator's identifier.
const PREFIX: &str = "indicator--";
/// The positions of the hyphens in a UUID.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// An indicator's identifier. Nearly all have the form that takes 16 bytes.
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

/// Writes the identifier as it was read.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObjectId::Text(text) => f.write_str(text),
            // One write instead of several: feeds write these for all their indicators.
            ObjectId::Uuid(bytes) => {
                let mut text = [b'-'; 36];
                let places = (0..36).filter(|at| !HYPHENS.contains(at));
                let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
                for (at, digit) in places.zip(digits) {
                    text[at] = b"0123456789abcdef"[usize::from(digit)];
                }
                f.write_str(PREFIX)?;
                f.write_str(std::str::from_utf8(&text).unwrap_or_default())
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
