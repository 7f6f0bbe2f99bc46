//! Events that a real MISP made of uploaded packages: read, compared with the packages, changed.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod captured;

use std::collections::BTreeMap;

use captured::Capture;
use threatsieve_blacklist::{Indicator, IndicatorId, Timestamp, UrlMode};
use threatsieve_feed::{FeedOptions, StixLimits, StixSet, read_feed};
use threatsieve_misp::{
    Adopted, Distribution, EventPlan, HeldError, HeldEvent, Importance, Member, Origin, What,
    Withdrawal, WriteCall, WriteOptions, adopt, compare, convert, next_write,
};

const NOW: Timestamp = Timestamp(1_795_999_999_000_000);

/// The indicators of the package that was uploaded.
fn indicators(capture: &Capture) -> Vec<Indicator> {
    let text = match &capture.sent {
        serde_json::Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    let mut stix = StixSet::new(StixLimits::default());
    let mut found = Vec::new();
    read_feed(
        &mut text.as_bytes(),
        &FeedOptions::default(),
        0,
        &mut stix,
        &mut |_, _| {},
        &mut |_| {},
        None,
    )
    .unwrap();
    stix.finish(&mut |_, indicator| found.push(indicator), &mut |_| {});
    found
}

fn plan() -> EventPlan {
    let origin = Origin::Report { feed: "demo".into(), id: "report--1".into() };
    EventPlan { distribution: Distribution::Community, ..EventPlan::new(origin, "Report", NOW) }
}

fn adopted(plan: &EventPlan, indicators: &[Indicator], held: &HeldEvent, active: bool) -> Adopted {
    let members: Vec<Member<'_>> =
        indicators.iter().map(|indicator| Member { indicator, is_active: active }).collect();
    adopt(convert(plan, &members).event, held)
}

#[test]
fn every_captured_event_is_read() {
    let mut read = 0;
    for (name, capture) in captured::load() {
        let starts = capture.body.starts_with(b"{\"Event\"");
        if capture.status != 200 || !starts || !capture.path.starts_with("/events/") {
            continue;
        }
        let event = HeldEvent::parse(&capture.body);
        let event = event.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(event.id > 0, "{name}");
        assert!(event.all_attributes().all(|(_, own)| !own.value.is_empty()), "{name}");
        for end in [1, capture.body.len() / 2, capture.body.len() - 1] {
            let cut = HeldEvent::parse(&capture.body[..end]);
            assert!(matches!(cut, Err(HeldError::Malformed(_))), "{name}");
        }
        read += 1;
    }
    assert!(read > 80, "{read}");
    assert_eq!(HeldEvent::parse(b"{}"), Err(HeldError::NoEvent));
    assert_eq!(HeldEvent::parse(br#"{"Event": {"uuid": "x"}}"#), Err(HeldError::NoEvent));
    assert!(HeldEvent::parse(br#"{"Event": {"uuid": "x", "Attribute": ["x"]}}"#).is_err());
}

#[test]
fn deleted_attributes_and_tags_are_read() {
    let captures = captured::load();
    let event = HeldEvent::parse(&captures["event_view_deleted1"].body).unwrap();
    let states: Vec<(bool, bool)> =
        event.attributes.iter().map(|own| (own.to_ids, own.deleted)).collect();
    assert_eq!(states, [(false, false), (true, true)]);
    assert_eq!(event.tags, ["tlp:green"]);
    assert_eq!((event.creator, event.published), (2, false));
    assert!(event.publish_timestamp > 0);
}

#[test]
fn indicators_are_found_in_the_events_that_misp_made() {
    let captures = captured::load();
    let mut found = BTreeMap::new();
    for (name, capture) in &captures {
        let is_whole = !matches!(&capture.sent, serde_json::Value::String(text)
            if text.ends_with(" bytes]"));
        if capture.status == 200 && capture.path.starts_with("/events/upload_stix") && is_whole {
            let held = HeldEvent::parse(&capture.body).unwrap();
            let adopted = adopted(&plan(), &indicators(capture), &held, true);
            found.insert(name.as_str(), (adopted.found, adopted.missing.len()));
        }
    }
    // Found and missing.
    let expected = [
        ("stix1_empty_package", (0, 0)),
        ("stix20_bundle", (1, 0)),
        ("stix21_bundle_no_report", (5, 0)),
        // Its indicators had been uploaded before: MISP dropped them in silence.
        ("stix21_with_report", (0, 5)),
    ];
    for (name, counts) in expected {
        assert_eq!(found.get(name), Some(&counts), "{name}: {found:?}");
    }
}

#[test]
fn an_uploaded_event_is_marked_and_later_withdrawn() {
    let captures = captured::load();
    let capture = &captures["stix21_bundle_no_report"];
    let (indicators, held) = (indicators(capture), HeldEvent::parse(&capture.body).unwrap());
    let mut plan = plan();
    plan.tags = vec!["tlp:amber".into()];
    plan.distribution = Distribution::SharingGroup(7);
    let options = WriteOptions::new(NOW);

    let event = adopted(&plan, &indicators, &held, true).event;
    let found = compare(&event, &held);
    let shown: Vec<&What> = found.iter().map(|one| &one.what).collect();
    assert_eq!(shown, [&What::Distribution, &What::NoTlp("tlp:amber".into())]);
    assert!(found.iter().all(|one| one.importance() == Importance::Marking));
    let write = next_write(&event, Some(&held), &options).unwrap();
    assert_eq!(write.call, WriteCall::Edit(held.uuid));
    assert_eq!(
        write.body["Event"],
        serde_json::json!({
            "uuid": held.uuid.to_string(),
            "distribution": "4",
            "sharing_group_id": "7",
            "Tag": [{"name": "tlp:amber"}],
        })
    );

    for withdrawal in [Withdrawal::ToIdsOff, Withdrawal::Delete] {
        plan.withdrawal = withdrawal;
        let event = adopted(&plan, &indicators, &held, false).event;
        let write = next_write(&event, Some(&held), &options).unwrap();
        // Three attributes, and the pattern of two values in its object.
        assert_eq!(write.body["Event"]["Attribute"].as_array().unwrap().len(), 3);
        let object = &write.body["Event"]["Object"][0];
        assert_eq!(object["name"], "stix2-pattern");
        let change = &object["Attribute"][0];
        match withdrawal {
            Withdrawal::ToIdsOff => assert_eq!(change["to_ids"], false),
            Withdrawal::Delete => assert_eq!(change["deleted"], true),
        }
    }
}

#[test]
fn attributes_with_several_values_are_active_while_one_of_them_is() {
    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";
    let answer = serde_json::json!({
        "Event": {"id": "4", "uuid": "7b1f0c9e-0001-5a00-8000-000000000001", "info": " MISP's "},
        "Attribute": [
            {"uuid": "7b1f0c9e-00a1-5a00-8000-000000000001", "type": "filename|md5",
             "category": "Payload delivery", "value": format!("a|b.exe|{MD5}"), "to_ids": true},
            {"uuid": "7b1f0c9e-00a1-5a00-8000-000000000002", "type": "domain|ip",
             "category": "Network activity", "value": "Evil.com|10.1.2.3", "to_ids": true},
            {"uuid": "7b1f0c9e-00a1-5a00-8000-000000000003", "type": "stix2-pattern",
             "value": "[url:value = 'http://evil.com/it\\'s' OR domain-name:value = 'two.com']",
             "category": "Payload installation", "to_ids": true},
            {"uuid": "7b1f0c9e-00a1-5a00-8000-000000000004", "type": "ip-src",
             "category": "Network activity", "value": "10.9.9.9", "to_ids": false},
        ],
    });
    let held = HeldEvent::parse(answer.to_string().as_bytes()).unwrap();
    let indicator = |text: &str| {
        let value = threatsieve_blacklist::Value::from_list(text, UrlMode::Exact).unwrap();
        Indicator::new(IndicatorId::Stix(text.into()), vec![value])
    };
    let all = [MD5, "evil.com", "10.1.2.3", "http://evil.com/it's", "two.com", "10.9.9.9", "a.org"]
        .map(indicator);
    let wanted = |active: &[usize]| {
        let member =
            |(number, indicator)| Member { indicator, is_active: active.contains(&number) };
        let members: Vec<Member<'_>> = all.iter().enumerate().map(member).collect();
        adopt(convert(&plan(), &members).event, &held)
    };
    let to_ids = |adopted: &Adopted| -> Vec<bool> {
        held.attributes
            .iter()
            .map(|own| adopted.event.attributes.iter().find(|one| one.uuid == own.uuid).unwrap())
            .map(threatsieve_misp::WantedAttribute::to_ids)
            .collect()
    };
    let adopted = wanted(&[0, 2, 3, 5, 6]);
    assert_eq!((adopted.found, adopted.missing.len()), (6, 1));
    assert_eq!(to_ids(&adopted), [true; 4]);
    assert_eq!(adopted.event.attributes.len(), 5);
    assert_eq!(adopted.event.info, "MISP's");
    assert_eq!(to_ids(&wanted(&[4])), [false, false, true, false]);

    // What is added has the UUID that shows later that it is ours.
    let added = threatsieve_misp::ids::attribute_uuid(held.uuid, "domain", "a.org");
    assert_eq!(adopted.missing, [added]);
    let write = next_write(&adopted.event, Some(&held), &WriteOptions::new(NOW)).unwrap();
    let sent = write.body["Event"]["Attribute"].as_array().unwrap();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent.iter().any(|own| own["value"] == "10.9.9.9" && own["to_ids"] == true));
}

#[test]
fn damaged_answers_do_no_harm() {
    let mut rng = fastrand::Rng::with_seed(1);
    let captures = captured::load();
    let bodies: Vec<&Capture> = captures.values().filter(|one| one.body.len() > 10).collect();
    for _ in 0..3_000 {
        let capture = rng.choice(&bodies).unwrap();
        let mut body = capture.body[..capture.body.len().min(20_000)].to_vec();
        for _ in 0..rng.usize(0..4) {
            let at = rng.usize(..body.len());
            match rng.u8(0..3) {
                0 => body[at] = rng.u8(..),
                1 => drop(body.drain(at..(at + 5).min(body.len()))),
                _ => body.insert(at, *rng.choice(b"{}[]\",:0n").unwrap()),
            }
            if body.is_empty() {
                body.push(b'{');
            }
        }
        let answer = threatsieve_misp::Answer { body: &body, ..capture.answer() };
        let _ = threatsieve_misp::verdict(capture.call(), &answer);
        let _ = threatsieve_misp::sightings_added(&body);
        let _ = threatsieve_misp::probed(&body);
        if let Ok(held) = HeldEvent::parse(&body) {
            let event = convert(&plan(), &[]).event;
            let _ = next_write(&event, Some(&held), &WriteOptions::new(NOW));
        }
    }
}
