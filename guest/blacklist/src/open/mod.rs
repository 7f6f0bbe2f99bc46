//! Opens blacklists. A file is verified before anything of it is used.

mod conjunction;
mod entry;

pub use conjunction::{Conjoined, ConjunctionRow, PartEntry};
pub use entry::{Condition, Entry, EventContext, IndicatorView, Match, Policy};

use crate::compile::VerifyKey;
use crate::compile::metadata::{MATCH_PORT, PROFILE_BYTES, RECORD_BYTES};
use crate::compile::sign::digest_at;
use crate::image::{DIGEST_BYTES, EntryType, Image, ImageError, Role, SIGNATURE_BYTES, Section};

/// Reasons for rejecting a blacklist. The one that was loaded before stays in use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The layout is wrong.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The header was altered.
    #[error("damaged blacklist: the header does not match its digest")]
    HeaderDigest,
    /// A section was altered.
    #[error("damaged blacklist: section {id} does not match its digest")]
    SectionDigest {
        /// The section's id.
        id: u32,
    },
    /// A signature is required, and there is none.
    #[error("the blacklist is not signed, but a signature with the configured key is required")]
    Unsigned,
    /// The signature was altered or written only in part.
    #[error("damaged blacklist: the signature does not match its digest")]
    SignatureDigest,
    /// Signed with another key, or altered.
    #[error("the blacklist's signature was not made with the configured key")]
    Signature,
}

/// A verified blacklist over the bytes of its file.
#[derive(Debug)]
pub struct Blacklist<B> {
    bytes: B,
    header_bytes: usize,
    compares_ports: bool,
    has_conjunctions: bool,
}

impl<B: AsRef<[u8]>> Blacklist<B> {
    /// Verifies the layout, the digests and, if a key is given, the signature.
    pub fn open(bytes: B, trusted: Option<&VerifyKey>) -> Result<Blacklist<B>, OpenError> {
        let file = bytes.as_ref();
        let image = Image::new(file)?;
        let expected = file
            .get(32..40)
            .and_then(|bytes| bytes.first_chunk())
            .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        if file.len() as u64 != expected {
            return Err(ImageError::Truncated { expected, got: file.len() as u64 }.into());
        }
        let header_bytes = image.header_bytes;
        let at = digest_at(header_bytes);
        let digest = &file[at..at + DIGEST_BYTES];
        if blake3::hash(&file[..at]).as_bytes() != digest {
            return Err(OpenError::HeaderDigest);
        }
        let signature = &file[at + DIGEST_BYTES..at + DIGEST_BYTES + SIGNATURE_BYTES];
        if blake3::hash(signature).as_bytes()
            != &file[at + DIGEST_BYTES + SIGNATURE_BYTES..header_bytes]
        {
            return Err(OpenError::SignatureDigest);
        }
        if let Some(key) = trusted {
            verify(key, digest, signature)?;
        }
        for row in image.rows() {
            let section = file
                .get(row.offset as usize..(row.offset + row.bytes) as usize)
                .unwrap_or_default();
            if blake3::hash(section).as_bytes() != row.digest {
                return Err(OpenError::SectionDigest { id: row.id });
            }
        }
        check_gaps(file, &image)?;
        check_records(&image)?;
        conjunction::check_conjunctions(&image, entry_count(&image))?;
        let compares_ports = compares_ports(&image);
        let has_conjunctions = conjunction::has_any(&image);
        Ok(Blacklist { bytes, header_bytes, compares_ports, has_conjunctions })
    }

    fn image(&self) -> Result<Image<'_>, ImageError> {
        Image::new(self.bytes.as_ref())
    }

    /// The name of the blacklist.
    pub fn name(&self) -> &str {
        self.image().map_or("", |image| image.name())
    }

    /// Its generation.
    pub fn generation(&self) -> u64 {
        self.image().map_or(0, |image| image.generation())
    }

    /// Its identity: the BLAKE3 digest of the header, which contains the digests of all sections. A
    /// signature does not change it.
    pub fn digest(&self) -> [u8; 32] {
        let at = digest_at(self.header_bytes);
        self.bytes.as_ref()[at..].first_chunk().copied().unwrap_or_default()
    }

    /// Returns whether it has a signature, by any key.
    pub fn is_signed(&self) -> bool {
        let at = digest_at(self.header_bytes) + DIGEST_BYTES;
        self.bytes.as_ref()[at..at + SIGNATURE_BYTES].iter().any(|&byte| byte != 0)
    }

    /// The bytes of its file.
    pub fn file(&self) -> &B {
        &self.bytes
    }

    /// The prefix of the file that the component reads: the header and the match sections.
    pub fn guest_image(&self) -> &[u8] {
        let bytes = self.bytes.as_ref();
        let end = self.image().map_or(0, |image| image.guest_bytes() as usize);
        &bytes[..end.min(bytes.len())]
    }

    /// Returns whether any indicator matches only events with its port, so that ports must be
    /// known.
    pub fn compares_ports(&self) -> bool {
        self.compares_ports
    }

    /// The number of entries of a type and role.
    pub fn count(&self, role: Role, kind: EntryType) -> u32 {
        self.image().map_or(0, |image| image.count(role, kind))
    }

    /// The number of entries of a role.
    pub fn entries(&self, role: Role) -> u64 {
        EntryType::ALL.iter().map(|kind| u64::from(self.count(role, *kind))).sum()
    }

    /// The size of the file in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.bytes.as_ref().len() as u64
    }
}

fn compares_ports(image: &Image<'_>) -> bool {
    let profiles = image.section(Role::Block, Section::Profiles).unwrap_or_default();
    profiles.chunks_exact(PROFILE_BYTES).any(|profile| profile[5] & MATCH_PORT != 0)
}

/// Checks that sections follow each other with zeros between them, so that every byte of the file
/// is checked.
fn check_gaps(file: &[u8], image: &Image<'_>) -> Result<(), ImageError> {
    let mut end = image.header_bytes;
    let gaps =
        image.rows().map(|row| (row.offset as usize, row.bytes as usize)).chain([(file.len(), 0)]);
    for (offset, bytes) in gaps {
        match file.get(end..offset) {
            Some(gap) if gap.iter().all(|&byte| byte == 0) => end = offset + bytes,
            _ => {
                return Err(ImageError::Header(
                    "sections overlap, or there are bytes between them",
                ));
            }
        }
    }
    Ok(())
}

/// The number of entries of both roles.
fn entry_count(image: &Image<'_>) -> u32 {
    // The image was checked: the sum fits into 32 bits.
    let counts =
        Role::ALL.iter().flat_map(|role| EntryType::ALL.map(|kind| image.count(*role, kind)));
    counts.sum()
}

/// Checks that each entry's records begin where the ones before end, and that all exist. Otherwise
/// one hit could ask for four billion records.
fn check_records(image: &Image<'_>) -> Result<(), ImageError> {
    let section = |section| image.section(Role::Block, section).unwrap_or_default();
    let records = section(Section::Records).len() / RECORD_BYTES;
    let entries = entry_count(image) as usize;
    let (starts, rest) = section(Section::EntryRecords).as_chunks();
    let mut starts = starts.iter().map(|bytes| u32::from_le_bytes(*bytes) as usize);
    let fits = rest.is_empty()
        && starts.len() == entries + 1
        && starts.clone().is_sorted()
        && starts.next_back() == Some(records);
    if fits {
        Ok(())
    } else {
        Err(ImageError::Section { id: Section::EntryRecords.id(Role::Block) })
    }
}

fn verify(key: &VerifyKey, digest: &[u8], signature: &[u8]) -> Result<(), OpenError> {
    let signature: &[u8; SIGNATURE_BYTES] = signature.first_chunk().ok_or(OpenError::Unsigned)?;
    if signature.iter().all(|&byte| byte == 0) {
        return Err(OpenError::Unsigned);
    }
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    // Strict verification rejects signatures that other keys or texts could produce.
    key.0.verify_strict(digest, &signature).map_err(|_| OpenError::Signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::reseal;
    use crate::{CompileOptions, Compiler, Indicator, IndicatorId, UrlMode, Value};

    #[test]
    fn missing_records_are_rejected() {
        let mut compiler = Compiler::new(CompileOptions::default()).unwrap();
        let feed = compiler.feed("test").unwrap();
        let values =
            ["evil.com", "evil.org"].map(|text| Value::from_list(text, UrlMode::Exact).unwrap());
        let indicator = Indicator::new(IndicatorId::Line(1), values.to_vec());
        compiler.block(feed, indicator, &mut |rejected| panic!("{rejected:?}")).unwrap();
        let good = compiler.finish().unwrap().into_bytes();
        assert!(Blacklist::open(&good[..], None).is_ok());
        let id = Section::EntryRecords.id(Role::Block);
        let at =
            Image::new(&good).unwrap().rows().find(|row| row.id == id).unwrap().offset as usize;
        // In the good file the records of the two entries begin at 0 and 1 and end at 2.
        for (place, number) in [(0, 2), (1, 3), (1, 0x0fff_ffff), (2, 1), (2, u32::MAX)] {
            let mut file = good.clone();
            file[at + place * 4..][..4].copy_from_slice(&number.to_le_bytes());
            reseal(&mut file);
            let error = Blacklist::open(&file[..], None).unwrap_err();
            assert_eq!(error, OpenError::Image(ImageError::Section { id }), "{place} {number}");
        }
    }
}
