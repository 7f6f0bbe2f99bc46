//! Options as Java passes them: JSON, checked.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use threatsieve_blacklist::compile::VerifyKey;
use threatsieve_blacklist::{Policy, Tlp};
use threatsieve_flag::Ceiling;
use threatsieve_log::Format;
use threatsieve_runner::RunnerOptions;

use crate::failure::{Failure, Kind};

/// The most fields of a processor: a place has 8 bits for them.
const MAX_FIELDS: usize = 256;
/// Deadlines in milliseconds: from the runner's shortest to longer than anybody waits.
const DEADLINE_MS: std::ops::RangeInclusive<u64> = 8..=600_000;
/// Memory of an instance in bytes: from 16 MiB, twice the largest batch, to what a 32-bit memory
/// has left besides a blacklist.
const INSTANCE_MEMORY_BYTES: std::ops::RangeInclusive<u64> = 16 << 20..=1 << 30;
/// The options that a thread keeps. A pipeline seldom has more processors, and each takes a few
/// kilobytes.
pub(crate) const KNOWN_OPTIONS: usize = 8;
/// The number of idle instances.
const INSTANCES: std::ops::RangeInclusive<u64> = 1..=1024;

/// The options of a node.
#[derive(Debug)]
pub(crate) struct NodeOptions {
    /// The options of each blacklist's runner.
    pub(crate) runner: RunnerOptions,
    /// The memory for all blacklists together, and for loading the next one, in bytes.
    pub(crate) memory_limit_bytes: u64,
    /// If set, blacklists must be signed with this key.
    pub(crate) trusted_key: Option<VerifyKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeJson {
    deadline_ms: u64,
    memory_limit_bytes: u64,
    instance_memory_bytes: u64,
    instances: u64,
    trusted_key_pem: Option<String>,
}

impl NodeOptions {
    pub(crate) fn read(json: &[u8]) -> Result<NodeOptions, Failure> {
        let json: NodeJson = read(json)?;
        within("deadline_ms", json.deadline_ms, DEADLINE_MS)?;
        within("instance_memory_bytes", json.instance_memory_bytes, INSTANCE_MEMORY_BYTES)?;
        within("instances", json.instances, INSTANCES)?;
        let key = json.trusted_key_pem.as_deref().map(VerifyKey::from_pem).transpose();
        Ok(NodeOptions {
            runner: RunnerOptions {
                // The JVM has its own signal handlers.
                signal_traps: false,
                deadline: Duration::from_millis(json.deadline_ms),
                memory_ceiling_bytes: json.instance_memory_bytes as usize,
                instances: json.instances as usize,
                ..RunnerOptions::default()
            },
            memory_limit_bytes: json.memory_limit_bytes,
            trusted_key: key.map_err(|error| {
                Failure::new(Kind::Options, format!("trusted_key_pem: {error}"))
            })?,
        })
    }
}

/// The options of a processor.
#[derive(Debug)]
pub(crate) struct CheckOptions {
    /// The field names that places refer to.
    pub(crate) fields: Vec<String>,
    /// The indicators that count.
    pub(crate) policy: Policy,
    /// The limits on what is written.
    pub(crate) ceiling: Ceiling,
    /// True if every document gets the generation, not only those into which something is written.
    pub(crate) stamps_all: bool,
    /// The format of raw lines; `None` detects it for each line.
    pub(crate) message_format: Option<Format>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckJson {
    fields: Vec<String>,
    min_confidence: u8,
    max_tlp: Option<String>,
    max_matches: usize,
    partial: bool,
    stamp: Option<Stamp>,
    message_format: Option<MessageFormat>,
}

/// The documents that get the generation they were checked against.
#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Stamp {
    Matched,
    All,
    None,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum MessageFormat {
    Squid,
    Combined,
    Text,
    Auto,
}

/// The options of a query.
#[derive(Debug)]
pub(crate) struct TermOptions {
    /// The indicators that count.
    pub(crate) policy: Policy,
    /// Count the parts of conjunctions as well, and ignore ports: the caller judges whole events.
    pub(crate) parts: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TermJson {
    min_confidence: u8,
    max_tlp: Option<String>,
    partial: bool,
    parts: bool,
}

impl TermOptions {
    pub(crate) fn read(json: &[u8]) -> Result<TermOptions, Failure> {
        let json: TermJson = read(json)?;
        within("min_confidence", json.min_confidence.into(), 0..=100)?;
        Ok(TermOptions {
            policy: Policy {
                min_confidence: json.min_confidence,
                max_tlp: tlp(json.max_tlp.as_deref())?,
                partial: json.partial,
                exact: false,
            },
            parts: json.parts,
        })
    }
}

/// Reads the name of a marking; without one, there is no ceiling.
fn tlp(name: Option<&str>) -> Result<Tlp, Failure> {
    let Some(name) = name else { return Ok(Tlp::Red) };
    Tlp::from_name(name).ok_or_else(|| {
        let names = Tlp::ALL.map(Tlp::name).join(", ");
        let message = format!("max_tlp: expected one of {names}, got {name:?}");
        Failure::new(Kind::Options, message)
    })
}

/// Options with the JSON they were parsed from.
type Parsed = (Vec<u8>, Rc<CheckOptions>);

impl CheckOptions {
    pub(crate) fn read(json: &[u8]) -> Result<CheckOptions, Failure> {
        let json: CheckJson = read(json)?;
        within("the number of fields", json.fields.len() as u64, 1..=MAX_FIELDS as u64)?;
        within("min_confidence", json.min_confidence.into(), 0..=100)?;
        let tlp = tlp(json.max_tlp.as_deref())?;
        Ok(CheckOptions {
            fields: json.fields,
            // Markings are compared when the flag is written, so that excluded indicators are
            // counted.
            policy: Policy {
                min_confidence: json.min_confidence,
                max_tlp: Tlp::Red,
                partial: json.partial,
                exact: false,
            },
            ceiling: Ceiling { tlp, enrichments: json.max_matches },
            stamps_all: json.stamp == Some(Stamp::All),
            message_format: match json.message_format {
                None | Some(MessageFormat::Auto) => None,
                Some(MessageFormat::Squid) => Some(Format::Squid),
                Some(MessageFormat::Combined) => Some(Format::Combined),
                Some(MessageFormat::Text) => Some(Format::Text),
            },
        })
    }

    /// Returns the options for this JSON. A thread parses them once, unless other processors'
    /// options come in between ([`KNOWN_OPTIONS`]; docs/decisions/0008).
    pub(crate) fn cached(json: &[u8]) -> Result<Rc<CheckOptions>, Failure> {
        thread_local! {
            static KNOWN: RefCell<Vec<Parsed>> = const { RefCell::new(Vec::new()) };
        }
        KNOWN.with_borrow_mut(|known| {
            // The options of the last call come first.
            match known.iter().position(|(text, _)| text == json) {
                Some(at) => known[..=at].rotate_right(1),
                None => {
                    let options = Rc::new(CheckOptions::read(json)?);
                    known.truncate(KNOWN_OPTIONS - 1);
                    known.insert(0, (json.to_vec(), options));
                }
            }
            Ok(Rc::clone(&known[0].1))
        })
    }
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(json)
        .map_err(|error| Failure::new(Kind::Options, format!("options: {error}")))
}

fn within(what: &str, got: u64, range: std::ops::RangeInclusive<u64>) -> Result<(), Failure> {
    if range.contains(&got) {
        return Ok(());
    }
    let (first, last) = range.into_inner();
    Err(Failure::new(
        Kind::Options,
        format!("options: {what} is {got}, expected {first} to {last}"),
    ))
}
