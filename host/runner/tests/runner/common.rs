//! Blacklists and batches for the tests.

use std::sync::Arc;

use threatsieve_blacklist::observable::{Batch, Kind};
use threatsieve_blacklist::{
    Blacklist, CompileOptions, Compiler, Indicator, IndicatorId, UrlMode, Value,
};
use threatsieve_runner::{MemoryFile, Runner, RunnerOptions};

pub(crate) type Loaded = Arc<Blacklist<MemoryFile>>;

/// Machine code of a component in `tests/hostile`.
macro_rules! hostile {
    ($name:literal) => {
        // SAFETY: the build script built both.
        unsafe {
            threatsieve_runner::Code::new(
                include_bytes!(concat!(env!("OUT_DIR"), "/hostile/", $name, ".signals.code")),
                include_bytes!(concat!(env!("OUT_DIR"), "/hostile/", $name, ".checks.code")),
            )
        }
    };
}
pub(crate) use hostile;

/// Returns the bytes of a blacklist of these values, all from one indicator.
pub(crate) fn compiled(
    name: &str,
    generation: u64,
    values: Vec<Value>,
    allowed: Vec<Value>,
) -> Vec<u8> {
    let options = CompileOptions { name: name.to_owned(), generation, ..CompileOptions::default() };
    let mut compiler = Compiler::new(options).unwrap();
    let feed = compiler.feed("test").unwrap();
    let refused = &mut |rejected| panic!("{rejected:?}");
    compiler.block(feed, indicator(1, values), refused).unwrap();
    if !allowed.is_empty() {
        compiler.allow(feed, indicator(2, allowed), refused).unwrap();
    }
    compiler.finish().unwrap().into_bytes()
}

pub(crate) fn blacklist(name: &str, generation: u64, values: &[&str]) -> Loaded {
    open(compiled(name, generation, listed(values), Vec::new()))
}

pub(crate) fn open(bytes: Vec<u8>) -> Loaded {
    Arc::new(Blacklist::open(MemoryFile::copy_of(&bytes).unwrap(), None).unwrap())
}

pub(crate) fn listed(values: &[&str]) -> Vec<Value> {
    values.iter().map(|value| Value::from_list(value, UrlMode::Exact).unwrap()).collect()
}

/// Returns a file with the same entries whose image has `length` bytes, filled up with zeros.
pub(crate) fn stretched(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    assert!(bytes.len() <= length);
    bytes.resize(length, 0);
    // The sizes of the image and of the file, then the digest of everything before it.
    bytes[24..32].copy_from_slice(&(length as u64).to_le_bytes());
    bytes[32..40].copy_from_slice(&(length as u64).to_le_bytes());
    let header = u32::from_le_bytes(*bytes[12..].first_chunk().unwrap()) as usize;
    let at = header - 128;
    let digest = blake3::hash(&bytes[..at]);
    bytes[at..at + 32].copy_from_slice(digest.as_bytes());
    bytes
}

fn indicator(line: u32, values: Vec<Value>) -> Indicator {
    Indicator::new(IndicatorId::Line(line), values)
}

/// Returns a blacklist whose image has about `entries * 32` bytes.
pub(crate) fn large(generation: u64, entries: u32) -> Loaded {
    let digest = |n: u32| format!("{:064x}", u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut values = listed(&["evil.com"]);
    values.extend((1..=entries).map(|n| Value::hash(&digest(n)).unwrap()));
    open(compiled("large", generation, values, Vec::new()))
}

pub(crate) fn hosts<'a>(values: impl IntoIterator<Item = &'a str>) -> Batch {
    let mut batch = Batch::new();
    for value in values {
        assert!(batch.push(Kind::Host, value.as_bytes()));
    }
    batch
}

pub(crate) fn runner(options: RunnerOptions, blacklist: &Loaded) -> Runner {
    let runner = Runner::new(options).unwrap();
    runner.load(blacklist.clone()).unwrap();
    runner
}

/// Returns an error with its causes, as a log shows it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes =
        std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string);
    [error.to_string()].into_iter().chain(causes).collect::<Vec<_>>().join(": ")
}
