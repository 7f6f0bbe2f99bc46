//! Prints the MISP events of indicators, one JSON object a line: `{"differences", "path", "body",
//! "unconvertible": [{"indicator", "value", "reason"}], "together"}` or `{"error"}`. `path` and
//! `body` are the next request, or null. `together` has the parts of conjunctions, which alone are
//! not bad.
//!
//! Each line of standard input is the path of a file that [`threatsieve_feed`] reads, or
//! `{"indicators": [{"id", "values": ["evil.com", ["10.1.2.3", "file:a.exe"]], "active": true,
//! "tlp": "AMBER", "confidence": 80, "name": "Title"}], "held": the answer of MISP or null, "now":
//! seconds, "delete": false}`. A list of values is a conjunction.
#![allow(clippy::print_stdout, reason = "what an example is for")]

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use serde_json::{Value as Json, json};
use threatsieve_blacklist::{
    Conjunction, ConjunctionPart, Indicator, IndicatorId, Timestamp, Tlp, UrlMode, Value,
};
use threatsieve_feed::{FeedOptions, StixLimits, StixSet, read_feed};
use threatsieve_misp::{
    EventPlan, HeldEvent, Member, Origin, Withdrawal, WriteOptions, compare, convert, next_write,
    tlp_tag,
};

/// 2026-11-29, so that the output is always the same.
const NOW: Timestamp = Timestamp(1_795_910_400_000_000);

fn main() -> Result<(), Box<dyn Error>> {
    let mut output = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let answer = if line.starts_with('{') { given(&line) } else { file(&line) };
        let answer = answer.unwrap_or_else(|error| json!({"error": error.to_string()}));
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

/// A request: indicators with their standing, and the circumstances.
struct Request {
    indicators: Vec<(Indicator, bool)>,
    held: Option<HeldEvent>,
    now: Timestamp,
    withdrawal: Withdrawal,
}

/// Converts the indicators of a feed's file.
fn file(path: &str) -> Result<Json, Box<dyn Error>> {
    let mut stix = StixSet::new(StixLimits::default());
    let mut indicators = Vec::new();
    read_feed(
        &mut BufReader::new(File::open(path)?),
        &FeedOptions::default(),
        0,
        &mut stix,
        &mut |indicator, _| indicators.push((indicator, true)),
        &mut |_| {},
        None,
    )?;
    stix.finish(&mut |_, indicator| indicators.push((indicator, true)), &mut |_| {});
    let (held, now, withdrawal) = (None, NOW, Withdrawal::ToIdsOff);
    Ok(event(&Request { indicators, held, now, withdrawal }))
}

/// Converts indicators that are given as JSON.
fn given(text: &str) -> Result<Json, Box<dyn Error>> {
    let json: Json = serde_json::from_str(text)?;
    let list = json["indicators"].as_array().ok_or("expected `indicators`, a list")?;
    let held = match &json["held"] {
        Json::Null => None,
        held => Some(HeldEvent::parse(held.to_string().as_bytes())?),
    };
    Ok(event(&Request {
        indicators: list.iter().map(indicator).collect::<Result<_, _>>()?,
        held,
        now: json["now"].as_i64().map_or(NOW, |seconds| Timestamp(seconds * 1_000_000)),
        withdrawal: match json["delete"].as_bool() {
            Some(true) => Withdrawal::Delete,
            _ => Withdrawal::ToIdsOff,
        },
    }))
}

fn indicator(json: &Json) -> Result<(Indicator, bool), Box<dyn Error>> {
    let id = json["id"].as_str().ok_or("expected `id`, a text")?;
    let values = json["values"].as_array().ok_or("expected `values`, a list")?;
    let values = values.iter().map(value).collect::<Result<_, _>>()?;
    let mut indicator = Indicator::new(IndicatorId::Stix(id.to_owned()), values);
    indicator.tlp = json["tlp"].as_str().and_then(Tlp::from_name);
    indicator.confidence = json["confidence"].as_u64().and_then(|number| number.try_into().ok());
    indicator.name = json["name"].as_str().map(str::to_owned);
    Ok((indicator, json["active"].as_bool().unwrap_or(true)))
}

fn value(json: &Json) -> Result<Value, Box<dyn Error>> {
    let listed = |text: &str| Value::from_list(text, UrlMode::Exact);
    let part = |json: &Json| match json.as_str().unwrap_or_default() {
        text if text.starts_with("file:") => Ok(ConjunctionPart::FileName(text[5..].into())),
        text => listed(text).map(ConjunctionPart::Value),
    };
    match json {
        Json::Array(parts) => {
            let parts = parts.iter().map(part).collect::<Result<_, _>>()?;
            Ok(Value::All(Conjunction::new(parts)?))
        }
        json => Ok(listed(json.as_str().ok_or("expected values as texts")?)?),
    }
}

fn event(request: &Request) -> Json {
    let members: Vec<Member<'_>> = request
        .indicators
        .iter()
        .map(|(indicator, is_active)| Member { indicator, is_active: *is_active })
        .collect();
    let origin = Origin::Package { feed: "example".to_owned(), id: "example".to_owned() };
    let mut plan = EventPlan::new(origin, "Example", NOW);
    plan.withdrawal = request.withdrawal;
    plan.former_tags = Tlp::ALL.into_iter().map(tlp_tag).collect();
    let conversion = convert(&plan, &members);
    let options = WriteOptions { max_attributes: usize::MAX, ..WriteOptions::new(request.now) };
    let unconvertible = conversion.unconvertible.iter().map(|one| {
        let id = match &one.indicator {
            IndicatorId::Stix(id) => id.clone(),
            IndicatorId::Line(line) => line.to_string(),
        };
        json!({"indicator": id, "value": one.value, "reason": one.reason.to_string()})
    });
    let held = request.held.as_ref();
    let differences = held.map(|held| compare(&conversion.event, held)).unwrap_or_default();
    let write = next_write(&conversion.event, held, &options);
    let together = members.iter().flat_map(|member| &member.indicator.values).flat_map(parts);
    json!({
        "differences": differences.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "path": write.as_ref().map(|write| write.call.path()),
        "body": write.map(|write| write.body),
        "unconvertible": unconvertible.collect::<Vec<_>>(),
        "together": together.collect::<Vec<_>>(),
    })
}

/// The parts of a conjunction as text.
fn parts(value: &Value) -> Vec<String> {
    match value {
        Value::All(conjunction) => conjunction
            .values()
            .flat_map(Value::normal_forms)
            .chain(conjunction.file_names().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}
