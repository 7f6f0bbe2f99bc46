//! The layout of a blacklist file, and of its prefix that the component reads: the guest's image.
//!
//! All numbers are little-endian:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `TSIEVEBL` |
//! | 8 | 2 | format version |
//! | 10 | 2 | normaliser version |
//! | 12 | 4 | bytes of the header, this table to the signature |
//! | 16 | 8 | generation |
//! | 24 | 8 | bytes of the guest's image: the header and the match sections |
//! | 32 | 8 | bytes of the file |
//! | 40 | 4 | number of sections |
//! | 44 | 4 | bytes of the name |
//! | 48 | 64 | name, filled with zeros |
//! | 112 | 56 each | sections: id (4), entries (4), offset (8), bytes (8), BLAKE3 digest (32) |
//! | then | 32 | BLAKE3 digest of everything before: the blacklist's identity |
//! | then | 64 | Ed25519 signature of that digest; zeros when unsigned |
//! | then | 32 | BLAKE3 digest of the signature's bytes |
//!
//! Sections start at multiples of 64 bytes. The match sections come first, so that the guest's
//! image is a prefix of the file.

/// The first bytes of every blacklist.
pub const MAGIC: [u8; 8] = *b"TSIEVEBL";
/// The version of this layout.
pub const FORMAT: u16 = 4;
/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// The most sections that a reader accepts, more than any version has had.
pub const MAX_SECTIONS: usize = 256;

pub(crate) const TABLE_AT: usize = 48 + MAX_NAME_BYTES;
pub(crate) const ROW_BYTES: usize = 4 + 4 + 8 + 8 + 32;
pub(crate) const DIGEST_BYTES: usize = 32;
pub(crate) const SIGNATURE_BYTES: usize = 64;
/// Size of the header's digest, the signature and the signature's digest, in bytes.
pub(crate) const SEAL_BYTES: usize = DIGEST_BYTES + SIGNATURE_BYTES + DIGEST_BYTES;
/// Sections start at multiples of this many bytes: a cache line.
#[cfg(feature = "host")]
pub(crate) const ALIGNMENT: usize = 64;

/// The types of entries, in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EntryType {
    /// A domain name.
    Domain = 0,
    /// An IPv4 address, network or range.
    Ipv4 = 1,
    /// An IPv6 address, network or range.
    Ipv6 = 2,
    /// A URL.
    Url = 3,
    /// An MD5 digest of a file.
    Md5 = 4,
    /// A SHA-1 digest of a file.
    Sha1 = 5,
    /// A SHA-256 digest of a file.
    Sha256 = 6,
    /// An email address.
    Email = 7,
    /// The name of a file: only ever a part of a conjunction, never an entry.
    FileName = 8,
}

impl EntryType {
    /// The number of types of entries.
    pub const COUNT: usize = 8;
    /// All types of entries.
    pub const ALL: [EntryType; EntryType::COUNT] = [
        EntryType::Domain,
        EntryType::Ipv4,
        EntryType::Ipv6,
        EntryType::Url,
        EntryType::Md5,
        EntryType::Sha1,
        EntryType::Sha256,
        EntryType::Email,
    ];

    /// The name of the STIX cyber-observable object, as in ECS `threat.indicator.type`.
    pub fn stix_name(self) -> &'static str {
        match self {
            EntryType::Domain => "domain-name",
            EntryType::Ipv4 => "ipv4-addr",
            EntryType::Ipv6 => "ipv6-addr",
            EntryType::Url => "url",
            EntryType::Md5 | EntryType::Sha1 | EntryType::Sha256 | EntryType::FileName => "file",
            EntryType::Email => "email-addr",
        }
    }

    /// The algorithm of a file digest, as in STIX `hash-algorithm-ov`; `None` for other types.
    pub fn algorithm(self) -> Option<&'static str> {
        match self {
            EntryType::Md5 => Some("MD5"),
            EntryType::Sha1 => Some("SHA-1"),
            EntryType::Sha256 => Some("SHA-256"),
            _ => None,
        }
    }

    pub(crate) fn section(self) -> Option<Section> {
        Some(match self {
            EntryType::Domain => Section::Domains,
            EntryType::Ipv4 => Section::Ipv4,
            EntryType::Ipv6 => Section::Ipv6,
            EntryType::Url => Section::Urls,
            EntryType::Md5 => Section::Md5,
            EntryType::Sha1 => Section::Sha1,
            EntryType::Sha256 => Section::Sha256,
            EntryType::Email => Section::Emails,
            EntryType::FileName => return None,
        })
    }
}

/// The purpose of a set's entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Role {
    /// The values are bad.
    Block = 0,
    /// The values are known to be good and suppress matches.
    Allow = 1,
}

impl Role {
    /// Both roles, in the order of their entries' numbers.
    pub const ALL: [Role; 2] = [Role::Block, Role::Allow];
}

/// The kinds of sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Section {
    HostFilter = 1,
    Domains = 2,
    DomainModes = 3,
    Ipv4 = 4,
    Ipv6 = 5,
    Urls = 6,
    UrlModes = 7,
    Md5 = 8,
    Sha1 = 9,
    Sha256 = 10,
    Emails = 11,
    // Sections that only hosts read. They have no role.
    #[cfg(feature = "host")]
    Values = 32,
    #[cfg(feature = "host")]
    EntryRecords = 33,
    #[cfg(feature = "host")]
    Records = 34,
    #[cfg(feature = "host")]
    Profiles = 35,
    #[cfg(feature = "host")]
    Strings = 36,
    #[cfg(feature = "host")]
    Feeds = 37,
    #[cfg(feature = "host")]
    Conjunctions = 38,
    #[cfg(feature = "host")]
    ConjunctionParts = 39,
}

impl Section {
    /// The section's id in the table.
    pub(crate) fn id(self, role: Role) -> u32 {
        self as u32 + 100 * role as u32
    }
}

/// Reasons why bytes are not an image of a blacklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The magic is missing: not a blacklist at all.
    #[error("not a blacklist: it does not start with {:?}", String::from_utf8_lossy(&MAGIC))]
    Magic,
    /// The layout has another version.
    #[error("blacklist format {got}, expected {FORMAT}: build it again with this version")]
    Format {
        /// The version found.
        got: u16,
    },
    /// The blacklist was built by another version of the normaliser.
    #[error(
        "blacklist built by normaliser {got}, expected {}: build it again with this version",
        crate::normalise::NORMALISER
    )]
    Normaliser {
        /// The version found.
        got: u16,
    },
    /// The bytes are fewer than the header says.
    #[error("blacklist truncated: expected {expected} bytes, got {got}")]
    Truncated {
        /// Bytes that the header asks for.
        expected: u64,
        /// Bytes that are there.
        got: u64,
    },
    /// The header contradicts itself.
    #[error("damaged blacklist header: {0}")]
    Header(&'static str),
    /// A section cannot be read.
    #[error("damaged blacklist: section {id} cannot be read")]
    Section {
        /// The section's id.
        id: u32,
    },
}

/// A row of the section table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) id: u32,
    pub(crate) entries: u32,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    #[cfg_attr(
        not(feature = "host"),
        expect(dead_code, reason = "the component trusts what its host has verified")
    )]
    pub(crate) digest: &'a [u8],
}

/// A header together with the bytes it describes: a whole file, or the guest's image.
#[derive(Debug, Clone, Copy)]
pub struct Image<'a> {
    bytes: &'a [u8],
    pub(crate) header_bytes: usize,
    sections: usize,
}

/// Returns the size of the guest's image that starts with `start`, in bytes, as its header says.
/// Returns `None` if `start` is not the start of a blacklist or is too short.
pub fn guest_bytes(start: &[u8]) -> Option<u64> {
    let header = start.get(..32)?;
    (header[..8] == MAGIC).then(|| u64_in(header, 24))
}

impl<'a> Image<'a> {
    /// Reads the header and checks that it fits the bytes. [`crate::open::Blacklist`] checks the
    /// digests.
    pub fn new(bytes: &'a [u8]) -> Result<Image<'a>, ImageError> {
        let header = bytes.get(..TABLE_AT).ok_or(match bytes.starts_with(&MAGIC) {
            true => ImageError::Truncated { expected: TABLE_AT as u64, got: bytes.len() as u64 },
            false => ImageError::Magic,
        })?;
        if header[..8] != MAGIC {
            return Err(ImageError::Magic);
        }
        let version = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        if version(8) != FORMAT {
            return Err(ImageError::Format { got: version(8) });
        }
        if version(10) != crate::normalise::NORMALISER {
            return Err(ImageError::Normaliser { got: version(10) });
        }
        let image = Image {
            bytes,
            header_bytes: u32_in(header, 12) as usize,
            sections: u32_in(header, 40) as usize,
        };
        image.check()?;
        Ok(image)
    }

    fn check(&self) -> Result<(), ImageError> {
        let got = self.bytes.len() as u64;
        let (guest, file) = (self.guest_bytes(), u64_in(self.bytes, 32));
        if got < guest || (got > guest && got < file) {
            return Err(ImageError::Truncated { expected: file, got });
        }
        if got > file {
            return Err(ImageError::Header("there are bytes after the end"));
        }
        if self.sections > MAX_SECTIONS
            || self.header_bytes < TABLE_AT + self.sections * ROW_BYTES + SEAL_BYTES
        {
            return Err(ImageError::Header("too small for its sections"));
        }
        if (self.header_bytes as u64) > guest {
            return Err(ImageError::Header("longer than the guest's image"));
        }
        if u32_in(self.bytes, 44) as usize > MAX_NAME_BYTES
            || std::str::from_utf8(self.name_bytes()).is_err()
        {
            return Err(ImageError::Header("the name is too long or not UTF-8"));
        }
        let fits = |row: &Row<'_>| row.offset.checked_add(row.bytes).is_some_and(|end| end <= file);
        if !self.rows().all(|row| fits(&row)) {
            return Err(ImageError::Header("a section is outside the file"));
        }
        let entries =
            EntryType::ALL.iter().flat_map(|kind| Role::ALL.map(|role| self.count(role, *kind)));
        if entries.map(u64::from).sum::<u64>() > u64::from(u32::MAX) {
            return Err(ImageError::Header("more entries than can be numbered"));
        }
        Ok(())
    }

    /// The blacklist's name.
    pub fn name(&self) -> &'a str {
        std::str::from_utf8(self.name_bytes()).unwrap_or_default()
    }

    fn name_bytes(&self) -> &'a [u8] {
        let len = (u32_in(self.bytes, 44) as usize).min(MAX_NAME_BYTES);
        &self.bytes[48..48 + len]
    }

    /// The blacklist's generation.
    pub fn generation(&self) -> u64 {
        u64_in(self.bytes, 16)
    }

    /// Size of the guest's image in bytes.
    pub fn guest_bytes(&self) -> u64 {
        u64_in(self.bytes, 24)
    }

    /// The number of entries of a type and role.
    pub fn count(&self, role: Role, kind: EntryType) -> u32 {
        let Some(section) = kind.section() else { return 0 };
        let id = section.id(role);
        self.rows().find(|row| row.id == id).map_or(0, |row| row.entries)
    }

    /// The number of the first entry of a type and role. Entries are numbered role by role, and
    /// within a role type by type.
    pub fn first_entry(&self, role: Role, kind: EntryType) -> u32 {
        let all = Role::ALL.iter().flat_map(|role| EntryType::ALL.map(|kind| (*role, kind)));
        all.take_while(|before| *before != (role, kind))
            .map(|(role, kind)| self.count(role, kind))
            .sum()
    }

    pub(crate) fn section(&self, role: Role, section: Section) -> Option<&'a [u8]> {
        let row = self.rows().find(|row| row.id == section.id(role))?;
        self.bytes.get(row.offset as usize..(row.offset + row.bytes) as usize)
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'a>> {
        let table =
            self.bytes.get(TABLE_AT..TABLE_AT + self.sections * ROW_BYTES).unwrap_or_default();
        table.chunks_exact(ROW_BYTES).map(|row| Row {
            id: u32_in(row, 0),
            entries: u32_in(row, 4),
            offset: u64_in(row, 8),
            bytes: u64_in(row, 16),
            digest: &row[24..56],
        })
    }
}

fn u32_in(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_in(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
