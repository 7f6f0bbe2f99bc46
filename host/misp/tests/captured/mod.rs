//! The exchanges that were captured on a real MISP 2.5.1.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a file of our own, for tests")]

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::Value as Json;
use threatsieve_misp::{Answer, Call};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/misp/captures.json.xz");
/// More than the file has unpacked.
const MAX_BYTES: u64 = 64 << 20;

/// A captured exchange.
pub(crate) struct Capture {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) sent: Json,
    pub(crate) status: u16,
    headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Capture {
    pub(crate) fn answer(&self) -> Answer<'_> {
        let header = |name: &str| self.headers.get(name).map(String::as_str);
        Answer {
            status: self.status,
            content_type: header("content-type"),
            location: header("location"),
            retry_after: header("retry-after"),
            rate_limit_reset: header("x-rate-limit-reset"),
            body: &self.body,
        }
    }

    /// The call that the request is for the crate.
    pub(crate) fn call(&self) -> Call {
        let path = self.path.as_str();
        let reads = ["restSearch", "/index", "checkValue", "/view"];
        if self.method != "POST" {
            Call::Read
        } else if path.starts_with("/events/add") {
            Call::Add
        } else if path.starts_with("/events/edit") {
            Call::Edit
        } else if path.starts_with("/events/upload_stix") {
            Call::Upload
        } else if reads.iter().any(|part| path.contains(part)) {
            Call::Read
        } else {
            Call::Change
        }
    }
}

/// Returns the captures by name. Tables, which are no exchanges, are left out.
pub(crate) fn load() -> BTreeMap<String, Capture> {
    let file = std::fs::File::open(FILE).unwrap();
    let mut text = String::new();
    lzma_rust2::XzReader::new(std::io::BufReader::new(file), true)
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .unwrap();
    let all: BTreeMap<String, Json> = serde_json::from_str(&text).unwrap();
    all.into_iter().filter_map(|(name, json)| Some((name, capture(&json)?))).collect()
}

fn capture(json: &Json) -> Option<Capture> {
    let response = json.get("response")?;
    let text = |json: &Json| json.as_str().map(str::to_owned);
    let headers = response["headers"].as_object().unwrap();
    let body = match &response["body"] {
        Json::String(text) => text.clone().into_bytes(),
        Json::Null => Vec::new(),
        body => serde_json::to_vec(body).unwrap(),
    };
    Some(Capture {
        method: text(&json["request"]["method"])?,
        path: text(&json["request"]["path"])?,
        sent: json["request"]["body"].clone(),
        status: response["status"].as_u64()?.try_into().ok()?,
        headers: headers
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
            .collect(),
        body,
    })
}
