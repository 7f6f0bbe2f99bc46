//! Prints the MISP events of indicators, one JSON object a line:
//! `{"add": the body of events/add, "unconvertible": [{"indicator", "value", "reason"}]}` or
//! `{"error"}`.
//!
//! Each line of standard input is the path of a file that [`threatsieve_feed`] reads, or
//! `{"indicators": [{"id", "values": ["evil.com"], "active": true, "tlp": "AMBER", "confidence": 80,
//! "name": "Title"}]}`.
#![allow(clippy::print_stdout, reason = "what an example is for")]

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use serde_json::{Value as Json, json};
use threatsieve_blacklist::{Indicator, IndicatorId, Timestamp, Tlp, UrlMode, Value};
use threatsieve_feed::{FeedOptions, StixLimits, StixSet, read_feed};
use threatsieve_misp::{EventPlan, Member, Origin, WriteOptions, convert, next_write};

/// 2026-11-29, so that the output is always the same.
const NOW: Timestamp = Timestamp(1_795_910_400_000_000);

fn main() -> Result<(), Box<dyn Error>> {
    let mut output = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let answer = if line.starts_with('{') { given(&line) } else { file(&line) };
        let answer = answer.unwrap_or_else(|error| json!({"error": error.to_string()}));
        writeln!(output, "{answer}")?;
    }
    output.flush()?;
    Ok(())
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
        &mut |indicator, _| indicators.push(indicator),
        &mut |_| {},
        None,
    )?;
    stix.finish(&mut |_, indicator| indicators.push(indicator), &mut |_| {});
    Ok(event(indicators.iter().map(|indicator| (indicator, true))))
}

/// Converts indicators that are given as JSON.
fn given(text: &str) -> Result<Json, Box<dyn Error>> {
    let json: Json = serde_json::from_str(text)?;
    let list = json["indicators"].as_array().ok_or("expected `indicators`, a list")?;
    let indicators: Vec<(Indicator, bool)> =
        list.iter().map(indicator).collect::<Result<_, _>>()?;
    Ok(event(indicators.iter().map(|(indicator, is_active)| (indicator, *is_active))))
}

fn indicator(json: &Json) -> Result<(Indicator, bool), Box<dyn Error>> {
    let id = json["id"].as_str().ok_or("expected `id`, a text")?;
    let values = json["values"].as_array().ok_or("expected `values`, a list")?;
    let values = values
        .iter()
        .map(|value| Value::from_list(value.as_str().unwrap_or_default(), UrlMode::Exact))
        .collect::<Result<_, _>>()?;
    let mut indicator = Indicator::new(IndicatorId::Stix(id.to_owned()), values);
    indicator.tlp = json["tlp"].as_str().and_then(Tlp::from_name);
    indicator.confidence = json["confidence"].as_u64().and_then(|number| number.try_into().ok());
    indicator.name = json["name"].as_str().map(str::to_owned);
    Ok((indicator, json["active"].as_bool().unwrap_or(true)))
}

fn event<'a>(indicators: impl Iterator<Item = (&'a Indicator, bool)>) -> Json {
    let members: Vec<Member<'_>> =
        indicators.map(|(indicator, is_active)| Member { indicator, is_active }).collect();
    let origin = Origin::Package { feed: "example".to_owned(), id: "example".to_owned() };
    let conversion = convert(&EventPlan::new(origin, "Example", NOW), &members);
    let options = WriteOptions { max_attributes: usize::MAX, ..WriteOptions::new(NOW) };
    let unconvertible = conversion.unconvertible.iter().map(|one| {
        let id = match &one.indicator {
            IndicatorId::Stix(id) => id.clone(),
            IndicatorId::Line(line) => line.to_string(),
        };
        json!({"indicator": id, "value": one.value, "reason": one.reason.to_string()})
    });
    json!({
        "add": next_write(&conversion.event, None, &options).map(|write| write.body),
        "unconvertible": unconvertible.collect::<Vec<_>>(),
    })
}
