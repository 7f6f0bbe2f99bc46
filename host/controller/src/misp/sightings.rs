//! Matches as sightings of the attributes that the server got. Each has a UUID of its own, so a
//! repeat adds nothing.

use std::collections::BTreeMap;

use threatsieve_blacklist::IndicatorId;
use threatsieve_misp::{
    Call, Sighting, SightingKind, Verdict, adopt, sightings_added, sightings_body, sightings_path,
};
use uuid::Uuid;

use super::Forwarding;
use super::report::ServerReport;
use super::route::{Route, Routes};
use super::send::{Halt, Sender, Trouble, trouble};
use crate::store::misp::{Event, MatchSighting};

/// Number of sightings in one request.
const BATCH: usize = 1000;
/// The source that sightings name.
const SOURCE: &str = "threatsieve";

impl Sender<'_> {
    /// Reports matches on the events of a server, as long as the round has time.
    pub(super) async fn sightings(
        &self,
        server: i64,
        routes: &Routes<'_>,
        report: &mut ServerReport,
    ) -> Result<(), Halt> {
        let Forwarding { server: settings, .. } = self.forwarding;
        self.forwarding.store().queue_sightings(server, settings.sightings_max_tlp)?;
        let mut after = 0;
        while !self.forwarding.is_over() {
            let next = self.forwarding.store().next_sightings(server, after, BATCH)?;
            let Some((event, matches)) = next else { break };
            if matches.len() < BATCH {
                after = event.id;
            }
            let Some(route) = routes.route(&event) else { continue };
            let attributes = self.attributes(route, &event, report).await?;
            report.sightings += self.report_matches(&event, &matches, &attributes, report).await?;
            self.forwarding.store().sightings_sent(server, &matches)?;
        }
        Ok(())
    }

    /// Returns the attributes on the server that name each indicator of an event.
    async fn attributes(
        &self,
        route: &Route<'_>,
        event: &Event,
        report: &mut ServerReport,
    ) -> Result<BTreeMap<IndicatorId, Vec<Uuid>>, Halt> {
        let mut wanted = route.wanted(&self.forwarding.store(), event)?.event;
        if let (true, Some(uuid)) = (route.is_uploaded(event), &event.uuid)
            && let Some(held) = self.view(uuid, report).await?
        {
            wanted = adopt(wanted, &held).event;
        }
        let mut all = BTreeMap::<IndicatorId, Vec<Uuid>>::new();
        for attribute in wanted.all_attributes().filter(|attribute| attribute.is_telling) {
            for indicator in &attribute.indicators {
                all.entry(indicator.clone()).or_default().push(attribute.uuid);
            }
        }
        Ok(all)
    }

    /// Sends sightings of one event. Returns their number.
    async fn report_matches(
        &self,
        event: &Event,
        matches: &[MatchSighting],
        attributes: &BTreeMap<IndicatorId, Vec<Uuid>>,
        report: &mut ServerReport,
    ) -> Result<u64, Halt> {
        let mut sightings = Vec::new();
        for one in matches {
            let id = IndicatorId::Stix(one.indicator.clone());
            let kind = match one.is_false_positive {
                true => SightingKind::FalsePositive,
                false => SightingKind::Seen,
            };
            let of_match = attributes.get(&id).into_iter().flatten().map(|attribute| Sighting {
                attribute: *attribute,
                kind,
                at: one.at,
                source: SOURCE.to_owned(),
            });
            sightings.extend(of_match);
        }
        let uuid = event.uuid.as_deref().and_then(|uuid| Uuid::try_parse(uuid).ok());
        let Some(uuid) = uuid.filter(|_| !sightings.is_empty()) else { return Ok(0) };
        report.requests += 1;
        let reply = self.client.post(&sightings_path(uuid), &sightings_body(&sightings)).await?;
        match (reply.verdict(Call::Change), sightings_added(&reply.body)) {
            // What it does not add, it has.
            (Verdict::Accepted | Verdict::Refused { .. }, Some(added)) => Ok(added as u64),
            (other, _) => match trouble(other) {
                Trouble::Event(why) => Err(Trouble::Away { why, wait: None }.into()),
                trouble => Err(trouble.into()),
            },
        }
    }
}
