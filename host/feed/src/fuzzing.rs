//! Entry points of the fuzz targets and of the replay of their corpora.

use std::io::BufReader;

use threatsieve_blacklist::{Timestamp, UrlMode, Value};

use crate::misp::{self, MispReading};
use crate::taxii1::{MessageError, MessageLimits, read_message};
use crate::warninglist::{Warninglist, WarninglistFile, WarninglistKind};
use crate::{
    BundleReport, Expression, FeedError, ListForm, ListOptions, ObjectFilter, PackageContent,
    PackageOptions, PackageSink, StixLimits, StixSet, Subject, read_list,
};

/// Returns limits that short inputs reach.
fn limits() -> StixLimits {
    StixLimits {
        max_object_bytes: 4096,
        max_depth: 16,
        max_kept: 1_000_000,
        url_mode: UrlMode::Exact,
        latest_modified: Timestamp(1_800_000_000_000_000),
        ..StixLimits::default()
    }
}

/// Reads bytes as STIX, in portions of two sizes, and checks properties that hold for any bytes.
pub fn stix(bytes: &[u8]) {
    let limits = limits();
    let read = |portion: usize| {
        let mut set = StixSet::new(limits.clone());
        let first = set.read(0, BufReader::with_capacity(portion, bytes)).map_err(outcome);
        let second = set.read(1, bytes).map_err(outcome);
        let found = |one: &BundleReport| {
            (one.objects, one.indicators, one.markings, one.others, one.more, one.next.clone())
        };
        assert_eq!(first.as_ref().map(found), second.as_ref().map(found));
        let mut all = Vec::new();
        let report = set.finish(
            &mut |feed, indicator| {
                assert!(
                    !indicator.values.is_empty()
                        && indicator.confidence.is_none_or(|number| number <= 100)
                );
                all.push(format!("{feed} {indicator:?}"));
            },
            &mut |_| {},
        );
        (first, all, report)
    };
    assert_eq!(read(1), read(4096), "the outcome must not depend on the portions");
}

/// The packages of an input, each with its bytes.
#[derive(Default)]
pub(crate) struct Received {
    current: Vec<u8>,
    pub(crate) all: Vec<(PackageContent, Vec<u8>)>,
}

impl PackageSink for Received {
    fn bytes(&mut self, bytes: &[u8]) {
        self.current.extend_from_slice(bytes);
    }

    fn end(&mut self, content: PackageContent) {
        self.all.push((content, std::mem::take(&mut self.current)));
    }
}

/// Reads bytes as packages of STIX 1.x, in portions of two sizes, and checks properties that hold
/// for any bytes.
pub fn stix1(bytes: &[u8]) {
    let limits = limits();
    let read = |portion: usize| {
        let mut set = StixSet::new(limits.clone());
        let mut received = Received::default();
        let options = PackageOptions { sink: Some(&mut received), ..Default::default() };
        let input = BufReader::with_capacity(portion, bytes);
        let first = set.read_packages(0, input, options).map_err(outcome);
        let (mut all, mut unreduced) = (Vec::new(), Vec::new());
        let valueless: Vec<_> = set.valueless().collect();
        let report = set.finish(
            &mut |feed, indicator| {
                assert!(
                    !indicator.values.is_empty()
                        && indicator.confidence.is_none_or(|number| number <= 100)
                );
                all.push(format!("{feed} {indicator:?}"));
            },
            &mut |part| unreduced.push(part),
        );
        (first, received.all, all, unreduced, valueless, report)
    };
    let outcome = read(1);
    assert!(outcome == read(4096), "the outcome must not depend on the portions");
    for (content, bytes) in outcome.1 {
        let mut set = StixSet::new(limits.clone());
        let mut again = Received::default();
        let options = PackageOptions {
            is_utf8: content.is_utf8,
            sink: Some(&mut again),
            ..Default::default()
        };
        let read = set.read_packages(0, &*bytes, options);
        assert!(read.is_ok() && again.all == [(content, bytes)], "a package is whole by itself");
    }
}

/// Reads bytes as a TAXII 1 message, in portions of two sizes, and checks that limits hold.
pub fn taxii1(bytes: &[u8]) {
    let limits = MessageLimits {
        max_depth: 16,
        max_block_bytes: 1024,
        max_blocks: 16,
        max_frame_bytes: 4096,
    };
    let read = |portion: usize| {
        let mut blocks = Vec::new();
        let input = BufReader::with_capacity(portion, bytes);
        let answer = read_message(input, &limits, &mut |block| blocks.push(block));
        assert!(blocks.len() as u64 <= limits.max_blocks);
        for content in blocks.iter().filter_map(|block| block.content.as_ref().ok()) {
            let text = content.text();
            assert!(!text.is_empty() && text.len() <= limits.max_block_bytes);
        }
        (answer.map_err(|error: MessageError| error.to_string()), blocks)
    };
    assert_eq!(read(1), read(4096), "the outcome must not depend on the portions");
}

/// Reads bytes as a list, in portions of two sizes.
pub fn list(bytes: &[u8]) {
    for form in [ListForm::Auto, ListForm::Hosts, ListForm::Csv(None), ListForm::Json(None)] {
        list_of(
            &ListOptions {
                form,
                max_line_bytes: 256,
                max_record_lines: 4,
                ..ListOptions::default()
            },
            bytes,
        );
    }
}

fn list_of(options: &ListOptions, bytes: &[u8]) {
    let read = |portion: usize| {
        let (mut indicators, mut rejected) = (Vec::new(), Vec::new());
        let report = read_list(
            BufReader::with_capacity(portion, bytes),
            options,
            &mut |indicator, listed| indicators.push((indicator, listed.to_owned())),
            &mut |line| rejected.push(line),
        );
        let report = report.map_err(outcome);
        if let Ok(report) = &report {
            let counts = (indicators.len() as u64, rejected.len() as u64);
            assert_eq!((report.indicators, report.rejected), counts);
        }
        (report, indicators, rejected)
    };
    assert_eq!(read(1), read(4096), "the outcome must not depend on the portions");
}

/// Reads bytes as a warninglist, and checks that what it covers does not depend on the order of its
/// entries, and that entries which are values cover themselves.
pub fn warninglist(bytes: &[u8]) {
    let Ok(file) = WarninglistFile::parse(bytes) else { return };
    let mut turned = file.clone();
    turned.entries.reverse();
    let values: Vec<Value> = file
        .entries
        .iter()
        .map(String::as_str)
        .chain(["www.evil.example", "192.0.2.7", "2001:db8::1", "http://evil.example/a?b=c"])
        .filter_map(|text| Value::from_list(text, UrlMode::Exact).ok())
        .collect();
    let (kind, types, entries) = (file.kind, file.types, file.entries.len());
    let mut rejected = Vec::new();
    let one = Warninglist::new(file, &mut |entry| rejected.push(entry.entry));
    let other = Warninglist::new(turned, &mut |_| {});
    assert!(rejected.len() <= entries);
    let (Ok(one), Ok(other)) = (one, other) else { return };
    for value in values {
        let covered = one.entry_for(&value);
        assert_eq!(covered.is_some(), other.entry_for(&value).is_some(), "the order says nothing");
        let is_about = value.entry_type().is_some_and(|one| types.has(one));
        assert!(is_about || covered.is_none(), "it is about other types");
    }
    let is_whole = kind == WarninglistKind::String && rejected.is_empty();
    let listed = is_whole.then(|| WarninglistFile::parse(bytes).map(|file| file.entries));
    for text in listed.into_iter().flatten().flatten() {
        let Ok(value) = Value::from_list(text.trim(), UrlMode::Exact) else { continue };
        if value.entry_type().is_some_and(|one| types.has(one)) {
            assert!(one.entry_for(&value).is_some(), "{text:?} covers itself");
        }
    }
}

/// Reads a line as an expression and the rest as the JSON of an object, and checks that
/// parentheses, a comment and repetition change nothing.
pub fn filter(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (line, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let object = serde_json::from_str(rest).unwrap_or(serde_json::Value::Null);
    for subject in [Subject::Indicator, Subject::Package] {
        let expression = match Expression::about(subject, line) {
            Ok(expression) => expression,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                continue;
            }
        };
        let holds = expression.holds(&object);
        let inner = line.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let Some(inner) = inner else { continue };
        for again in [
            format!("[({inner})]"),
            format!("[{inner} OR {inner}]"),
            format!("[({inner}) AND ({inner})] -- end"),
        ] {
            // Only the limits differ.
            if let Ok(again) = Expression::about(subject, &again) {
                assert_eq!(again.holds(&object), holds, "{line}");
            }
        }
        let filter = |pass, drop| ObjectFilter { pass, drop, ..ObjectFilter::default() };
        let is_passed = filter(Some(expression.clone()), None).dropped(&object).is_none();
        let is_dropped = filter(None, Some(expression)).dropped(&object).is_some();
        assert_eq!((is_passed, is_dropped), (holds, holds));
    }
}

/// Converts an error to a text that can be compared.
fn outcome(error: FeedError) -> String {
    error.to_string()
}

/// Reads bytes as each document of MISP, and checks properties that hold for any bytes.
pub fn misp(bytes: &[u8]) {
    let input = || BufReader::with_capacity(16, bytes);
    let reader = misp::MispReader::default();
    let events = misp::read_events(&mut input()).unwrap_or_default();
    for event in events.into_iter().chain(misp::read_event(&mut input())) {
        for (attribute, is_deleted) in event.attributes() {
            if let MispReading::Indicator(one) = reader.read(attribute, is_deleted, &event) {
                assert!(attribute.is_for_ids() && !attribute.is_deleted());
                assert!(one.values.len() == 1 && one.confidence.is_none_or(|number| number <= 100));
                assert!(one.valid_until.is_none_or(|end| one.valid_from.is_none_or(|at| at < end)));
            }
        }
    }
    let _ = misp::read_attributes(&mut input());
    let index = misp::read_index(&mut input()).unwrap_or_default();
    for entry in index.into_iter().chain(misp::read_manifest(&mut input()).unwrap_or_default()) {
        assert!(misp::is_uuid(&entry.uuid), "it becomes part of a path");
    }
    let _ = misp::read_warninglist_index(&mut input());
    if let Ok(file) = misp::read_warninglist(&mut input()) {
        assert!(WarninglistFile::parse(&file).is_ok());
    }
}
