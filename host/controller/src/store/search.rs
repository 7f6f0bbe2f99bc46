//! Searches the indicators in the state.

use rusqlite::named_params;
use threatsieve_blacklist::{Timestamp, Tlp};

use super::Store;
use super::body::Statement;
use super::false_positives::FalsePositives;
use super::ingest::{ACTIVE, REVOKED, compared, compared_text};
use super::statements::RowDates;

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
    /// The policy takes all of its values away.
    OutsidePolicy,
    /// None of its values can be used, or its pattern cannot be reduced to any.
    Rejected,
}

impl State {
    pub(crate) const ALL: [State; 7] = [
        State::Active,
        State::Revoked,
        State::Expired,
        State::Removed,
        State::Retracted,
        State::OutsidePolicy,
        State::Rejected,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Revoked => "revoked",
            State::Expired => "expired",
            State::Removed => "removed",
            State::Retracted => "retracted",
            State::OutsidePolicy => "outside_policy",
            State::Rejected => "rejected",
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
    /// Feed and id of the last indicator of the page before.
    pub(crate) after: Option<(String, String)>,
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
    /// The reasons why it is not active, or why values of it do not count.
    pub(crate) why: Vec<Why>,
}

/// A reason why an indicator, or one of its values, does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Why {
    /// `None` for the whole indicator.
    pub(crate) value: Option<String>,
    /// The rule's name, for programs.
    pub(crate) rule: &'static str,
    /// The reason, for people.
    pub(crate) reason: String,
}

/// The effects of a policy on a statement.
#[derive(Debug, Default)]
pub(crate) struct Assessment {
    /// The values that do not count.
    pub(crate) why: Vec<Why>,
    /// All that do not count are rejected when a blacklist is built.
    pub(crate) is_rejected: bool,
}

/// Takes away what does not count, for a feed of the given name.
pub(crate) type Assess<'a> = &'a dyn Fn(&str, RowDates, &mut Statement) -> Assessment;

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
    /// Searches indicators without a policy.
    #[cfg(test)]
    pub(crate) fn search(
        &self,
        query: &Query,
        now: Timestamp,
    ) -> anyhow::Result<(Vec<Found>, bool)> {
        self.search_with(query, now, &|_, _, _| Assessment::default())
    }

    /// Searches indicators, and returns them sorted by feed and id. Also returns whether there are
    /// more than the limit. `assess` applies the feeds' policies.
    ///
    /// Reads and decodes all rows of the given feed, or of all feeds. This takes about a second for
    /// a million rows.
    pub(crate) fn search_with(
        &self,
        query: &Query,
        now: Timestamp,
        assess: Assess<'_>,
    ) -> anyhow::Result<(Vec<Found>, bool)> {
        let wanted = Wanted::new(query.text.as_deref().unwrap_or_default());
        let false_positives = FalsePositives::read(&self.connection)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT feeds.name, indicators.id, state, modified, indicators.changed, body
             FROM feeds CROSS JOIN indicators ON indicators.feed = feeds.id
             WHERE (:feed IS NULL OR feeds.name = :feed)
             AND (:after IS NULL OR feeds.name > :after
                  OR feeds.name = :after AND indicators.id > :id)
             ORDER BY feeds.name, indicators.id",
        )?;
        let (after, id) = query.after.as_ref().map(|(feed, id)| (feed, id)).unzip();
        let mut rows = statement.query(named_params! {
            ":feed": query.feed,
            ":after": after,
            ":id": id,
        })?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let id = row.get_ref(1)?.as_str()?;
            let mut body = Statement::decode(id, row.get_ref(5)?.as_blob()?)?;
            if !wanted.is_in(id, &body) {
                continue;
            }
            let retracted = reason(id, &body, &false_positives);
            let modified = row.get::<_, Option<i64>>(3)?.map(Timestamp);
            let changed = Timestamp(row.get(4)?);
            let feed = row.get_ref(0)?.as_str()?;
            let assessment = assess(feed, RowDates { modified, changed }, &mut body);
            let state = state(row.get(2)?, &body, &assessment, retracted.is_some(), now);
            if query.state.is_some_and(|wanted| wanted != state) {
                continue;
            }
            if found.len() == query.limit {
                return Ok((found, true));
            }
            let mut why = assessment.why;
            let counting = body.parts.iter().flat_map(|part| {
                part.values.iter().map(|value| FoundValue {
                    value: value.to_string(),
                    port: part.port.map(|port| port.number),
                    valid_from: part.valid_from,
                    valid_until: part.valid_until,
                })
            });
            let others = why.iter().filter_map(|why| why.value.clone()).map(FoundValue::bare);
            let values: Vec<FoundValue> = counting.chain(others).collect();
            why.extend(reason_of(state, &body, changed, retracted.as_deref()));
            if state == State::Rejected && why.is_empty() {
                why = self.unreduced(feed, id)?;
            }
            found.push(Found {
                feed: row.get(0)?,
                id: id.to_owned(),
                state,
                modified,
                changed,
                confidence: body.confidence,
                tlp: body.tlp,
                values,
                name: body.name,
                types: body.types,
                retracted,
                why,
            });
        }
        Ok((found, false))
    }

    /// Returns the reasons why the pattern of an indicator gave no values.
    fn unreduced(&self, feed: &str, id: &str) -> anyhow::Result<Vec<Why>> {
        let mut select = self.connection.prepare_cached(
            "SELECT reason FROM rejections JOIN feeds ON feeds.id = rejections.feed \
             WHERE feeds.name = ?1 AND indicator = ?2 LIMIT 10",
        )?;
        let reasons = select.query_map((feed, id), |row| row.get::<_, String>(0))?;
        let why = |reason| Why { value: None, rule: "no_value", reason };
        let mut all = reasons.map(|reason| reason.map(why)).collect::<Result<Vec<_>, _>>()?;
        if all.is_empty() {
            all.push(why("its pattern gives no value that events have".to_owned()));
        }
        Ok(all)
    }
}

fn state(
    stored: i64,
    body: &Statement,
    assessment: &Assessment,
    is_retracted: bool,
    now: Timestamp,
) -> State {
    let has_values = body.parts.iter().any(|part| !part.values.is_empty());
    match stored {
        ACTIVE if is_retracted => State::Retracted,
        ACTIVE if !has_values && (assessment.why.is_empty() || assessment.is_rejected) => {
            State::Rejected
        }
        ACTIVE if !has_values => State::OutsidePolicy,
        ACTIVE if body.is_over(now) => State::Expired,
        ACTIVE => State::Active,
        REVOKED => State::Revoked,
        _ => State::Removed,
    }
}

/// The reason why an indicator in this state is not active, if the policy is not the reason.
fn reason_of(
    state: State,
    body: &Statement,
    changed: Timestamp,
    retracted: Option<&str>,
) -> Option<Why> {
    let changed = threatsieve_flag::rfc3339(changed);
    let (rule, reason) = match state {
        State::Active | State::OutsidePolicy | State::Rejected => return None,
        State::Revoked => ("revoked", format!("revoked by its publisher, known since {changed}")),
        State::Removed => ("removed", format!("not in its list any more since {changed}")),
        State::Retracted => {
            ("retracted", format!("retracted here: {}", retracted.unwrap_or_default()))
        }
        State::Expired => {
            let until = body.parts.iter().filter_map(|part| part.valid_until).max();
            let until = until.map(threatsieve_flag::rfc3339).unwrap_or_default();
            ("expired", format!("its validity ended at {until}"))
        }
    };
    Some(Why { value: None, rule, reason })
}

impl FoundValue {
    fn bare(value: String) -> FoundValue {
        FoundValue { value, port: None, valid_from: None, valid_until: None }
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
