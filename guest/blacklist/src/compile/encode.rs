//! Encodes sorted values as sections, and the sections as a file.

use std::thread;

use super::addresses::{Number, RangeRow, Segments};
use super::keys::KeyTable;
use super::metadata::Metadata;
use super::sign::digest_at;
use super::{CompileError, CompileOptions, Compiled, Listed, Summary};
use crate::image::{
    ALIGNMENT, EntryType, FORMAT, MAGIC, MAX_NAME_BYTES, ROW_BYTES, Role, SEAL_BYTES,
    SIGNATURE_BYTES, Section, TABLE_AT,
};
use crate::normalise::NORMALISER;
use crate::sets::{Digests, HostFilter, Modes, Ranges, reverse_labels};
use crate::value::{AddressRange, FileHash};
use crate::values::ValuesWriter;

/// Sections on their way into the file.
#[derive(Default)]
struct Sections(Vec<(Section, Role, u32, Vec<u8>)>);

impl Sections {
    fn add(&mut self, section: Section, role: Role, entries: usize, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.0.push((section, role, entries as u32, bytes));
        }
    }
}

/// Writes the values and metadata of the entries, in the order of their numbers.
struct EntryWriter {
    metadata: Metadata,
    values: ValuesWriter,
    /// The index of each entry's first record, and at the end the number of records.
    starts: Vec<u8>,
    records: Vec<u8>,
    written: u32,
    count: u32,
}

impl EntryWriter {
    fn entry(
        &mut self,
        value: &[u8],
        records: impl Iterator<Item = u32>,
    ) -> Result<(), CompileError> {
        self.values.push(value)?;
        self.starts.extend_from_slice(&self.written.to_le_bytes());
        self.written += self.metadata.write_records(self.count, records, &mut self.records);
        self.count += 1;
        Ok(())
    }
}

pub(super) fn encode(
    options: &CompileOptions,
    metadata: Metadata,
    listed: [Listed; 2],
    suffixes_made_exact: Vec<String>,
) -> Result<Compiled, CompileError> {
    let mut summary =
        Summary { statements: metadata.statements(), suffixes_made_exact, ..Summary::default() };
    let mut sections = Sections::default();
    let mut entries = EntryWriter {
        metadata,
        values: ValuesWriter::default(),
        starts: Vec::new(),
        records: Vec::new(),
        written: 0,
        count: 0,
    };
    for (role, listed) in Role::ALL.into_iter().zip(listed) {
        encode_role(role, listed, &mut sections, &mut entries)?;
    }
    let match_sections = sections.0.len();
    for (section, role, count, bytes) in &sections.0 {
        if let Some(kind) = EntryType::ALL.into_iter().find(|kind| kind.section() == Some(*section))
        {
            summary.entries[*role as usize][kind as usize] = *count;
        }
        summary
            .section_bytes
            .push((format!("{role:?}/{section:?}").to_lowercase(), bytes.len() as u64));
    }
    entries.starts.extend_from_slice(&entries.written.to_le_bytes());
    for (section, bytes) in [
        (Section::Values, entries.values.finish()),
        (Section::EntryRecords, entries.starts),
        (Section::Records, entries.records),
        (Section::Profiles, entries.metadata.encode_profiles()),
        (Section::Strings, entries.metadata.encode_strings()),
        (Section::Feeds, entries.metadata.encode_feeds()),
    ] {
        sections.add(section, Role::Block, 0, bytes);
    }
    let conjunctions = entries.metadata.encode_conjunctions()?;
    (summary.conjunctions, summary.lone_parts) = (conjunctions.count, conjunctions.lone_parts);
    for (section, count, bytes) in [
        (Section::Conjunctions, conjunctions.count, conjunctions.rows),
        (Section::ConjunctionParts, conjunctions.lone_parts, conjunctions.parts),
    ] {
        sections.add(section, Role::Block, count as usize, bytes);
    }
    let bytes = assemble(options, &sections.0, match_sections);
    summary.guest_bytes = u64::from_le_bytes(bytes[24..32].try_into().unwrap_or_default());
    summary.file_bytes = bytes.len() as u64;
    Ok(Compiled { bytes, summary })
}

/// Encodes all entries of one role. Building the transducers is half of the work, so a second
/// thread does it.
fn encode_role(
    role: Role,
    mut listed: Listed,
    sections: &mut Sections,
    entries: &mut EntryWriter,
) -> Result<(), CompileError> {
    listed.domains.sort();
    listed.urls.sort();
    listed.emails.sort();
    let Listed { domains, urls, emails, ipv4, ipv6, md5, sha1, sha256 } = listed;
    let all_trees = || [&domains, &urls, &emails].map(encode_tree);
    thread::scope(|scope| {
        let beside = thread::Builder::new().spawn_scoped(scope, all_trees);
        let filter = if role == Role::Block { encode_filter(&domains, &urls) } else { Vec::new() };
        // Entries are numbered in the order of these calls.
        let domain_modes = encode_entries(&domains, entries)?;
        let ipv4 = encode_ranges(ipv4, 0u32, entries)?;
        let ipv6 = encode_ranges(ipv6, 0u128, entries)?;
        let url_modes = encode_entries(&urls, entries)?;
        let md5 = encode_digests(md5, FileHash::Md5, entries)?;
        let sha1 = encode_digests(sha1, FileHash::Sha1, entries)?;
        let sha256 = encode_digests(sha256, FileHash::Sha256, entries)?;
        let email_modes = encode_entries(&emails, entries)?;
        let [domain_tree, url_tree, email_tree] = match beside {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // No thread could be started. The result is the same, only later.
            Err(_) => all_trees(),
        };
        sections.add(Section::HostFilter, role, 0, filter);
        sections.add(Section::Domains, role, domain_modes.len(), domain_tree);
        sections.add(Section::DomainModes, role, domain_modes.len(), Modes::encode(&domain_modes));
        sections.add(Section::Ipv4, role, ipv4.0, ipv4.1);
        sections.add(Section::Ipv6, role, ipv6.0, ipv6.1);
        sections.add(Section::Urls, role, url_modes.len(), url_tree);
        sections.add(Section::UrlModes, role, url_modes.len(), Modes::encode(&url_modes));
        sections.add(Section::Md5, role, md5.0, md5.1);
        sections.add(Section::Sha1, role, sha1.0, sha1.1);
        sections.add(Section::Sha256, role, sha256.0, sha256.1);
        sections.add(Section::Emails, role, email_modes.len(), email_tree);
        Ok(())
    })
}

/// Encodes the host filter over the listed names and the hosts of the listed URLs, normalised as
/// look-ups use them.
fn encode_filter(domains: &KeyTable, urls: &KeyTable) -> Vec<u8> {
    let mut names = Vec::new();
    let mut ends = vec![0];
    for key in domains.keys() {
        reverse_labels(key, &mut names);
        ends.push(names.len());
    }
    for key in urls.keys() {
        names.extend(key.iter().take_while(|b| !matches!(b, b'/' | b':')));
        ends.push(names.len());
    }
    if ends.len() == 1 {
        return Vec::new();
    }
    HostFilter::encode(ends.windows(2).map(|ends| &names[ends[0]..ends[1]]))
}

/// Encodes keys as a transducer that gives each key's ordinal; empty if there are no keys.
fn encode_tree(table: &KeyTable) -> Vec<u8> {
    let mut tree = fst::raw::Builder::memory();
    let mut count = 0;
    for group in table.groups() {
        let sorted = tree.insert(group.key, count);
        debug_assert!(sorted.is_ok(), "keys are sorted and in memory");
        count += 1;
    }
    if count == 0 { Vec::new() } else { tree.into_inner().unwrap_or_default() }
}

/// Writes the keys' values and metadata, and returns their modes. Names keep their labels reversed
/// in the values too: front coding saves more that way.
fn encode_entries(table: &KeyTable, entries: &mut EntryWriter) -> Result<Vec<u8>, CompileError> {
    let mut modes = Vec::new();
    for group in table.groups() {
        modes.push(group.modes);
        entries.entry(group.shown, group.records())?;
    }
    Ok(modes)
}

fn encode_ranges<W: Number>(
    mut rows: Vec<RangeRow<W>>,
    zero: W,
    entries: &mut EntryWriter,
) -> Result<(usize, Vec<u8>), CompileError> {
    if rows.is_empty() {
        return Ok((0, Vec::new()));
    }
    rows.sort_unstable_by_key(|row| (row.first, row.last, row.record));
    let groups = || rows.chunk_by(|a, b| (a.first, a.last) == (b.first, b.last));
    for group in groups() {
        let records = group.iter().map(|row| row.record);
        let value = AddressRange::new(group[0].first.address(), group[0].last.address())
            .map_or_else(String::new, |range| range.to_string());
        entries.entry(value.as_bytes(), records)?;
    }
    let made = Segments::new(groups().map(|group| (group[0].first, group[0].last)), zero);
    Ok((groups().count(), Ranges::encode(&made.segments, &made.nodes, Number::put)))
}

fn encode_digests<const N: usize>(
    mut rows: Vec<([u8; N], u32)>,
    hash: impl Fn([u8; N]) -> FileHash,
    entries: &mut EntryWriter,
) -> Result<(usize, Vec<u8>), CompileError> {
    if rows.is_empty() {
        return Ok((0, Vec::new()));
    }
    rows.sort_unstable();
    let mut digests = Vec::new();
    for group in rows.chunk_by(|a, b| a.0 == b.0) {
        let records = group.iter().map(|row| row.1);
        entries.entry(hash(group[0].0).to_string().as_bytes(), records)?;
        digests.push(group[0].0);
    }
    Ok((digests.len(), Digests::encode(&digests)))
}

/// Assembles the file: the header, the match sections, then the other sections.
fn assemble(
    options: &CompileOptions,
    sections: &[(Section, Role, u32, Vec<u8>)],
    match_sections: usize,
) -> Vec<u8> {
    let header_bytes =
        (TABLE_AT + sections.len() * ROW_BYTES + SEAL_BYTES).next_multiple_of(ALIGNMENT);
    let mut offsets = Vec::with_capacity(sections.len() + 1);
    let mut end = header_bytes;
    let mut guest_bytes = header_bytes;
    for (i, (.., bytes)) in sections.iter().enumerate() {
        offsets.push(end);
        end = (end + bytes.len()).next_multiple_of(ALIGNMENT);
        if i < match_sections {
            guest_bytes = end;
        }
    }
    let mut out = Vec::with_capacity(end);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&NORMALISER.to_le_bytes());
    out.extend_from_slice(&(header_bytes as u32).to_le_bytes());
    for number in [options.generation, guest_bytes as u64, end as u64] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&(sections.len() as u32).to_le_bytes());
    out.extend_from_slice(&(options.name.len() as u32).to_le_bytes());
    out.extend_from_slice(options.name.as_bytes());
    out.resize(48 + MAX_NAME_BYTES, 0);
    for ((section, role, entries, bytes), offset) in sections.iter().zip(&offsets) {
        out.extend_from_slice(&section.id(*role).to_le_bytes());
        out.extend_from_slice(&entries.to_le_bytes());
        out.extend_from_slice(&(*offset as u64).to_le_bytes());
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(blake3::hash(bytes).as_bytes());
    }
    out.resize(digest_at(header_bytes), 0);
    let digest = blake3::hash(&out);
    out.extend_from_slice(digest.as_bytes());
    let unsigned = [0; SIGNATURE_BYTES];
    out.extend_from_slice(&unsigned);
    out.extend_from_slice(blake3::hash(&unsigned).as_bytes());
    for ((.., bytes), offset) in sections.iter().zip(&offsets) {
        out.resize(*offset, 0);
        out.extend_from_slice(bytes);
    }
    out.resize(end, 0);
    out
}
