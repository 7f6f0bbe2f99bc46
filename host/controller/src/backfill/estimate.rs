//! Estimates of a backfill: ways, numbers of events and times, without any change.

use serde::Serialize;

use super::events::Events;
use super::find::choose;
use super::report::{BackfillReport, LeftOut};
use super::round::Backfilling;
use crate::config::Way;

/// Events that are read in a second, and values that are walked or listed in a second: measured
/// on two cores. They are good to a factor of two.
const READ_EVENTS: f64 = 30_000.0;
const WALKED_EVENTS: f64 = 2_000_000.0;
const LISTED_EVENTS: f64 = 90_000.0;

/// The estimate for one index.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Estimate {
    pub(crate) index: String,
    pub(crate) way: Way,
    /// Events within the range.
    pub(crate) events: u64,
    /// Those of them that are read in any case, because the index does not list their values.
    pub(crate) read: u64,
    /// Time in seconds, good to a factor of two.
    pub(crate) seconds: u64,
}

/// Estimates the work on each index. Also returns the indices that are left out.
pub(crate) async fn estimate(
    backfilling: &Backfilling<'_>,
    events: &impl Events,
) -> anyhow::Result<(Vec<Estimate>, Vec<LeftOut>)> {
    let mut report = BackfillReport::default();
    let planned = backfilling.planned(events, &mut report).await?;
    let can_query = events.has_plugin(&backfilling.config.blacklist.name).await?;
    let mut estimates = Vec::new();
    for one in &planned {
        let index = &one.index.name;
        let within = backfilling.within(&one.plan);
        let way = choose(backfilling.way(), &one.plan, can_query);
        let all = events.count(index, &within).await?;
        let read = match (way, one.plan.unlisted()) {
            (Way::Scan, _) => all,
            (_, None) => 0,
            (_, Some(query)) => {
                let query = serde_json::json!({ "bool": { "filter": [within, query] } });
                events.count(index, &query).await?
            }
        };
        let listed = match way {
            Way::Scan => 0.0,
            Way::Query => all as f64 / WALKED_EVENTS,
            Way::Values => all as f64 / LISTED_EVENTS,
        };
        let seconds = (read as f64 / READ_EVENTS + listed).ceil() as u64;
        estimates.push(Estimate { index: index.clone(), way, events: all, read, seconds });
    }
    Ok((estimates, report.left_out))
}
