//! Searches the indicators in the state.

use rusqlite::named_params;
use threatsieve_blacklist::{Timestamp, Tlp};

use super::Store;
use super::body::Statement;
use super::false_positives::FalsePositives;
use super::ingest::{ACTIVE, REVOKED, compared, compared_text};

/// The status of an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It is valid now or in the future, or at least one of its values is.
    Active,
    /// Its publisher revoked it.
    Revoked,
    /// Its validity period is over.
    Expired,
    /// It is not in its list any more.
    Removed,
    /// An operator retracted it.
    Retracted,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Revoked => "revoked",
            State::Expired => "expired",
            State::Removed => "removed",
            State::Retracted => "retracted",
        }
    }
}

/// The conditions of a search. An indicator must meet all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    /// Part of an id, a title or a value, ignoring case; or a value in any spelling
    /// (`hxxp://evil[.]com`).
    pub(crate) text: Option<String>,
    pub(crate) feed: Option<String>,
    pub(crate) state: Option<State>,
    /// Maximum number of results.
    pub(crate) limit: usize,
}

/// An indicator of one feed that was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) feed: String,
    pub(crate) id: String,
    pub(crate) state: State,
    pub(crate) modified: Option<Timestamp>,
    /// Time at which its row in the state last changed.
    pub(crate) changed: Timestamp,
    pub(crate) confidence: Option<u8>,
    pub(crate) tlp: Option<Tlp>,
    pub(crate) name: Option<String>,
    pub(crate) types: Vec<String>,
    pub(crate) values: Vec<FoundValue>,
    /// The reason why an operator retracted it, or one of its values.
    pub(crate) retracted: Option<String>,
}

/// A value with its validity period.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FoundValue {
    pub(crate) value: String,
    /// The listed port.
    pub(crate) port: Option<u16>,
    pub(crate) valid_from: Option<Timestamp>,
    pub(crate) valid_until: Option<Timestamp>,
}

impl Store {
    /// Searches indicators, and returns them sorted by feed and id. Also returns whether there are
    /// more than the limit.
    ///
    /// Reads and decodes all rows of the given feed, or of all feeds. This takes about a second for
    /// a million rows.
    pub(crate) fn search(
        &self,
        query: &Query,
        now: Timestamp,
    ) -> anyhow::Result<(Vec<Found>, bool)> {
        let wanted = Wanted::new(query.text.as_deref().unwrap_or_default());
        let false_positives = FalsePositives::read(&self.connection)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT feeds.name, indicators.id, state, modified, indicators.changed, body
             FROM feeds CROSS JOIN indicators ON indicators.feed = feeds.id
             WHERE :feed IS NULL OR feeds.name = :feed ORDER BY feeds.name, indicators.id",
        )?;
        let mut rows = statement.query(named_params! { ":feed": query.feed })?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let id = row.get_ref(1)?.as_str()?;
            let body = Statement::decode(id, row.get_ref(5)?.as_blob()?)?;
            if !wanted.is_in(id, &body) {
                continue;
            }
            let retracted = reason(id, &body, &false_positives);
            let state = state(row.get(2)?, &body, retracted.is_some(), now);
            if query.state.is_some_and(|wanted| wanted != state) {
                continue;
            }
            if found.len() == query.limit {
                return Ok((found, true));
            }
            let values = body.parts.iter().flat_map(|part| {
                part.values.iter().map(|value| FoundValue {
                    value: value.to_string(),
                    port: part.port.map(|port| port.number),
                    valid_from: part.valid_from,
                    valid_until: part.valid_until,
                })
            });
            found.push(Found {
                feed: row.get(0)?,
                id: id.to_owned(),
                state,
                modified: row.get::<_, Option<i64>>(3)?.map(Timestamp),
                changed: Timestamp(row.get(4)?),
                confidence: body.confidence,
                tlp: body.tlp,
                values: values.collect(),
                name: body.name,
                types: body.types,
                retracted,
            });
        }
        Ok((found, false))
    }
}

fn state(stored: i64, body: &Statement, is_retracted: bool, now: Timestamp) -> State {
    match stored {
        ACTIVE if is_retracted => State::Retracted,
        ACTIVE if !body.parts.is_empty() && body.is_over(now) => State::Expired,
        ACTIVE => State::Active,
        REVOKED => State::Revoked,
        _ => State::Removed,
    }
}

fn reason(id: &str, body: &Statement, false_positives: &FalsePositives) -> Option<String> {
    let values = || body.parts.iter().flat_map(|part| &part.values);
    let of_value = || values().find_map(|value| false_positives.value(value));
    false_positives.indicator(id).or_else(of_value).map(|one| one.reason.clone())
}

/// A search text.
struct Wanted {
    lower: String,
    /// The text in the form in which values are compared, if it is a value.
    value: Option<String>,
}

impl Wanted {
    fn new(text: &str) -> Wanted {
        let text = text.trim();
        Wanted { lower: text.to_lowercase(), value: compared_text(text) }
    }

    fn is_in(&self, id: &str, body: &Statement) -> bool {
        let holds = |text: &str| text.to_lowercase().contains(&self.lower);
        let mut values = body.parts.iter().flat_map(|part| &part.values);
        self.lower.is_empty()
            || holds(id)
            || body.name.as_deref().is_some_and(holds)
            || values.any(|value| {
                holds(&value.to_string())
                    || self.value.as_ref().is_some_and(|wanted| *wanted == compared(value))
            })
    }
}
