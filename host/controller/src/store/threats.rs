//! Threats that indicators are related to, the relationships, and the reports that refer to
//! indicators. They are joined when they are used, so it does not matter which of them came first.

use std::collections::HashSet;

use rusqlite::{Connection, Rows, Transaction};
use serde::{Deserialize, Serialize};
use threatsieve_blacklist::{Threat, ThreatKind, Tlp};
use threatsieve_feed::{Ends, Related, Report};

use super::mails::tlp_of;

/// Maximum number of threats, of relationships, and of reports that one feed keeps.
const MAX_KEPT: usize = 16 * 1024 * 1024;
/// Maximum number of threats of one indicator.
const MAX_THREATS: usize = 32;

/// The threats, relationships and reports of a delivery.
#[derive(Debug, Default)]
pub(crate) struct Threats {
    pub(crate) threats: Vec<Related<Threat>>,
    pub(crate) relations: Vec<(Related<Ends>, Option<Tlp>)>,
    /// Indicators all of whose relationships are among these. Others of theirs are over.
    pub(crate) complete: Vec<String>,
    pub(crate) reports: Vec<(Related<Report>, Option<Tlp>)>,
}

impl Threats {
    /// Adds an indicator that names all of its threats itself.
    pub(crate) fn add<'t>(&mut self, indicator: &str, threats: impl Iterator<Item = &'t Threat>) {
        self.complete.push(indicator.to_owned());
        for threat in threats {
            let id = format!("{}: {}", threat.kind.name(), threat.name);
            let tlp = threat.tlp;
            let ends = Ends { indicator: indicator.to_owned(), threat: id.clone() };
            let relation =
                Related { id: format!("{indicator} {id}"), modified: None, said: Some(ends) };
            self.relations.push((relation, tlp));
            let said = Some(Threat { tlp: None, ..threat.clone() });
            self.threats.push(Related { id, modified: None, said });
        }
    }

    /// Stores the newest versions. If the delivery is whole, removes what it does not name. Returns
    /// whether anything changed.
    pub(super) fn keep(
        &self,
        transaction: &Transaction<'_>,
        feed: i64,
        is_whole: bool,
    ) -> anyhow::Result<bool> {
        let mut changed = 0;
        let mut insert = transaction.prepare_cached(
            "INSERT INTO threats (feed, id, modified, kind, name, external, tlp)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET modified = excluded.modified, kind = excluded.kind,
             name = excluded.name, external = excluded.external, tlp = excluded.tlp
             WHERE (threats.modified IS NULL OR excluded.modified >= threats.modified)
             AND (excluded.kind, excluded.name, excluded.external, excluded.tlp)
             IS NOT (kind, name, external, tlp)",
        )?;
        for Related { id, modified, said } in self.threats.iter().take(MAX_KEPT) {
            changed += insert.execute((
                feed,
                id,
                modified.map(|time| time.0),
                said.as_ref().map_or(0, |threat| threat.kind as u8),
                said.as_ref().map(|threat| &threat.name),
                said.as_ref().and_then(|threat| threat.id.as_ref()),
                said.as_ref().and_then(|threat| threat.tlp).map(|tlp| tlp as u8),
            ))?;
        }
        let mut insert = transaction.prepare_cached(
            "INSERT INTO relations (feed, id, modified, indicator, threat, tlp)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET modified = excluded.modified,
             indicator = excluded.indicator, threat = excluded.threat, tlp = excluded.tlp
             WHERE (relations.modified IS NULL OR excluded.modified >= relations.modified)
             AND (excluded.indicator, excluded.threat, excluded.tlp)
             IS NOT (indicator, threat, tlp)",
        )?;
        for (Related { id, modified, said }, tlp) in self.relations.iter().take(MAX_KEPT) {
            changed += insert.execute((
                feed,
                id,
                modified.map(|time| time.0),
                said.as_ref().map(|ends| &ends.indicator),
                said.as_ref().map(|ends| &ends.threat),
                tlp.map(|tlp| tlp as u8),
            ))?;
        }
        if !self.complete.is_empty() {
            changed += self.end_others(transaction, feed)?;
        }
        for (one, tlp) in self.reports.iter().take(MAX_KEPT) {
            changed += keep_report(transaction, feed, one, *tlp)?;
        }
        if is_whole {
            let threats = self.threats.iter().map(|one| one.id.as_str()).collect();
            changed += remove_others(transaction, "threats", feed, &threats)?;
            let relations = self.relations.iter().map(|(one, _)| one.id.as_str()).collect();
            changed += remove_others(transaction, "relations", feed, &relations)?;
            let reports = self.reports.iter().map(|(one, _)| one.id.as_str()).collect();
            changed += remove_others(transaction, "reports", feed, &reports)?;
        }
        Ok(changed > 0)
    }
}

impl Threats {
    /// Removes the relationships of the indicators that are complete which are not named.
    fn end_others(&self, transaction: &Transaction<'_>, feed: i64) -> anyhow::Result<usize> {
        let kept: HashSet<&str> = self.relations.iter().map(|(one, _)| one.id.as_str()).collect();
        let mut select = transaction
            .prepare_cached("SELECT id FROM relations WHERE feed = ?1 AND indicator = ?2")?;
        let mut delete =
            transaction.prepare_cached("DELETE FROM relations WHERE feed = ?1 AND id = ?2")?;
        let mut removed = 0;
        for indicator in &self.complete {
            let ids = select.query_map((feed, indicator), |row| row.get(0))?;
            for id in ids.collect::<Result<Vec<String>, _>>()? {
                if !kept.contains(id.as_str()) {
                    removed += delete.execute((feed, &id))?;
                }
            }
        }
        Ok(removed)
    }
}

/// Stores a report, unless the known version is newer. Returns the number of changes.
fn keep_report(
    transaction: &Transaction<'_>,
    feed: i64,
    Related { id, modified, said }: &Related<Report>,
    tlp: Option<Tlp>,
) -> anyhow::Result<usize> {
    let changed = transaction
        .prepare_cached(
            "INSERT INTO reports (feed, id, modified, name, tlp) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET modified = excluded.modified, name = excluded.name,
             tlp = excluded.tlp
             WHERE (reports.modified IS NULL OR excluded.modified >= reports.modified)
             AND (excluded.modified, excluded.name, excluded.tlp) IS NOT (modified, name, tlp)",
        )?
        .execute((
            feed,
            id,
            modified.map(|time| time.0),
            said.as_ref().map(|report| &report.name),
            tlp.map(|tlp| tlp as u8),
        ))?;
    if changed == 0 {
        return Ok(0);
    }
    transaction
        .execute("DELETE FROM report_indicators WHERE feed = ?1 AND report = ?2", (feed, id))?;
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO report_indicators (feed, indicator, report) VALUES (?1, ?2, ?3)",
    )?;
    for indicator in said.iter().flat_map(|report| &report.indicators) {
        insert.execute((feed, indicator, id))?;
    }
    Ok(changed)
}

fn remove_others(
    transaction: &Transaction<'_>,
    table: &str,
    feed: i64,
    kept: &HashSet<&str>,
) -> anyhow::Result<usize> {
    let mut select = transaction.prepare(&format!("SELECT id FROM {table} WHERE feed = ?1"))?;
    let ids = select.query_map([feed], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    let sql = format!("DELETE FROM {table} WHERE feed = ?1 AND id = ?2");
    let mut delete = transaction.prepare(&sql)?;
    let mut removed = 0;
    for id in ids.iter().filter(|id| !kept.contains(id.as_str())) {
        removed += delete.execute((feed, id))?;
    }
    Ok(removed)
}

/// The threats of a feed's indicators, in the order of the indicators' ids.
const LINKED: &str = "SELECT r.indicator, t.kind, t.name, t.external,
    nullif(max(ifnull(r.tlp, -1), ifnull(t.tlp, -1)), -1)
    FROM relations r JOIN threats t ON t.feed = r.feed AND t.id = r.threat
    WHERE r.feed = ?1 AND r.indicator IS NOT NULL AND t.name IS NOT NULL
    ORDER BY r.indicator";

/// Runs `read` with the threats of a feed's indicators.
pub(crate) fn with_threats<T>(
    connection: &Connection,
    feed: i64,
    read: impl FnOnce(&mut Linked<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut select = connection.prepare_cached(LINKED)?;
    let mut linked = Linked { rows: select.query([feed])?, next: None };
    linked.advance()?;
    read(&mut linked)
}

/// Returns the threats of one indicator.
pub(crate) fn threats_of_indicator(
    connection: &Connection,
    feed: i64,
    indicator: &str,
) -> anyhow::Result<Vec<Threat>> {
    let mut select = connection.prepare_cached(
        "SELECT r.indicator, t.kind, t.name, t.external,
         nullif(max(ifnull(r.tlp, -1), ifnull(t.tlp, -1)), -1)
         FROM relations r JOIN threats t ON t.feed = r.feed AND t.id = r.threat
         WHERE r.feed = ?1 AND r.indicator = ?2 AND t.name IS NOT NULL ORDER BY r.indicator",
    )?;
    let mut linked = Linked { rows: select.query((feed, indicator))?, next: None };
    linked.advance()?;
    linked.of(indicator)
}

/// Reads threats along with indicators. Both come in the order of the indicators' ids.
pub(crate) struct Linked<'s> {
    rows: Rows<'s>,
    next: Option<(String, Threat)>,
}

impl Linked<'_> {
    /// Returns the threats of an indicator. Its id must not be before that of the last call.
    pub(crate) fn of(&mut self, id: &str) -> anyhow::Result<Vec<Threat>> {
        let mut threats = Vec::new();
        while let Some((indicator, _)) = &self.next
            && indicator.as_str() <= id
        {
            let is_its = indicator == id;
            if let Some((_, threat)) = self.next.take()
                && is_its
                && threats.len() < MAX_THREATS
                && !threats.contains(&threat)
            {
                threats.push(threat);
            }
            self.advance()?;
        }
        threats.sort_unstable();
        Ok(threats)
    }

    fn advance(&mut self) -> anyhow::Result<()> {
        self.next = match self.rows.next()? {
            None => None,
            Some(row) => {
                let number: i64 = row.get(1)?;
                let kind = ThreatKind::ALL.into_iter().find(|kind| *kind as i64 == number);
                let kind = kind.unwrap_or(ThreatKind::Software);
                let (name, id, tlp) = (row.get(2)?, row.get(3)?, tlp_of(row.get(4)?));
                Some((row.get(0)?, Threat { kind, name, id, tlp }))
            }
        };
        Ok(())
    }
}

/// A threat as `matches` stores it.
#[derive(Serialize, Deserialize)]
struct ThreatJson {
    kind: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    tlp: Option<u8>,
}

/// Writes threats for the column of `matches`; `None` if there are none.
pub(super) fn threats_json(threats: &[Threat]) -> Option<String> {
    let json = |threat: &Threat| ThreatJson {
        kind: threat.kind.name().to_owned(),
        name: threat.name.clone(),
        id: threat.id.clone(),
        tlp: threat.tlp.map(|tlp| tlp as u8),
    };
    let all: Vec<ThreatJson> = threats.iter().map(json).collect();
    if all.is_empty() { None } else { serde_json::to_string(&all).ok() }
}

/// Reads threats from the column of `matches`. Those above a TLP level are left out.
pub(super) fn threats_of(json: Option<&str>, ceiling: i64) -> Vec<Threat> {
    let all: Vec<ThreatJson> =
        json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    all.into_iter()
        .filter(|one| one.tlp.is_none_or(|tlp| i64::from(tlp) <= ceiling))
        .filter_map(|one| {
            Some(Threat {
                kind: ThreatKind::ALL.into_iter().find(|kind| kind.name() == one.kind)?,
                name: one.name,
                id: one.id,
                tlp: one.tlp.and_then(|tlp| Tlp::ALL.get(usize::from(tlp)).copied()),
            })
        })
        .collect()
}
