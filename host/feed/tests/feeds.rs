//! Samples of public feeds are read by their presets, with the entries that were expected of them
//! before there was a reader (tests/data/feeds/README.md).

#![expect(clippy::unwrap_used, reason = "part of the tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use threatsieve_blacklist::{Indicator, Timestamp, Value};
use threatsieve_feed::preset::Presets;
use threatsieve_feed::{
    FeedError, FeedFormat, FeedOptions, FeedReport, StixLimits, StixSet, read_feed,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/feeds")
}

/// Compressed files are unpacked by the controller, and its tests read them.
fn samples() -> Vec<(String, Json)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(sample) = name.strip_suffix(".expect.json")
            && !sample.ends_with(".gz")
        {
            let text = std::fs::read_to_string(folder().join(&name)).unwrap();
            all.push((sample.to_owned(), serde_json::from_str(&text).unwrap()));
        }
    }
    assert!(all.len() >= 85);
    all
}

fn read(
    sample: &str,
    format: Option<FeedFormat>,
) -> (Result<FeedReport, FeedError>, Vec<Indicator>, usize) {
    let (mut all, mut rejected) = (Vec::new(), 0);
    let mut stix = StixSet::new(StixLimits {
        latest_modified: Timestamp(4_000_000_000_000_000),
        ..StixLimits::default()
    });
    let bytes = std::fs::read(folder().join(sample)).unwrap();
    let report = read_feed(
        &mut bytes.as_slice(),
        &FeedOptions { format, ..FeedOptions::default() },
        0,
        &mut stix,
        &mut |indicator, _| all.push(indicator),
        &mut |_| rejected += 1,
        None,
    );
    stix.finish(&mut |_, indicator| all.push(indicator), &mut |_| {});
    (report, all, rejected)
}

type Entries = BTreeMap<(String, String, Option<u64>), (Option<u64>, Option<String>)>;

/// Entries in the form of the expectations. Addresses of internal networks are left out, as the
/// compiler leaves them out.
fn entries(indicators: &[Indicator]) -> Entries {
    let mut all = Entries::new();
    for indicator in indicators {
        for value in &indicator.values {
            let is_special = threatsieve_blacklist::compile::admitted(
                value.clone(),
                &threatsieve_blacklist::CompileOptions::default(),
            )
            .is_err();
            if is_special {
                continue;
            }
            let scope = value.is_subtree().map(|below| if below { "subtree" } else { "exact" });
            for form in value.normal_forms() {
                let key = (
                    value.entry_type().unwrap().stix_name().to_owned(),
                    form,
                    indicator.port.map(|port| port.number.into()),
                );
                let known = all.entry(key).or_default();
                known.0 = known.0.max(indicator.confidence.map(u64::from));
                if known.1.as_deref() != Some("subtree") {
                    known.1 = scope.map(str::to_owned);
                }
            }
        }
    }
    all
}

fn expected(list: &Json, scope: &Json) -> Entries {
    let mut all = Entries::new();
    for one in list.as_array().unwrap() {
        let text = |key: &str| one[key].as_str().map(str::to_owned);
        let key = (text("type").unwrap(), text("value").unwrap(), one["port"].as_u64());
        let scope = text("scope").or(scope.as_str().map(str::to_owned));
        all.insert(key, (one["confidence"].as_u64(), scope));
    }
    all
}

#[test]
fn samples_of_public_feeds_are_read_by_their_presets() {
    let mut wrong = Vec::new();
    for (sample, expectation) in samples() {
        let format = expectation["preset"].as_str().map(|name| {
            FeedFormat::from_name(name, &Presets::default())
                .unwrap_or_else(|| panic!("no preset {name}"))
        });
        let holds_nothing =
            expectation.get("unsupported").is_some() || expectation["purpose"] == "suffixes";
        let (report, indicators, _) = read(&sample, format);
        let (got, want) =
            (entries(&indicators), expected(&expectation["entries"], &expectation["scope"]));
        if got != want {
            wrong.push(format!("{sample}: got {got:?}\n  want {want:?}"));
        }
        let is_refused = report.as_ref().map_or(true, |report| report.doubt(false, None).is_some());
        if is_refused != (holds_nothing || want.is_empty()) {
            wrong.push(format!("{sample}: {report:?}"));
        }
        if let (Ok(report), Some(allow)) = (&report, expectation.get("allow")) {
            let got: Vec<String> = report.exceptions.iter().flat_map(Value::normal_forms).collect();
            let want: Vec<&str> = allow
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["value"].as_str().unwrap())
                .collect();
            if got != want {
                wrong.push(format!("{sample}: exceptions {got:?}, want {want:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Nothing that is not an indicator is taken, whether or not the preset is named.
#[test]
fn samples_without_a_named_preset_give_nothing_wrong() {
    let mut wrong = Vec::new();
    for (sample, expectation) in samples() {
        let (report, indicators, _) = read(&sample, None);
        if report.is_err() {
            continue;
        }
        let got = entries(&indicators);
        for value in expectation["not"].as_array().unwrap() {
            let value = value.as_str().unwrap();
            if got.keys().any(|(_, taken, _)| taken == value) {
                wrong.push(format!("{sample}: {value} by {report:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Some lists are sent between tags of HTML. A whole page is never one.
#[test]
fn a_list_between_tags_is_read_only_by_its_preset() {
    let list = "<pre>\nVX Vault last 100 Links\nMon, 04 May 2026\n(C) http://vxvault.net\n\n\
                http://bad-one.top/x.exe\nhxxp://45.66.77.1/y\n</pre>";
    let page = "<!DOCTYPE html>\n<html>\nhttp://bad-one.top/x.exe\n</html>";
    let read = |text: &str, name: Option<&str>| {
        let mut stix = StixSet::new(StixLimits::default());
        let mut all = Vec::new();
        let format = name.and_then(|name| FeedFormat::from_name(name, &Presets::default()));
        read_feed(
            &mut text.as_bytes(),
            &FeedOptions { format, ..FeedOptions::default() },
            0,
            &mut stix,
            &mut |indicator, _| all.extend(indicator.values[0].normal_forms()),
            &mut |_| {},
            None,
        )
        .map(|_| all)
    };
    let wanted = ["http://bad-one.top/x.exe", "http://45.66.77.1/y"];
    assert_eq!(read(list, Some("vxvault-urls")).unwrap(), wanted);
    assert!(read(list, None).is_err());
    assert!(read(page, Some("vxvault-urls")).is_err());
}
