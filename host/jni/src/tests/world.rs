//! Nodes, blacklists and batches for the tests.

use std::path::PathBuf;

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use threatsieve_blacklist::{
    Batch, CompileOptions, Compiler, Indicator, IndicatorId, Kind, Timestamp, Tlp, UrlMode, Value,
};
use threatsieve_runner::{Code, MATCHER};

use crate::check::{Details, check};
use crate::failure::Failure;
use crate::layout::place;
use crate::lines::check_lines;
use crate::node::Node;
use crate::options::{CheckOptions, NodeOptions};

/// 2026-11-22T02:30:25Z.
pub(crate) const NOW: Timestamp = Timestamp(1_795_314_625_000_000);
pub(crate) const LIMIT: u64 = 1 << 30;

/// Machine code of a hostile component of the runner's tests.
macro_rules! hostile {
    ($name:literal) => {
        // SAFETY: the runner's build script built both.
        unsafe {
            threatsieve_runner::Code::new(
                include_bytes!(concat!(env!("HOSTILE"), "/", $name, ".signals.code")),
                include_bytes!(concat!(env!("HOSTILE"), "/", $name, ".checks.code")),
            )
        }
    };
}
pub(crate) use hostile;

/// A node, and a folder for blacklist files.
pub(crate) struct World {
    pub(crate) node: Node,
    folder: TempDir,
}

pub(crate) fn node_json() -> Json {
    json!({
        "deadline_ms": 2000, "memory_limit_bytes": LIMIT, "instance_memory_bytes": 16 << 20,
        "instances": 2, "trusted_key_pem": null,
    })
}

impl World {
    pub(crate) fn new() -> World {
        World::with(node_json(), MATCHER)
    }

    pub(crate) fn with(options: Json, code: Code) -> World {
        let options = NodeOptions::read(options.to_string().as_bytes()).unwrap();
        World { node: Node::with_code(options, code), folder: TempDir::new().unwrap() }
    }

    /// Writes a file with these bytes.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Loads a blacklist under its name.
    pub(crate) fn load(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.node.load(name, &self.file(&format!("{name}.blacklist"), bytes))
    }

    /// Looks up documents, each with its values and its time, and returns the answer's JSON.
    pub(crate) fn check(
        &self,
        blacklist: &str,
        options: &Json,
        documents: &[(&[&str], &str)],
    ) -> Result<Option<Json>, Failure> {
        let (mut batch, mut places, mut contexts) = (Batch::new(), Vec::new(), Vec::new());
        for (number, (values, time)) in documents.iter().enumerate() {
            for (field, value) in values.iter().enumerate() {
                assert!(batch.push(Kind::Any, value.as_bytes()));
                places.push(place(number as u32, field as u8));
            }
            contexts.push(time.len() as u8);
            contexts.extend_from_slice(time.as_bytes());
            contexts.extend_from_slice(&0_u16.to_le_bytes());
        }
        let loaded = self.node.blacklist(blacklist)?;
        let options = CheckOptions::cached(options.to_string().as_bytes())?;
        let details = || Ok(Details { places, contexts });
        let (observables, documents) = (batch.len() as u32, documents.len() as u32);
        let answer =
            check(&loaded, &options, batch.as_bytes(), observables, documents, NOW, details)?;
        Ok(answer.map(|answer| serde_json::from_slice(&answer).unwrap()))
    }

    /// Looks up raw lines.
    pub(crate) fn check_lines(
        &self,
        blacklist: &str,
        options: &Json,
        lines: &[&[u8]],
    ) -> Result<Option<Json>, Failure> {
        let loaded = self.node.blacklist(blacklist)?;
        let options = CheckOptions::cached(options.to_string().as_bytes())?;
        let answer = check_lines(&loaded, &options, &framed(lines), lines.len() as u32, NOW)?;
        Ok(answer.map(|answer| serde_json::from_slice(&answer).unwrap()))
    }
}

/// Returns lines as Java passes them.
pub(crate) fn framed(lines: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(&(line.len() as u32).to_le_bytes());
        bytes.extend_from_slice(line);
    }
    bytes
}

/// The options of a processor with four fields.
pub(crate) fn processor() -> Json {
    json!({
        "fields": ["url.original", "source.ip", "destination.ip", "dns.question.name"],
        "min_confidence": 0, "max_tlp": null, "max_matches": 100,
        "partial": false, "stamp": "matched",
    })
}

/// An indicator that lists one value.
pub(crate) fn indicator(id: &str, value: &str) -> Indicator {
    let value = Value::from_list(value, UrlMode::Exact).unwrap();
    Indicator::new(IndicatorId::Stix(id.to_owned()), vec![value])
}

pub(crate) fn marked(id: &str, value: &str, tlp: Tlp) -> Indicator {
    Indicator { tlp: Some(tlp), ..indicator(id, value) }
}

/// Returns the bytes of a blacklist of these indicators.
pub(crate) fn compiled(
    name: &str,
    generation: u64,
    indicators: Vec<Indicator>,
    allowed: &[&str],
) -> Vec<u8> {
    let options = CompileOptions { name: name.to_owned(), generation, ..CompileOptions::default() };
    let mut compiler = Compiler::new(options).unwrap();
    let feed = compiler.feed("test").unwrap();
    let refused = &mut |rejected| panic!("{rejected:?}");
    for one in indicators {
        compiler.block(feed, one, refused).unwrap();
    }
    for value in allowed {
        compiler.allow(feed, indicator(value, value), refused).unwrap();
    }
    compiler.finish().unwrap().into_bytes()
}

/// Returns a blacklist of one domain.
pub(crate) fn one(name: &str, generation: u64, domain: &str) -> Vec<u8> {
    compiled(name, generation, vec![indicator("a", domain)], &[])
}

/// Returns the blacklist that the hostile components describe.
pub(crate) fn described() -> Vec<u8> {
    compiled("hostile", 7, vec![indicator("a", "evil.com"), indicator("b", "evil.org")], &[])
}

/// Returns the numbers of the documents in an answer that have this key.
pub(crate) fn documents_with(answer: &Json, key: &str) -> Vec<u64> {
    let documents = answer["documents"].as_array().unwrap();
    let with_key = documents.iter().filter(|document| document.get(key).is_some());
    with_key.map(|document| document["document"].as_u64().unwrap()).collect()
}
