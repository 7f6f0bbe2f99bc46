//! Handles: the numbers that Java uses for nodes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;

use crate::failure::{Failure, Kind};
use crate::node::Node;

/// All open nodes. A handle is a key and not an address, so a wrong or closed one is only an error.
static NODES: LazyLock<ArcSwap<BTreeMap<i64, Arc<Node>>>> = LazyLock::new(ArcSwap::default);

/// Gives a node a handle, which is never 0 and never reused.
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

/// Forgets a handle. The last call that uses its node frees the node.
pub(crate) fn close(handle: i64) {
    NODES.rcu(|nodes| {
        let mut nodes = BTreeMap::clone(nodes);
        nodes.remove(&handle);
        nodes
    });
}

/// Returns the node with this handle.
pub(crate) fn get(handle: i64) -> Result<Arc<Node>, Failure> {
    NODES.load().get(&handle).cloned().ok_or_else(|| {
        Failure::new(Kind::Internal, format!("handle {handle} is not open, or closed already"))
    })
}
