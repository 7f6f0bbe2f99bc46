//! Mutes: matches that are left out of mails, until when and why.

use anyhow::ensure;
use rusqlite::{OptionalExtension, params};
use threatsieve_blacklist::{Kind, Target, Timestamp, UrlMode, Value};

use super::Store;

/// Maximum length of a muted value, and of a reason, in bytes.
const MAX_TEXT_BYTES: usize = 8192;

/// The kind of a mute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MuteKind {
    /// Matches of an indicator, given by its id or by the listed value. A domain includes no hosts
    /// below it.
    Indicator,
    /// Matches of observables with exactly this host, by any entry. Hosts below it are not
    /// included.
    Host,
    /// Matches in events from this host.
    Source,
}

impl MuteKind {
    pub(crate) const ALL: [MuteKind; 3] = [MuteKind::Indicator, MuteKind::Host, MuteKind::Source];

    /// Returns the name in the state, in commands and in documents.
    pub(crate) fn name(self) -> &'static str {
        match self {
            MuteKind::Indicator => "indicator",
            MuteKind::Host => "host",
            MuteKind::Source => "source",
        }
    }

    /// Converts an operator's text, defanged or not, to the form that is compared.
    pub(crate) fn normal(self, text: &str) -> anyhow::Result<String> {
        let text = text.trim();
        ensure!(
            !text.is_empty() && text.len() <= MAX_TEXT_BYTES,
            "expected a value of 1 to {MAX_TEXT_BYTES} bytes to mute, got {}",
            text.len()
        );
        let value = Value::from_list(text, UrlMode::Exact)
            .map_or_else(|_| text.to_owned(), |value| value.to_string());
        match self {
            MuteKind::Indicator => Ok(value),
            // A source's name in a log can be any text.
            MuteKind::Source => Ok(host_of(&value).unwrap_or(value)),
            MuteKind::Host => host_of(&value).ok_or_else(|| {
                anyhow::anyhow!("expected a host name, an address or a URL with one, got {text:?}")
            }),
        }
    }
}

/// Returns the host or address of an observable, as the normaliser writes it.
pub(crate) fn host_of(observable: &str) -> Option<String> {
    let mut target = Target::new();
    target.read(Kind::Any, observable.as_bytes());
    let of_host = |(kind, form): (&'static str, String)| {
        matches!(kind, "domain-name" | "ipv4-addr" | "ipv6-addr").then_some(form)
    };
    target.forms().into_iter().find_map(of_host)
}

/// A mute in the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mute {
    pub(crate) kind: MuteKind,
    /// The value in the form that is compared.
    pub(crate) value: String,
    /// The end of the mute.
    pub(crate) until: Timestamp,
    pub(crate) reason: String,
    pub(crate) created: Timestamp,
    /// Number of matches that it kept out of mails.
    pub(crate) silenced: u64,
}

impl Store {
    /// Returns all mutes, those that last longest first. Ended ones are kept, with their reasons,
    /// until they are removed.
    pub(crate) fn mutes(&self) -> anyhow::Result<Vec<Mute>> {
        let mut statement = self.connection.prepare(
            "SELECT kind, value, until, reason, created, silenced FROM mutes \
             ORDER BY until DESC, kind, value",
        )?;
        let rows = statement.query_map([], |row| {
            let name: String = row.get(0)?;
            let kind = MuteKind::ALL.into_iter().find(|kind| kind.name() == name);
            Ok(Mute {
                kind: kind.ok_or(rusqlite::Error::InvalidQuery)?,
                value: row.get(1)?,
                until: Timestamp(row.get(2)?),
                reason: row.get(3)?,
                created: Timestamp(row.get(4)?),
                silenced: row.get::<_, i64>(5)?.unsigned_abs(),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds a mute that ends at `until`. An existing mute of the same value gets the new end and
    /// reason. Returns the value in the form that is compared.
    pub(crate) fn mute(
        &mut self,
        kind: MuteKind,
        value: &str,
        until: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> anyhow::Result<String> {
        let reason = reason.trim();
        ensure!(
            !reason.is_empty() && reason.len() <= MAX_TEXT_BYTES,
            "expected a reason of 1 to {MAX_TEXT_BYTES} bytes, got {}",
            reason.len()
        );
        ensure!(until > now, "expected an end in the future, got one in the past");
        let value = kind.normal(value)?;
        self.connection.execute(
            "INSERT INTO mutes (kind, value, until, reason, created) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (kind, value) DO UPDATE SET until = ?3, reason = ?4, created = ?5",
            params![kind.name(), value, until.0, reason, now.0],
        )?;
        Ok(value)
    }

    /// Removes a mute. Returns `None` if there was none.
    pub(crate) fn unmute(&mut self, kind: MuteKind, value: &str) -> anyhow::Result<Option<String>> {
        let value = kind.normal(value)?;
        let removed = self
            .connection
            .query_row(
                "DELETE FROM mutes WHERE kind = ? AND value = ? RETURNING value",
                params![kind.name(), value],
                |row| row.get(0),
            )
            .optional()?;
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mails_show_is_read_back() {
        for (kind, text, want) in [
            (MuteKind::Indicator, "Evil[.]com", "evil.com"),
            (MuteKind::Indicator, "hxxp://evil[.]com/a", "http://evil.com/a"),
            (
                MuteKind::Indicator,
                "indicator--11111111-2222-4333-8444-555555555555",
                "indicator--11111111-2222-4333-8444-555555555555",
            ),
            (MuteKind::Host, "hxxp://www[.]evil[.]com/a", "www.evil.com"),
            (MuteKind::Host, "1[.]2[.]3[.]4", "1.2.3.4"),
            (MuteKind::Source, "10[.]0[.]0[.]1", "10.0.0.1"),
            (MuteKind::Source, "desk-7", "desk-7"),
        ] {
            assert_eq!(kind.normal(text).unwrap(), want, "{text}");
        }
        assert!(MuteKind::Host.normal("d41d8cd98f00b204e9800998ecf8427e").is_err());
        assert!(MuteKind::Indicator.normal(" ").is_err());
    }

    #[test]
    fn mutes_are_kept_replaced_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let now = Timestamp(1_000_000);
        assert!(
            store.mute(MuteKind::Host, "a.example", now, "why", now).is_err(),
            "has ended already"
        );
        assert!(
            store.mute(MuteKind::Host, "a.example", Timestamp(2_000_000), " ", now).is_err(),
            "no reason"
        );
        store.mute(MuteKind::Host, "a.example", Timestamp(2_000_000), "why", now).unwrap();
        store.mute(MuteKind::Host, "a[.]example", Timestamp(3_000_000), "longer", now).unwrap();
        let mutes = store.mutes().unwrap();
        assert_eq!(mutes.len(), 1);
        assert_eq!((mutes[0].until, mutes[0].reason.as_str()), (Timestamp(3_000_000), "longer"));
        assert_eq!(store.unmute(MuteKind::Source, "a.example").unwrap(), None);
        assert_eq!(
            store.unmute(MuteKind::Host, "A.example").unwrap().as_deref(),
            Some("a.example")
        );
        assert!(store.mutes().unwrap().is_empty());
    }
}
