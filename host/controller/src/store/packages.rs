//! Packages of STIX 1.x, kept as they were received.
//!
//! A delivery of the whole list needs none of the earlier packages. A delivery in parts may
//! complete an earlier package, refer to one, or replace one: then the earlier packages are read
//! again with it ([`related`]).

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use anyhow::Context;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params};
use threatsieve_blacklist::Timestamp;
use threatsieve_feed::{PackageContent, PackageRole, PackageSink};

use super::Store;

/// Maximum length of a package that is kept: 64 MiB. Of a longer one, only the digest is.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Maximum number and length of earlier packages that are read again with one delivery.
const MAX_RELATED: usize = 10_000;
const MAX_RELATED_BYTES: u64 = 256 * 1024 * 1024;

/// Time for which a package without its content is remembered: a year.
const REMEMBERED_MICROS: i64 = 365 * 24 * 60 * 60 * 1_000_000;

/// The level of zstd: fast, and still a tenth of the size.
const LEVEL: i32 = 1;

/// The roles of ids in a package.
const LISTED: i64 = 0;
const DEFINED: i64 = 1;
const REFERRED: i64 = 2;

/// A kept package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptPackage {
    /// Its number in the state. A new content gets a new number, above all others.
    pub(crate) number: i64,
    /// Its own id; `blake3:DIGEST` if it has none.
    pub(crate) id: String,
    /// BLAKE3 of its content.
    pub(crate) digest: [u8; 32],
    /// Time at which this content first came.
    pub(crate) received: Timestamp,
    /// Length of its content in bytes.
    pub(crate) bytes: u64,
    /// The content is UTF-8, whatever encoding its XML declaration names.
    pub(crate) is_utf8: bool,
    /// False if only the digest is left.
    pub(crate) has_content: bool,
    /// The reason why the feed's filter drops it, if it does.
    pub(crate) dropped: Option<String>,
}

/// An earlier package that is to be read again.
#[derive(Debug)]
pub(crate) struct Related {
    pub(crate) id: String,
    pub(crate) content: Vec<u8>,
    pub(crate) is_utf8: bool,
    pub(crate) role: PackageRole,
}

/// The earlier packages that a delivery needs.
#[derive(Debug, Default)]
pub(crate) struct AllRelated {
    pub(crate) packages: Vec<Related>,
    /// Indicators that the delivery's packages listed before and do not list any more.
    pub(crate) withdrawn: BTreeSet<String>,
    /// More are needed than the limits allow, or their content was not kept.
    pub(crate) is_cut: bool,
}

/// A package of a delivery. Its content is in the delivery's file.
struct Received {
    content: PackageContent,
    digest: blake3::Hash,
    bytes: u64,
    /// Position and length of the compressed content; `None` if it is too long to be kept.
    body: Option<(u64, usize)>,
}

/// The packages of a delivery that is being read.
pub(crate) struct ReceivedPackages {
    /// Without a name, so that it disappears with the process.
    file: Option<File>,
    written: u64,
    all: Vec<Received>,
    by_id: HashMap<String, usize>,
    /// The package that is being read.
    hasher: blake3::Hasher,
    raw: Vec<u8>,
    bytes: u64,
    failed: Option<io::Error>,
}

impl ReceivedPackages {
    pub(crate) fn new() -> ReceivedPackages {
        ReceivedPackages {
            file: None,
            written: 0,
            all: Vec::new(),
            by_id: HashMap::new(),
            hasher: blake3::Hasher::new(),
            raw: Vec::new(),
            bytes: 0,
            failed: None,
        }
    }

    /// Forgets the bytes of a package without an end. Fails if a package could not be stored.
    pub(crate) fn end_input(&mut self) -> anyhow::Result<()> {
        self.begin();
        self.failed.take().map_or(Ok(()), |error| {
            Err(anyhow::Error::from(error).context("a temporary file of packages"))
        })
    }

    fn begin(&mut self) {
        self.hasher.reset();
        self.raw.clear();
        self.bytes = 0;
    }

    /// Compresses the content of the current package into the file.
    fn store(&mut self) -> io::Result<Option<(u64, usize)>> {
        if self.bytes > MAX_BYTES as u64 {
            return Ok(None);
        }
        let body = zstd::bulk::compress(&self.raw, LEVEL)?;
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let at = self.written;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&body)?;
        self.written += body.len() as u64;
        Ok(Some((at, body.len())))
    }

    fn body(&self, one: &Received) -> anyhow::Result<Option<Vec<u8>>> {
        let (Some((at, length)), Some(file)) = (one.body, &self.file) else { return Ok(None) };
        let mut body = vec![0; length];
        file.read_exact_at(&mut body, at)?;
        Ok(Some(body))
    }
}

impl PackageSink for ReceivedPackages {
    fn bytes(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        if self.raw.len() + bytes.len() <= MAX_BYTES {
            self.raw.extend_from_slice(bytes);
        }
    }

    fn end(&mut self, mut content: PackageContent) {
        let digest = self.hasher.finalize();
        if content.id.is_empty() {
            content.id = format!("blake3:{digest}");
        }
        let body = self.store().unwrap_or_else(|error| {
            self.failed.get_or_insert(error);
            None
        });
        let bytes = self.bytes;
        self.begin();
        let place = self.by_id.get(&content.id).copied();
        let id = content.id.clone();
        let received = Received { content, digest, bytes, body };
        match place {
            // Of two contents in one delivery, the newer one is kept.
            Some(place) => {
                let known = &self.all[place].content;
                if !is_older(received.content.modified, known.modified) {
                    self.all[place] = received;
                }
            }
            None => {
                self.by_id.insert(id, self.all.len());
                self.all.push(received);
            }
        }
    }
}

/// Returns whether a content is older than the known one. Without both times, it is not.
fn is_older(modified: Option<Timestamp>, known: Option<Timestamp>) -> bool {
    matches!((modified, known), (Some(modified), Some(known)) if modified < known)
}

impl Store {
    /// Reads up to `limit` packages of a feed whose numbers are above `after`, in the order of
    /// their numbers.
    pub(crate) fn packages(
        &self,
        feed: &str,
        after: i64,
        limit: usize,
    ) -> anyhow::Result<Vec<KeptPackage>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number, packages.id, digest, received, bytes, is_utf8, body IS NOT NULL,
             dropped FROM packages JOIN feeds ON feeds.id = packages.feed
             WHERE feeds.name = :feed AND number > :after ORDER BY number LIMIT :limit",
        )?;
        let parameters =
            named_params! { ":feed": feed, ":after": after, ":limit": i64::try_from(limit)? };
        let rows = statement.query_map(parameters, |row| {
            Ok(KeptPackage {
                number: row.get(0)?,
                id: row.get(1)?,
                digest: row.get(2)?,
                received: Timestamp(row.get(3)?),
                bytes: row.get(4)?,
                is_utf8: row.get(5)?,
                has_content: row.get(6)?,
                dropped: row.get(7)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Reads the content of a package as it was received; `None` if it is not kept.
    pub(crate) fn package_content(&self, number: i64) -> anyhow::Result<Option<Vec<u8>>> {
        content(&self.connection, number)
    }
}

fn content(connection: &Connection, number: i64) -> anyhow::Result<Option<Vec<u8>>> {
    let mut statement = connection
        .prepare_cached("SELECT body, bytes FROM packages WHERE number = ?1 AND body NOT NULL")?;
    let read = |row: &Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?));
    let Some((body, bytes)) = statement.query_row([number], read).optional()? else {
        return Ok(None);
    };
    let content = zstd::bulk::decompress(&body, usize::try_from(bytes)?)
        .with_context(|| format!("package {number} in the state is damaged"))?;
    Ok(Some(content))
}

/// Reads the publisher's time, which is the third column.
fn time(row: &Row<'_>) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(2)?.map(Timestamp))
}

/// Finds the earlier packages that a delivery in parts needs: those that define what it refers to,
/// those that refer to what it defines, and those that also list what it lists no more.
pub(super) fn related(
    connection: &Connection,
    feed: i64,
    received: &ReceivedPackages,
) -> anyhow::Result<AllRelated> {
    let mut search = Search {
        connection,
        feed,
        here: received.by_id.keys().map(String::as_str).collect(),
        roles: HashMap::new(),
        waiting: VecDeque::new(),
        all: AllRelated::default(),
    };
    if !search.has_any()? {
        return Ok(search.all);
    }
    for one in &received.all {
        search.replaced(one)?;
        for id in &one.content.refers {
            search.add(DEFINED, id, PackageRole::Definitions)?;
        }
        for id in &one.content.defines {
            search.add(REFERRED, id, PackageRole::Again)?;
        }
        if one.content.dropped.is_some() {
            search.listed(&one.content.indicators)?;
        }
    }
    search.follow()?;
    search.read()?;
    Ok(search.all)
}

/// The search for related packages.
struct Search<'a> {
    connection: &'a Connection,
    feed: i64,
    /// The ids of the delivery's own packages.
    here: HashSet<&'a str>,
    /// The role of each package found.
    roles: HashMap<i64, PackageRole>,
    /// Packages whose own references are to be followed.
    waiting: VecDeque<i64>,
    all: AllRelated,
}

impl Search<'_> {
    fn has_any(&self) -> anyhow::Result<bool> {
        let mut any = self.connection.prepare_cached("SELECT 1 FROM packages WHERE feed = ?1")?;
        Ok(any.exists([self.feed])?)
    }

    /// Adds what a package of the delivery replaces.
    fn replaced(&mut self, one: &Received) -> anyhow::Result<()> {
        let mut known = self.connection.prepare_cached(
            "SELECT number, digest, modified FROM packages WHERE feed = ?1 AND id = ?2",
        )?;
        let known = known
            .query_row((self.feed, &one.content.id), |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?, time(row)?))
            })
            .optional()?;
        let Some((number, digest, modified)) = known else { return Ok(()) };
        if digest == *one.digest.as_bytes() {
            return Ok(());
        }
        // The kept content is read too, and wins.
        if is_older(one.content.modified, modified) {
            self.found(number, PackageRole::Again);
            return Ok(());
        }
        let listed: HashSet<&str> = one.content.indicators.iter().map(String::as_str).collect();
        for id in self.ids(number, LISTED)? {
            if !listed.contains(id.as_str()) {
                self.add(LISTED, &id, PackageRole::Again)?;
                self.all.withdrawn.insert(id);
            }
        }
        Ok(())
    }

    /// Adds the packages that also list the indicators of a package that is dropped: there, these
    /// still count.
    fn listed(&mut self, indicators: &[String]) -> anyhow::Result<()> {
        indicators.iter().try_for_each(|id| self.add(LISTED, id, PackageRole::Again))
    }

    fn ids(&self, package: i64, role: i64) -> anyhow::Result<Vec<String>> {
        let mut ids = self
            .connection
            .prepare_cached("SELECT id FROM package_ids WHERE package = ?1 AND role = ?2")?;
        let ids = ids.query_map((package, role), |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Adds the earlier packages in which an id has a role.
    fn add(&mut self, id_role: i64, id: &str, role: PackageRole) -> anyhow::Result<()> {
        let mut packages = self.connection.prepare_cached(
            "SELECT number, packages.id FROM package_ids JOIN packages ON number = package
             WHERE package_ids.feed = ?1 AND role = ?2 AND package_ids.id = ?3",
        )?;
        let mut rows = packages.query((self.feed, id_role, id))?;
        while let Some(row) = rows.next()? {
            if !self.here.contains(row.get_ref(1)?.as_str()?) {
                self.found(row.get(0)?, role);
            }
        }
        Ok(())
    }

    fn found(&mut self, number: i64, role: PackageRole) {
        match self.roles.get(&number) {
            Some(known) if *known == role || *known == PackageRole::Again => return,
            None if self.roles.len() >= MAX_RELATED => {
                self.all.is_cut = true;
                return;
            }
            _ => {}
        }
        self.roles.insert(number, role);
        self.waiting.push_back(number);
    }

    /// Follows the references of the packages found.
    fn follow(&mut self) -> anyhow::Result<()> {
        while let Some(number) = self.waiting.pop_front() {
            for id in self.ids(number, REFERRED)? {
                self.add(DEFINED, &id, PackageRole::Definitions)?;
            }
            if self.roles.get(&number) == Some(&PackageRole::Again) {
                for id in self.ids(number, DEFINED)? {
                    self.add(REFERRED, &id, PackageRole::Again)?;
                }
            }
        }
        Ok(())
    }

    /// Reads the packages found, in the order in which they were received.
    fn read(&mut self) -> anyhow::Result<()> {
        let mut found: Vec<(i64, PackageRole)> = self.roles.iter().map(|(n, r)| (*n, *r)).collect();
        found.sort_unstable_by_key(|(number, _)| *number);
        let mut bytes = 0;
        for (number, role) in found {
            let (id, length, is_utf8) = self.connection.query_row(
                "SELECT id, bytes, is_utf8 FROM packages WHERE number = ?1",
                [number],
                |row| Ok((row.get(0)?, row.get::<_, u64>(1)?, row.get(2)?)),
            )?;
            bytes += length;
            let content = match bytes <= MAX_RELATED_BYTES {
                true => content(self.connection, number)?,
                false => None,
            };
            match content {
                Some(content) => {
                    self.all.packages.push(Related { id, content, is_utf8, role });
                }
                None => self.all.is_cut = true,
            }
        }
        Ok(())
    }
}

/// Stores the packages of a delivery, and the indicators that they list. With `has_ids`, the other
/// ids in them are stored too.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    feed: i64,
    received: &ReceivedPackages,
    now: Timestamp,
    has_ids: bool,
) -> anyhow::Result<()> {
    let mut known = transaction.prepare_cached(
        "SELECT number, digest, modified, dropped IS NOT NULL FROM packages
         WHERE feed = ?1 AND id = ?2",
    )?;
    let mut repeat = transaction.prepare_cached(
        "UPDATE packages SET seen = ?2, body = coalesce(body, ?3), dropped = ?4
         WHERE number = ?1",
    )?;
    let mut delete = transaction.prepare_cached("DELETE FROM packages WHERE number = ?1")?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO packages (feed, id, digest, modified, received, seen, bytes, is_utf8, body,
             dropped)
         VALUES (:feed, :id, :digest, :modified, :now, :now, :bytes, :is_utf8, :body, :dropped)",
    )?;
    let mut add = transaction.prepare_cached(
        "INSERT OR IGNORE INTO package_ids (feed, role, id, package) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for one in &received.all {
        let PackageContent { id, indicators, defines, refers, modified, is_utf8, dropped } =
            &one.content;
        let dropped = dropped.as_ref().map(ToString::to_string);
        let body = received.body(one)?;
        let read = |row: &Row<'_>| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?, time(row)?, row.get(3)?))
        };
        let kept = known.query_row((feed, id), read).optional()?;
        if let Some((number, digest, kept, was_dropped)) = kept {
            // A package that counts for the first time is new to those who follow the numbers.
            let counts_now = was_dropped && dropped.is_none();
            if digest == *one.digest.as_bytes() && !counts_now {
                repeat.execute((number, now.0, body, dropped))?;
                // Earlier versions did not store them for every package.
                for id in indicators {
                    add.execute((feed, LISTED, id, number))?;
                }
                continue;
            }
            if is_older(*modified, kept) {
                continue;
            }
            delete.execute([number])?;
        }
        insert.execute(named_params! {
            ":feed": feed,
            ":id": id,
            ":digest": one.digest.as_bytes(),
            ":modified": modified.map(|at| at.0),
            ":now": now.0,
            ":bytes": one.bytes,
            ":is_utf8": is_utf8,
            ":body": body,
            ":dropped": dropped,
        })?;
        let number = transaction.last_insert_rowid();
        for (role, ids) in [(LISTED, indicators), (DEFINED, defines), (REFERRED, refers)] {
            if role == LISTED || has_ids {
                for id in ids {
                    add.execute((feed, role, id, number))?;
                }
            }
        }
    }
    Ok(())
}

/// Removes the contents of packages that were delivered last before `oldest`, and the oldest of
/// those beyond a size. Returns how many contents were removed.
pub(super) fn prune(
    transaction: &Transaction<'_>,
    oldest: Timestamp,
    max_bytes: u64,
) -> anyhow::Result<u64> {
    let old = transaction
        .execute("UPDATE packages SET body = NULL WHERE body NOT NULL AND seen < ?1", [oldest.0])?;
    let surplus = transaction.execute(
        "UPDATE packages SET body = NULL WHERE number IN (SELECT number FROM (
             SELECT number, sum(length(body)) OVER (ORDER BY seen DESC, number DESC) AS sum
             FROM packages WHERE body NOT NULL) WHERE sum > ?1)",
        [i64::try_from(max_bytes).unwrap_or(i64::MAX)],
    )?;
    transaction.execute(
        "DELETE FROM packages WHERE body IS NULL AND seen < ?1",
        [oldest.0.saturating_sub(REMEMBERED_MICROS)],
    )?;
    Ok((old + surplus) as u64)
}

#[cfg(test)]
mod tests;
