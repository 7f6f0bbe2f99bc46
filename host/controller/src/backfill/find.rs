//! Finds the events that may match: three ways with one answer.
//!
//! - [`Way::Query`]: the plugin walks the values of the index with a blacklist of the candidates.
//! - [`Way::Values`]: the index lists its values, page by page, and they are matched here.
//!   Addresses are asked for directly.
//! - [`Way::Scan`]: all events are read and matched here.
//!
//! The first two find only what the index lists. Events with other values are read in any case.

use std::cell::OnceCell;

use bytes::Bytes;
use serde_json::{Value as Json, json};
use threatsieve_blacklist::{Batch, Blacklist, EntryType, Kind, Policy, Role};
use threatsieve_runner::MemoryFile;

use super::events::Events;
use super::plan::{Listed, Plan};
use crate::config::Way;
use crate::matching::Matcher;
use crate::opensearch::cluster::Fault;

/// Values in one query. A cluster takes 65,536.
const TERMS: usize = 20_000;
/// The most networks that are asked for directly: a thousand take a second, more take long.
const NETWORKS: usize = 1000;
/// The most addresses that are asked for directly.
const ADDRESSES: usize = 500_000;
/// Observables in one call to the matcher.
const BATCH: u32 = 2048;

/// The blacklist that finds candidates.
pub(crate) struct Candidates {
    /// Its name in the cluster.
    pub(crate) name: String,
    matcher: Matcher,
    /// The addresses in it, as an index asks for them; `None` if there are too many. Only listing
    /// values needs them.
    addresses: OnceCell<Option<Vec<String>>>,
    /// The cluster answers queries with it.
    pub(crate) is_offered: bool,
}

/// The events of an index that may match.
#[derive(Debug, Clone, Default)]
pub(crate) struct Search {
    /// Queries that find few events.
    pub(crate) queries: Vec<Json>,
    /// The query for the events that must be read.
    pub(crate) reads: Option<Json>,
}

impl Candidates {
    pub(crate) fn new(
        blacklist: Blacklist<MemoryFile>,
        policy: &Policy,
        threads: usize,
    ) -> anyhow::Result<Candidates> {
        let name = blacklist.name().to_owned();
        let matcher = Matcher::new(blacklist, policy.clone(), threads)?;
        Ok(Candidates { name, matcher, addresses: OnceCell::new(), is_offered: false })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.matcher.blacklist().entries(Role::Block) == 0
    }

    pub(crate) fn generation(&self) -> u64 {
        self.matcher.blacklist().generation()
    }

    pub(crate) fn digest(&self) -> Vec<u8> {
        self.matcher.blacklist().digest().to_vec()
    }

    pub(crate) fn bytes(&self) -> Bytes {
        Bytes::from_owner(self.matcher.blacklist().file().clone())
    }

    fn addresses(&self) -> Option<&[String]> {
        self.addresses.get_or_init(|| addresses(self.matcher.blacklist())).as_deref()
    }

    /// Returns those of the values that an entry covers.
    fn covered(&self, kind: Kind, values: Vec<String>) -> anyhow::Result<Vec<String>> {
        let mut covered = Vec::new();
        let mut batch = Batch::new();
        let mut pending: Vec<String> = Vec::new();
        for value in values {
            if batch.len() as u32 >= BATCH || !batch.push(kind, value.as_bytes()) {
                self.look_up(&mut batch, &mut pending, &mut covered)?;
                batch.push(kind, value.as_bytes());
            }
            pending.push(value);
        }
        self.look_up(&mut batch, &mut pending, &mut covered)?;
        Ok(covered)
    }

    fn look_up(
        &self,
        batch: &mut Batch,
        pending: &mut Vec<String>,
        covered: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        if !pending.is_empty() {
            let answer = self.matcher.check(batch)?;
            let mut last = None;
            for hit in &answer.hits {
                if last != Some(hit.observable) {
                    last = Some(hit.observable);
                    covered.extend(pending.get(hit.observable as usize).cloned());
                }
            }
        }
        batch.clear();
        pending.clear();
        Ok(())
    }
}

/// Returns the addresses and networks of a blacklist, as an index asks for them.
fn addresses(blacklist: &Blacklist<MemoryFile>) -> Option<Vec<String>> {
    let count = |kind| blacklist.count(Role::Block, kind) as usize;
    if count(EntryType::Ipv4) + count(EntryType::Ipv6) > ADDRESSES {
        return None;
    }
    let (mut all, mut networks) = (Vec::new(), 0);
    let numbers = 0..u32::try_from(blacklist.entries(Role::Block)).unwrap_or(u32::MAX);
    for entry in numbers.filter_map(|number| blacklist.entry(number)) {
        if entry.role == Role::Block && matches!(entry.kind, EntryType::Ipv4 | EntryType::Ipv6) {
            networks += usize::from(entry.value.contains(['/', '-']));
            // An index knows networks, but no ranges within a list.
            if networks > NETWORKS || entry.value.contains('-') {
                return None;
            }
            all.push(entry.value);
        }
    }
    Some(all)
}

/// Chooses the cheapest way: the query where the plugin answers it; else the index's values, if
/// there are few of them for the number of events.
pub(crate) fn choose(wanted: Option<Way>, plan: &Plan, can_query: bool) -> Way {
    match wanted {
        Some(Way::Query) if !can_query => Way::Values,
        Some(way) => way,
        None if plan.listed.is_empty() || plan.reads_all => Way::Scan,
        None if can_query => Way::Query,
        None => Way::Values,
    }
}

/// Returns the queries for the events that may match, within the events of `within`.
pub(crate) async fn search(
    events: &impl Events,
    index: &str,
    way: Way,
    plan: &Plan,
    within: &Json,
    candidates: &Candidates,
) -> anyhow::Result<Search> {
    let all = |query: Json| json!({ "bool": { "filter": [within, query] } });
    let unlisted = plan.unlisted();
    let mut search = Search { queries: Vec::new(), reads: unlisted.clone().map(all) };
    if way == Way::Scan || plan.reads_all {
        search.reads = Some(within.clone());
        return Ok(search);
    }
    if way == Way::Query {
        let fields: Vec<Json> = plan
            .listed
            .iter()
            .map(|listed| json!({ "field": listed.name, "kind": kind_name(listed.kind) }))
            .collect();
        search.queries.push(all(json!({ "threat_match": {
            "blacklist": candidates.name,
            "fields": fields,
            "parts": true,
            "partial": true,
        } })));
        return Ok(search);
    }
    let mut reads: Vec<Json> = unlisted.into_iter().collect();
    let mut total = None;
    for listed in &plan.listed {
        if listed.is_ip
            && let Some(addresses) = candidates.addresses()
        {
            search.queries.extend(terms(&listed.name, addresses).map(all));
            continue;
        }
        let distinct = events.distinct(index, &listed.name, within).await?;
        if distinct == 0 {
            continue;
        }
        let total = match total {
            Some(total) => total,
            None => *total.insert(events.count(index, within).await?),
        };
        // A list of values costs about twice as much as as many events.
        if distinct.saturating_mul(2) > total {
            reads.push(json!({ "exists": { "field": listed.name } }));
            continue;
        }
        let covered = covered_values(events, index, listed, within, candidates).await?;
        search.queries.extend(terms(&listed.name, &covered).map(all));
    }
    search.reads = (!reads.is_empty()).then(|| all(json!({ "bool": { "should": reads } })));
    Ok(search)
}

async fn covered_values(
    events: &impl Events,
    index: &str,
    listed: &Listed,
    within: &Json,
    candidates: &Candidates,
) -> anyhow::Result<Vec<String>> {
    let (mut covered, mut after) = (Vec::new(), None);
    loop {
        let page = events.values(index, &listed.name, within, after.as_ref()).await?;
        let is_last = page.values.is_empty();
        covered.extend(candidates.covered(listed.kind, page.values)?);
        match page.next.filter(|_| !is_last) {
            Some(next) => after = Some(next),
            None => return Ok(covered),
        }
    }
}

fn terms(field: &str, values: &[String]) -> impl Iterator<Item = Json> {
    values.chunks(TERMS).map(move |some| json!({ "terms": { (field): some } }))
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Address => "address",
        Kind::Host => "host",
        Kind::Url => "url",
        Kind::Hash => "hash",
        Kind::Email => "email",
        Kind::FileName => "file_name",
        _ => "any",
    }
}

/// Returns whether the reason of a fault is that the cluster does not know the plugin's query.
pub(crate) fn is_unknown_query(fault: &Fault) -> bool {
    matches!(fault, Fault::Answer { status: 400, reason, .. }
        if reason.contains("unknown query [threat_match]"))
}
