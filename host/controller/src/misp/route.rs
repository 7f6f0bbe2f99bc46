//! The route of one feed to one server: which indicators are sent, and the event that is wanted.

use anyhow::Context;
use threatsieve_blacklist::{Indicator, Timestamp, Tlp};
use threatsieve_misp::{
    Conversion, EventPlan, Member, Origin, WantedEvent, Withdrawal, convert, tlp_tag, weight,
};
use uuid::Uuid;

use crate::config::{Config, Distribution, Feed, Misp, MispTarget, Withdraw};
use crate::policy::{FeedRules, Policies};
use crate::store::Store;
use crate::store::body::Statement;
use crate::store::misp::{Event, EventKind, Link, Placed, Stage, Standing, Takeover, walk_event};
use crate::store::statements::RowDates;
use crate::text::day;

/// The settings and rules of a feed for a server.
pub(super) struct Route<'a> {
    pub(super) feed: &'a Feed,
    pub(super) target: &'a MispTarget,
    pub(super) link: Link,
    server: &'a Misp,
    rules: &'a FeedRules,
}

/// All routes of a server.
pub(super) struct Routes<'a> {
    all: Vec<Route<'a>>,
}

impl<'a> Routes<'a> {
    /// Finds the feeds that go to a server, and notes what changed in their settings.
    pub(super) fn of(
        config: &'a Config,
        policies: &'a Policies,
        server: &'a Misp,
        server_id: i64,
        store: &mut Store,
    ) -> anyhow::Result<Routes<'a>> {
        let mut all = Vec::new();
        for feed in &config.feeds {
            let Some(target) = feed.misp.iter().find(|target| target.server == server.name) else {
                continue;
            };
            let Some(rules) = policies.of(&feed.name) else { continue };
            let settings = settings(feed, target, server, rules);
            let link = store.misp_link(server_id, &feed.name, &settings)?;
            all.push(Route { feed, target, link, server, rules });
        }
        Ok(Routes { all })
    }

    /// Takes all changes of the feeds over into events.
    pub(super) fn take_over(&self, store: &mut Store, now: Timestamp) -> anyhow::Result<()> {
        for route in &self.all {
            while store.take_over(&Takeover {
                link: route.link,
                way: route.target.way,
                day: &day(now),
                now,
                size: &|dates, statement| route.size(dates, statement),
                uuid: &|placed| route.uuid(placed),
            })? {}
        }
        Ok(())
    }

    /// Returns the route of an event; `None` if its feed does not go to the server any more.
    pub(super) fn route(&self, event: &Event) -> Option<&Route<'a>> {
        self.all.iter().find(|route| route.link.id == event.link)
    }
}

/// Everything that decides what is sent, as a digest.
fn settings(feed: &Feed, target: &MispTarget, server: &Misp, rules: &FeedRules) -> String {
    let parts = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?}",
        feed.policy,
        feed.url_mode,
        rules.digests(),
        target,
        server.withdraw,
        server.max_tlp
    );
    blake3::hash(parts.as_bytes()).to_string()
}

impl Route<'_> {
    /// Returns the UUID of an event that this program makes.
    fn uuid(&self, placed: &Placed) -> String {
        self.origin(placed.kind, &placed.source, placed.part).event_uuid().to_string()
    }

    /// Returns the UUID of the event that is sent instead of a package that the server refuses.
    pub(super) fn own_uuid(&self, event: &Event) -> String {
        self.origin(event.kind, &event.source, event.part.into()).event_uuid().to_string()
    }

    fn origin(&self, kind: EventKind, source: &str, part: i64) -> Origin {
        let (feed, id) = (self.feed.name.clone(), source.to_owned());
        match kind {
            EventKind::Upload | EventKind::Package => Origin::Package { feed, id },
            EventKind::Report => Origin::Report { feed, id },
            EventKind::Day => {
                Origin::Day { feed, day: id, part: u32::try_from(part).unwrap_or(u32::MAX) }
            }
        }
    }

    /// Returns what counts of a statement: nothing, if it is above the server's TLP ceiling.
    fn counting(&self, dates: RowDates, mut statement: Statement) -> Option<Statement> {
        if statement.tlp.unwrap_or(Tlp::Clear) > self.server.max_tlp {
            return None;
        }
        self.rules.apply(dates, &mut statement, &mut |_, _| {});
        statement.parts.retain(|part| !part.values.is_empty());
        (!statement.parts.is_empty()).then_some(statement)
    }

    /// Returns the number of attributes that a statement becomes.
    fn size(&self, dates: RowDates, statement: Statement) -> usize {
        let mut size = 0;
        if let Some(statement) = self.counting(dates, statement) {
            // The visitor never fails.
            let _ = statement.indicators("", dates.modified, |one| {
                size += weight(&one);
                Ok(())
            });
        }
        size
    }

    /// Makes the event that the server is to have.
    pub(super) fn wanted(&self, store: &Store, event: &Event) -> anyhow::Result<Conversion> {
        let mut members: Vec<(Indicator, bool)> = Vec::new();
        walk_event(store.connection(), event.id, |standing| self.add(standing, &mut members))?;
        let members: Vec<Member<'_>> = members
            .iter()
            .map(|(indicator, is_active)| Member { indicator, is_active: *is_active })
            .collect();
        let plan = self.plan(event)?;
        Ok(convert(&plan, &members))
    }

    fn add(&self, standing: Standing, members: &mut Vec<(Indicator, bool)>) -> anyhow::Result<()> {
        let Standing { id, dates, statement, is_active, threats } = standing;
        let Some(statement) = statement else { return Ok(()) };
        let mut push = |statement: Statement, is_active| {
            statement.indicators(&id, dates.modified, |indicator| {
                members.push((Indicator { threats: threats.clone(), ..indicator }, is_active));
                Ok(())
            })
        };
        let counting = is_active.then(|| self.counting(dates, statement.clone())).flatten();
        if counting.as_ref() != Some(&statement) {
            // Values that do not count any more are withdrawn, if they were ever sent.
            push(statement, false)?;
        }
        counting.map_or(Ok(()), |statement| push(statement, true))
    }

    fn plan(&self, event: &Event) -> anyhow::Result<EventPlan> {
        let name = &self.feed.name;
        let info = match event.kind {
            EventKind::Upload | EventKind::Package => format!("{name}: package {}", event.source),
            EventKind::Report => match event.title.as_deref() {
                Some(title) if !title.is_empty() => title.to_owned(),
                _ => format!("{name}: report {}", event.source),
            },
            EventKind::Day if event.part > 1 => {
                format!("{name}: indicators of {}, part {}", event.source, event.part)
            }
            EventKind::Day => format!("{name}: indicators of {}", event.source),
        };
        let date = crate::text::parse_time(&event.day)
            .with_context(|| format!("event {} in the state has no date", event.id))?;
        let origin = self.origin(event.kind, &event.source, event.part.into());
        let mut plan = EventPlan::new(origin, &info, date);
        if let Some(uuid) = &event.uuid {
            plan.uuid = Uuid::try_parse(uuid)
                .with_context(|| format!("event {} in the state has a damaged UUID", event.id))?;
        }
        plan.distribution = match self.target.distribution {
            Distribution::Organisation => threatsieve_misp::Distribution::Organisation,
            Distribution::Community => threatsieve_misp::Distribution::Community,
            Distribution::Connected => threatsieve_misp::Distribution::Connected,
            Distribution::All => threatsieve_misp::Distribution::All,
            Distribution::SharingGroup(id) => {
                threatsieve_misp::Distribution::SharingGroup(id.into())
            }
        };
        plan.tags = self.target.tags.clone();
        plan.tags.extend(event.tlp.map(tlp_tag));
        plan.former_tags = event.tags.clone();
        plan.withdrawal = match self.server.withdraw {
            Withdraw::ToIds => Withdrawal::ToIdsOff,
            Withdraw::Delete => Withdrawal::Delete,
        };
        plan.publish = self.target.publish;
        Ok(plan)
    }

    /// Returns whether the server converts the package of an event.
    pub(super) fn is_uploaded(&self, event: &Event) -> bool {
        event.kind == EventKind::Upload && event.stage != Stage::Refused
    }
}

/// Returns a digest of what an event is to have, whatever it had before.
pub(super) fn digest(wanted: &WantedEvent) -> Vec<u8> {
    let mut wanted = wanted.clone();
    wanted.former_tags.clear();
    blake3::hash(format!("{wanted:?}").as_bytes()).as_bytes().to_vec()
}
