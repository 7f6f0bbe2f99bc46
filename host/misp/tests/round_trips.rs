//! Random indicators are sent to a small MISP until nothing differs, then changed, and sent again.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod generated;
mod model;

use std::collections::BTreeSet;

use fastrand::Rng;
use generated::Feed;
use model::{Attribute, Misp};
use threatsieve_blacklist::Timestamp;
use threatsieve_misp::{
    Difference, DropReason, EventPlan, Importance, Member, Origin, WantedEvent, What, Withdrawal,
    WriteOptions, compare, convert, dropped, next_write,
};

const RUNS: u64 = 100;
/// The UUID of an attribute that an analyst added.
const ANALYST: &str = "7b1f0c9e-00a1-5a00-8000-000000000001";
const NOW: Timestamp = Timestamp(1_795_900_000_000_000);

/// Runs a test with a number of random generators; a failure names the seed.
fn each_seed(test: impl Fn(&mut Rng)) {
    for seed in 0..RUNS {
        // The name of the thread that panics is in the message; the seed is the last line before.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            test(&mut Rng::with_seed(seed));
        }));
        assert!(result.is_ok(), "failed with seed {seed}");
    }
}

fn plan(rng: &mut Rng) -> EventPlan {
    let origin = Origin::Day { feed: "demo".into(), day: "2026-11-29".into(), part: 1 };
    let mut plan = EventPlan::new(origin, "Demo \u{1f600} of 2026-11-29", NOW);
    plan.tags = vec!["feed:demo".into()];
    if rng.bool() {
        plan.withdrawal = Withdrawal::Delete;
    }
    plan
}

fn wanted(plan: &EventPlan, feed: &Feed) -> WantedEvent {
    let members: Vec<Member<'_>> = feed
        .values()
        .map(|(indicator, is_active)| Member { indicator, is_active: *is_active })
        .collect();
    let conversion = convert(plan, &members);
    for (indicator, _) in feed.values() {
        let listed = conversion.unconvertible.iter().filter(|one| one.indicator == indicator.id);
        let listed: BTreeSet<&str> = listed.map(|one| one.value.as_str()).collect();
        let is_held =
            conversion.event.all_attributes().any(|one| one.indicators.contains(&indicator.id));
        assert!(
            is_held || !listed.is_empty() || indicator.values.is_empty() || feed.len() > 1,
            "an indicator was lost"
        );
    }
    conversion.event
}

/// Writes until nothing is left, and returns the attributes that were sent.
fn send(misp: &mut Misp, wanted: &WantedEvent, max_attributes: usize) -> BTreeSet<uuid::Uuid> {
    let mut options = WriteOptions { max_attributes, ..WriteOptions::new(NOW) };
    let mut sent = BTreeSet::new();
    for _ in 0..1_000 {
        let Some(write) = next_write(wanted, misp.view().as_ref(), &options) else { return sent };
        assert!(write.attributes.len() <= max_attributes.max(32));
        assert!(misp.apply(&write));
        let held = misp.view().unwrap();
        let lost = dropped(&write, wanted, &held);
        options.given_up.extend(lost.into_iter().map(|one| one.attribute));
        sent.extend(write.attributes);
    }
    panic!("the writes do not end");
}

fn differences(wanted: &WantedEvent, misp: &Misp) -> Vec<Difference> {
    compare(wanted, &misp.view().unwrap())
}

#[test]
fn what_was_sent_is_there() {
    each_seed(|rng| {
        let (plan, feed) = (plan(rng), generated::feed(rng));
        let wanted = wanted(&plan, &feed);
        let mut misp = Misp::default();
        send(&mut misp, &wanted, rng.usize(1..60));
        assert_eq!(differences(&wanted, &misp), []);
        assert_holds(&misp, &wanted);
    });
}

/// Checks what MISP holds without `compare`: of our attributes, those for detection, and their
/// tags. One attribute may be an analyst's.
fn assert_holds(misp: &Misp, wanted: &WantedEvent) {
    let event = misp.event.as_ref().unwrap();
    let held: BTreeSet<String> = event
        .attributes
        .iter()
        .filter(|((_, uuid), own)| own.to_ids && !own.deleted && uuid != ANALYST)
        .map(|((_, uuid), _)| uuid.clone())
        .collect();
    let active = || wanted.all_attributes().filter(|own| own.to_ids());
    assert_eq!(held, active().map(|own| own.uuid.to_string()).collect());
    for own in active() {
        let uuid = own.uuid.to_string();
        let held = event.attributes.iter().find(|((_, other), _)| *other == uuid).unwrap().1;
        assert_eq!(held.tags, own.tags);
    }
}

#[test]
fn changes_arrive_and_others_stay() {
    each_seed(|rng| {
        let (mut plan, mut feed) = (plan(rng), generated::feed(rng));
        let mut misp = Misp::default();
        let mut before = wanted(&plan, &feed);
        send(&mut misp, &before, 50);
        let analyst = (
            (String::new(), ANALYST.to_owned()),
            Attribute::new("domain", "Network activity", "analyst.example"),
        );
        let event = misp.event.as_mut().unwrap();
        event.attributes.insert(analyst.0.clone(), analyst.1.clone());
        event.tags.insert("analyst:tag".into());
        for _ in 0..4 {
            generated::change(rng, &mut feed);
            if rng.u8(0..4) == 0 {
                plan.withdrawal = Withdrawal::Delete;
            }
            plan.former_tags.extend(before.tags.iter().cloned());
            plan.former_tags.extend(before.all_attributes().flat_map(|own| own.tags.clone()));
            let after = wanted(&plan, &feed);
            send(&mut misp, &after, rng.usize(1..60));
            assert_eq!(differences(&after, &misp), []);
            assert_holds(&misp, &after);
            assert_eq!(send(&mut misp, &after, 50), BTreeSet::new());
            before = after;
        }
        let event = misp.event.unwrap();
        assert_eq!(event.attributes[&analyst.0], analyst.1);
        assert!(event.tags.contains("analyst:tag") && event.tags.contains("feed:demo"));
    });
}

#[test]
fn only_what_differs_is_sent() {
    each_seed(|rng| {
        let (plan, mut feed) = (plan(rng), generated::feed(rng));
        let mut misp = Misp::default();
        send(&mut misp, &wanted(&plan, &feed), 100);
        let Some((indicator, is_active)) = feed.values_mut().next() else { return };
        let id = indicator.id.clone();
        *is_active = !*is_active;
        let after = wanted(&plan, &feed);
        let sent = send(&mut misp, &after, 100);
        let of_it: BTreeSet<_> = after
            .all_attributes()
            .filter(|own| {
                let (indicator, _) = feed.values().next().unwrap();
                let member = [Member { indicator, is_active: true }];
                let alone = convert(&plan, &member).event;
                own.indicators.contains(&id)
                    || alone.all_attributes().any(|one| one.uuid == own.uuid)
            })
            .map(|own| own.uuid)
            .collect();
        assert!(sent.is_subset(&of_it), "{sent:?} is more than {of_it:?}");
    });
}

#[test]
fn what_misp_drops_is_found() {
    each_seed(|rng| {
        let (plan, feed) = (plan(rng), generated::feed(rng));
        let wanted = wanted(&plan, &feed);
        let mut misp = Misp::default();
        let taken: BTreeSet<uuid::Uuid> = wanted
            .attributes
            .iter()
            .filter(|own| own.to_ids() && rng.u8(0..4) == 0)
            .map(|own| own.uuid)
            .collect();
        misp.elsewhere = taken.iter().map(ToString::to_string).collect();
        let write = next_write(&wanted, None, &WriteOptions::new(NOW)).unwrap();
        assert!(misp.apply(&write));
        let lost = dropped(&write, &wanted, &misp.view().unwrap());
        assert_eq!(lost.iter().map(|one| one.attribute).collect::<BTreeSet<_>>(), taken);
        assert!(lost.iter().all(|one| one.reason == DropReason::UuidElsewhere));
        send(&mut misp, &wanted, 10);
        let missing = differences(&wanted, &misp);
        assert_eq!(missing.len(), taken.len());
        assert!(missing.iter().all(|one| one.what == What::Missing));
    });
}

#[test]
fn tags_that_the_role_cannot_create_are_found_and_not_tried_forever() {
    each_seed(|rng| {
        let (plan, feed) = (plan(rng), generated::feed(rng));
        let wanted = wanted(&plan, &feed);
        let mut misp = Misp { known_tags: Some(["tlp:green".into()].into()), ..Misp::default() };
        let options = WriteOptions::new(NOW);
        misp.apply(&next_write(&wanted, None, &options).unwrap());
        let lacks_tlp = wanted.tlp.is_some_and(|tlp| tlp != threatsieve_blacklist::Tlp::Green);
        let found = differences(&wanted, &misp);
        let event_lacks = found.iter().any(|one| {
            one.place == threatsieve_misp::Place::Event && matches!(one.what, What::NoTlp(_))
        });
        assert_eq!(event_lacks, lacks_tlp);
        assert!(found.iter().all(|one| one.importance() != Importance::Content));
        let repeat = WriteOptions { with_details: false, ..options };
        let held = misp.view().unwrap();
        let is_marked = found.iter().any(|one| one.importance() == Importance::Marking);
        assert_eq!(next_write(&wanted, Some(&held), &repeat).is_some(), is_marked);
    });
}

#[test]
fn the_same_value_of_an_analyst_is_a_duplicate() {
    let mut rng = Rng::with_seed(1);
    let plan = plan(&mut rng);
    let value = threatsieve_blacklist::Value::listed_domain("evil.com").unwrap();
    let id = threatsieve_blacklist::IndicatorId::Stix("a".into());
    let indicator = threatsieve_blacklist::Indicator::new(id, vec![value]);
    let feed: Feed = [(1, (indicator, true))].into();
    let mut misp = Misp::default();
    send(&mut misp, &wanted(&plan, &Feed::new()), 10);
    let uuid = "7b1f0c9e-00a1-5a00-8000-000000000001";
    misp.event.as_mut().unwrap().attributes.insert(
        (String::new(), uuid.to_owned()),
        Attribute::new("domain", "Network activity", "evil.com"),
    );
    let wanted = wanted(&plan, &feed);
    let write = next_write(&wanted, misp.view().as_ref(), &WriteOptions::new(NOW)).unwrap();
    misp.apply(&write);
    let lost = dropped(&write, &wanted, &misp.view().unwrap());
    assert_eq!(lost[0].reason, DropReason::Duplicate { of: uuid.parse().unwrap() });
}
