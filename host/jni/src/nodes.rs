//! Handles: the numbers by which Java names nodes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;

use crate::failure::{Failure, Kind};
use crate::node::Node;

/// All open nodes. A handle is a key and no address, so that a wrong or closed one is an error and nothing worse.
static NODES: LazyLock<ArcSwap<BTreeMap<i64, Arc<Node>>>> = LazyLock::new(ArcSwap::default);

/// Gives a node a handle: never 0, and never one that was given before.
pub(crate) fn open(node: Node) -> i64 {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    let handle = NEXT.fetch_add(1, Ordering::Relaxed);
    let node = Arc::new(node);
    NODES.rcu(|nodes| {
        let mut nodes = BTreeMap::clone(nodes);
        nodes.insert(handle, Arc::clone(&node));
        nodes
    });
    handle
}

/// Forgets a handle; its node goes away with the last call that uses it.
pub(crate) fn close(handle: i64) {
    NODES.rcu(|nodes| {
        let mut nodes = BTreeMap::clone(nodes);
        nodes.remove(&handle);
        nodes
    });
}

/// The node of that handle.
pub(crate) fn get(handle: i64) -> Result<Arc<Node>, Failure> {
    NODES.load().get(&handle).cloned().ok_or_else(|| {
        Failure::new(Kind::Internal, format!("handle {handle} is not open, or closed already"))
    })
}
