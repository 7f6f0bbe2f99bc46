//! A delivery in memory: one arena, and the position of each indicator in it.

use anyhow::Context;
use threatsieve_blacklist::{Timestamp, UrlMode, Value};

use super::compared;
use crate::store::body::Statement;

/// The time of an undated version, which is earlier than any other.
pub(super) const NO_TIME: i64 = i64::MIN;

/// A statement about one indicator.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incoming {
    /// Start of its id in the arena. The body follows the id.
    at: usize,
    id_bytes: u32,
    body_bytes: u32,
    /// The version's time; [`NO_TIME`] if it is undated.
    pub(super) modified: i64,
    pub(super) is_revocation: bool,
    /// True if it revokes every version so far.
    pub(super) is_undated: bool,
}

/// All statements of a delivery.
#[derive(Default)]
pub(super) struct Collected {
    arena: Vec<u8>,
    incoming: Vec<Incoming>,
}

impl Collected {
    pub(super) fn put(
        &mut self,
        id: &str,
        modified: Option<Timestamp>,
        statement: &Statement,
    ) -> anyhow::Result<()> {
        let at = self.arena.len();
        self.arena.extend_from_slice(id.as_bytes());
        statement.encode(id, &mut self.arena);
        self.push(at, id, modified, false)
    }

    pub(super) fn revoke(&mut self, id: &str, modified: Option<Timestamp>) -> anyhow::Result<()> {
        let at = self.arena.len();
        self.arena.extend_from_slice(id.as_bytes());
        self.push(at, id, modified, true)
    }

    fn push(
        &mut self,
        at: usize,
        id: &str,
        modified: Option<Timestamp>,
        is_revocation: bool,
    ) -> anyhow::Result<()> {
        let body_bytes =
            u32::try_from(self.arena.len() - at - id.len()).context("indicator over 4 GiB")?;
        self.incoming.push(Incoming {
            at,
            id_bytes: u32::try_from(id.len())?,
            body_bytes,
            modified: modified.map_or(NO_TIME, |time| time.0),
            is_revocation,
            is_undated: is_revocation && modified.is_none(),
        });
        Ok(())
    }

    /// Sorts by id, and keeps the statement that counts for each id.
    pub(super) fn settle(&mut self) -> anyhow::Result<()> {
        let mut incoming = std::mem::take(&mut self.incoming);
        // For equal ids the order of the delivery is kept, because the arena is filled in that
        // order.
        incoming.sort_unstable_by(|a, b| self.id(a).cmp(self.id(b)).then(a.at.cmp(&b.at)));
        let mut kept = 0;
        let mut start = 0;
        while start < incoming.len() {
            let same = incoming[start..]
                .iter()
                .take_while(|one| self.id(one) == self.id(&incoming[start]))
                .count();
            let counts = match same {
                1 => incoming[start],
                _ => self.newest(&incoming[start..start + same])?,
            };
            incoming[kept] = counts;
            kept += 1;
            start += same;
        }
        incoming.truncate(kept);
        self.incoming = incoming;
        Ok(())
    }

    /// Returns the newest of several statements about one indicator. A revocation wins over a
    /// version of the same time.
    fn newest(&mut self, same: &[Incoming]) -> anyhow::Result<Incoming> {
        let newest = |revoked: bool| {
            same.iter().filter(|one| one.is_revocation == revoked).map(|one| one.modified).max()
        };
        let undated = same.iter().find(|one| one.is_undated);
        if let Some(revocation) = undated {
            // It applies to every version so far, including these.
            let modified = same.iter().map(|one| one.modified).max().unwrap_or(NO_TIME);
            return Ok(Incoming { modified, ..*revocation });
        }
        let (put, revoked) = (newest(false), newest(true));
        if revoked >= put
            && let Some(revocation) =
                same.iter().find(|one| one.is_revocation && Some(one.modified) == revoked)
        {
            return Ok(*revocation);
        }
        let mut parts = same.iter().filter(|one| !one.is_revocation && Some(one.modified) == put);
        let first = *parts.next().context("a group of statements without one")?;
        let id = self.id_text(&first)?.to_owned();
        let mut statement = Statement::decode(&id, self.body(&first))?;
        for part in parts {
            statement.merge(Statement::decode(&id, self.body(part))?);
        }
        let at = self.arena.len();
        self.arena.extend_from_slice(id.as_bytes());
        statement.encode(&id, &mut self.arena);
        let body_bytes =
            u32::try_from(self.arena.len() - at - id.len()).context("indicator over 4 GiB")?;
        Ok(Incoming { at, body_bytes, ..first })
    }

    pub(super) fn incoming(&self) -> &[Incoming] {
        &self.incoming
    }

    pub(super) fn id(&self, one: &Incoming) -> &[u8] {
        &self.arena[one.at..][..one.id_bytes as usize]
    }

    pub(super) fn id_text(&self, one: &Incoming) -> anyhow::Result<&str> {
        std::str::from_utf8(self.id(one)).context("an indicator's id is not UTF-8")
    }

    pub(super) fn body(&self, one: &Incoming) -> &[u8] {
        &self.arena[one.at + one.id_bytes as usize..][..one.body_bytes as usize]
    }
}

/// A value that the feed must always list.
pub(super) struct Canary {
    /// The value as written in the configuration.
    pub(super) text: String,
    compared: String,
    pub(super) was_seen: bool,
}

impl Canary {
    pub(super) fn new(text: &str, url_mode: UrlMode) -> Canary {
        let value = Value::from_list(text, url_mode);
        let compared = value.map_or_else(|_| text.to_owned(), |value| compared(&value));
        Canary { text: text.to_owned(), compared, was_seen: false }
    }

    pub(super) fn is(&self, value: &Value) -> bool {
        match value {
            Value::Domain(name, _) => **name == *self.compared,
            Value::Url { key, .. } => **key == *self.compared,
            Value::Email(email) => **email == *self.compared,
            // No part of it flags anything alone.
            Value::All(_) => false,
            value => value.to_string() == self.compared,
        }
    }

    pub(super) fn look_at(&mut self, value: &Value) {
        self.was_seen = self.was_seen || self.is(value);
    }
}
