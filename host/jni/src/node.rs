//! The blacklists that one node has loaded, by name, each with a runner.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::{Map, Value, json};
use threatsieve_blacklist::image::FORMAT;
use threatsieve_blacklist::{Blacklist, EntryType, NORMALISER, Role};
use threatsieve_runner::{Code, MATCHER, MemoryFile, Runner};

use crate::budget::{needed_bytes, require_room, taken_bytes};
use crate::failure::{Failure, Kind};
use crate::file;
use crate::options::NodeOptions;

/// A blacklist in use.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) runner: Runner,
    name: String,
    deadline: Duration,
    /// The number of documents it was asked about.
    documents: AtomicU64,
}

impl Loaded {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The longest time for one call, and for judging its hits.
    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The failure if nothing answers yet.
    pub(crate) fn missing(&self) -> Failure {
        missing(&self.name)
    }

    /// The generation that answers the next call.
    pub(crate) fn generation(&self) -> u64 {
        self.runner.blacklist().map_or(0, |blacklist| blacklist.generation())
    }

    pub(crate) fn count_documents(&self, documents: u32) {
        self.documents.fetch_add(documents.into(), Ordering::Relaxed);
    }

    fn held_bytes(&self) -> u64 {
        taken_bytes(self.runner.held_bytes())
    }
}

/// Named blacklists within one memory limit, for any number of threads.
#[derive(Debug)]
pub(crate) struct Node {
    options: NodeOptions,
    code: Code,
    /// Replaced as a whole, so that calls never wait while a blacklist is loaded.
    blacklists: ArcSwap<BTreeMap<String, Arc<Loaded>>>,
    /// Held while a blacklist is loaded: the budget has no memory for two at a time.
    loading: Mutex<()>,
}

impl Node {
    pub(crate) fn new(options: NodeOptions) -> Node {
        Node::with_code(options, MATCHER)
    }

    /// Creates a node with another component than the matcher; tests have hostile ones.
    pub(crate) fn with_code(options: NodeOptions, code: Code) -> Node {
        Node { options, code, blacklists: ArcSwap::default(), loading: Mutex::default() }
    }

    /// Returns the blacklist with this name.
    pub(crate) fn blacklist(&self, name: &str) -> Result<Arc<Loaded>, Failure> {
        self.blacklists.load().get(name).cloned().ok_or_else(|| missing(name))
    }

    /// Verifies a file, and returns its contents and the memory it needs.
    pub(crate) fn inspect(&self, path: &Path) -> Result<Value, Failure> {
        let blacklist = self.open(path)?;
        let mut by_type = Map::new();
        for kind in EntryType::ALL {
            // The three kinds of digests are one type.
            let before = by_type.get(kind.stix_name()).and_then(Value::as_u64).unwrap_or(0);
            let count = before + u64::from(blacklist.count(Role::Block, kind));
            if count > 0 {
                by_type.insert(kind.stix_name().to_owned(), json!(count));
            }
        }
        let mut fields = described(&blacklist);
        fields.insert("name".to_owned(), json!(blacklist.name()));
        fields.insert("by_type".to_owned(), Value::Object(by_type));
        fields.insert("needs_bytes".to_owned(), json!(needed_bytes(&blacklist)));
        Ok(Value::Object(fields))
    }

    /// Loads the blacklist in a file under a name. After a failure the previous one stays in use.
    pub(crate) fn load(&self, name: &str, path: &Path) -> Result<(), Failure> {
        // The lock guards no data, so a panic cannot leave any half changed.
        let _one_at_a_time = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let blacklist = self.open(path)?;
        if blacklist.name() != name {
            let message = format!(
                "{}: expected the blacklist {name:?}, got {:?}; build it with that name",
                path.display(),
                blacklist.name()
            );
            return Err(Failure::new(Kind::Name, message));
        }
        let known = self.blacklists.load().get(name).cloned();
        let serving = known.as_ref().and_then(|known| known.runner.blacklist());
        if serving.is_some_and(|serving| serving.digest() == blacklist.digest()) {
            return Ok(());
        }
        require_room(&blacklist, self.held_bytes(), self.options.memory_limit_bytes)?;
        let loaded = match known {
            Some(loaded) => loaded,
            None => {
                let runner = Runner::with_code(self.options.runner.clone(), self.code)?;
                let deadline = self.options.runner.deadline;
                Arc::new(Loaded {
                    runner,
                    name: name.to_owned(),
                    deadline,
                    documents: AtomicU64::new(0),
                })
            }
        };
        loaded.runner.load(Arc::new(blacklist))?;
        self.blacklists.rcu(|blacklists| {
            let mut blacklists = BTreeMap::clone(blacklists);
            blacklists.insert(name.to_owned(), Arc::clone(&loaded));
            blacklists
        });
        Ok(())
    }

    /// Drops a blacklist once its last call has ended. Returns whether there was one.
    pub(crate) fn unload(&self, name: &str) -> bool {
        let before = self.blacklists.rcu(|blacklists| {
            let mut blacklists = BTreeMap::clone(blacklists);
            blacklists.remove(name);
            blacklists
        });
        before.contains_key(name)
    }

    /// The loaded blacklists with their counters.
    pub(crate) fn status(&self) -> Value {
        let blacklists: Map<String, Value> = self
            .blacklists
            .load()
            .iter()
            .filter_map(|(name, loaded)| Some((name.clone(), Value::Object(status(loaded)?))))
            .collect();
        json!({
            "library": env!("CARGO_PKG_VERSION"),
            "normaliser": NORMALISER,
            "format": FORMAT,
            "memory_limit_bytes": self.options.memory_limit_bytes,
            "memory_bytes": self.held_bytes(),
            "blacklists": blacklists,
        })
    }

    fn open(&self, path: &Path) -> Result<Blacklist<MemoryFile>, Failure> {
        let left = self.options.memory_limit_bytes.saturating_sub(self.held_bytes());
        Blacklist::open(file::read(path, left)?, self.options.trusted_key.as_ref()).map_err(
            |error| {
                let Failure { kind, message } = error.into();
                Failure::new(kind, format!("{}: {message}", path.display()))
            },
        )
    }

    fn held_bytes(&self) -> u64 {
        self.blacklists.load().values().map(|loaded| loaded.held_bytes()).sum()
    }
}

fn missing(name: &str) -> Failure {
    Failure::new(Kind::NoBlacklist, format!("no blacklist {name:?} is loaded"))
}

fn described(blacklist: &Blacklist<MemoryFile>) -> Map<String, Value> {
    let digest: String = blacklist.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut fields = Map::new();
    fields.insert("generation".to_owned(), json!(blacklist.generation()));
    fields.insert("digest".to_owned(), json!(digest));
    fields.insert("signed".to_owned(), json!(blacklist.is_signed()));
    fields.insert("bytes".to_owned(), json!(blacklist.file_bytes()));
    fields.insert("entries".to_owned(), json!(blacklist.blocked()));
    fields
}

/// Returns `None` if nothing is loaded yet. Blacklists in the map always are.
fn status(loaded: &Loaded) -> Option<Map<String, Value>> {
    let blacklist = loaded.runner.blacklist()?;
    let counters = loaded.runner.counters();
    let mut fields = described(&blacklist);
    for (name, count) in [
        ("memory_bytes", loaded.held_bytes()),
        ("documents", loaded.documents.load(Ordering::Relaxed)),
        ("observables", counters.observables),
        ("hits", counters.hits),
        ("suppressed", counters.suppressed),
        ("traps", counters.traps),
        ("deadlines", counters.deadlines),
        ("memory_refusals", counters.memory_refusals),
        ("other_errors", counters.other_errors),
        ("batches", counters.batches),
        ("nanoseconds", counters.nanoseconds),
        ("instances", counters.instances),
    ] {
        fields.insert(name.to_owned(), json!(count));
    }
    Some(fields)
}
