//! Statements about observables, and their reduction to values.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use threatsieve_blacklist::{Port, Timestamp, Value};

use super::Packages;
use super::statement::Statement;
use crate::reduce::Reason;
use crate::stix::{ReferenceError, UnreducedReason};
use crate::text::cut;

/// The longest chain of references.
const MAX_CHAIN: usize = 64;
/// The most nodes that are visited in one reduction of all packages. Only packages that refer to
/// large compositions from very many places come near it.
const MAX_VISITS: u64 = 64 * 1024 * 1024;

/// The validity of a value; `stop` itself is outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Window {
    pub(super) start: Option<Timestamp>,
    pub(super) stop: Option<Timestamp>,
}

impl Window {
    /// Returns the time that both windows cover.
    fn and(self, other: Window) -> Window {
        Window {
            start: self.start.max(other.start),
            stop: [self.stop, other.stop].into_iter().flatten().min(),
        }
    }

    fn is_empty(self) -> bool {
        matches!((self.start, self.stop), (Some(start), Some(stop)) if start >= stop)
    }
}

/// The events that values are limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Limit {
    pub(super) window: Window,
    pub(super) port: Option<Port>,
}

/// A statement about an event. Conjunctions and negations are rejected when they are read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// A value, and the port with which it is named.
    Value(Value, Option<Port>),
    /// A part that gives no values: its text and the reason.
    Nothing(String, UnreducedReason),
    /// The observable, object or indicator with this id, in any package.
    Reference(Box<str>),
    /// An element with an id, which others may refer to.
    Shared(Arc<Node>),
    Any(Vec<Node>),
    /// An object without a condition: what was seen. Only an indicator makes it a pattern.
    Instance(Box<Node>),
    During(Vec<Window>, Box<Node>),
}

impl Node {
    pub(super) fn nothing(text: impl Into<String>, reason: Reason) -> Node {
        Node::Nothing(cut(&text.into()), UnreducedReason::Part(reason))
    }

    /// Joins nodes of which each alone is enough.
    pub(super) fn any(nodes: Vec<Node>) -> Node {
        one(nodes).unwrap_or_else(Node::Any)
    }

    /// Joins nodes that have to hold together. Repetitions add nothing.
    pub(super) fn all(nodes: Vec<Node>) -> Node {
        let is_seen = |node: &Node| matches!(node, Node::Instance(_));
        let seen = !nodes.is_empty() && nodes.iter().all(is_seen);
        let node = one(nodes).unwrap_or_else(|nodes| {
            let text: Vec<String> = nodes.iter().take(8).map(Node::text).collect();
            Node::nothing(text.join(" AND "), Reason::Conjunction)
        });
        match node {
            Node::Nothing(..) if seen => Node::Instance(Box::new(node)),
            node => node,
        }
    }

    /// Adds a port to the values that have none.
    pub(super) fn with_port(self, port: Port) -> Node {
        match self {
            Node::Value(value, None) => Node::Value(value, Some(port)),
            Node::Any(nodes) => {
                Node::Any(nodes.into_iter().map(|node| node.with_port(port)).collect())
            }
            node => node,
        }
    }

    /// Excludes what the node says.
    pub(super) fn negated(self) -> Node {
        let node = Node::nothing(format!("NOT {}", self.text()), Reason::Negation);
        match self {
            Node::Instance(_) => Node::Instance(Box::new(node)),
            _ => node,
        }
    }

    /// Returns whether it may be a pattern even without an indicator: it has a condition, or refers
    /// to something that may have one.
    pub(super) fn may_be_pattern(&self) -> bool {
        match self {
            Node::Value(..) | Node::Nothing(..) | Node::Reference(_) => true,
            Node::Instance(_) => false,
            Node::Shared(node) => node.may_be_pattern(),
            Node::During(_, node) => node.may_be_pattern(),
            Node::Any(nodes) => nodes.iter().any(Node::may_be_pattern),
        }
    }

    /// Describes the node in a few words.
    fn text(&self) -> String {
        match self {
            Node::Value(value, None) => cut(&value.to_string()),
            Node::Value(value, Some(port)) => cut(&format!("{value} port {}", port.number)),
            Node::Nothing(text, _) => text.clone(),
            Node::Reference(id) => cut(&format!("idref {id}")),
            Node::Shared(node) => node.text(),
            Node::Instance(node) | Node::During(_, node) => node.text(),
            Node::Any(nodes) => {
                let text: Vec<String> = nodes.iter().take(8).map(Node::text).collect();
                cut(&text.join(" OR "))
            }
        }
    }
}

/// Returns the only node, if all are the same. There must be one at least.
fn one(mut nodes: Vec<Node>) -> Result<Node, Vec<Node>> {
    match nodes.split_first() {
        Some((first, rest)) if rest.iter().all(|node| node == first) => Ok(nodes.swap_remove(0)),
        _ => Err(nodes),
    }
}

/// The definitions that references lead to.
pub(super) struct Definitions<'a> {
    packages: &'a Packages,
    latest: Timestamp,
    visits: u64,
}

/// The values of a statement, and its parts without values.
#[derive(Default)]
pub(super) struct Reduction {
    pub(super) values: IndexMap<Limit, Vec<Value>>,
    pub(super) rejected: Vec<(String, UnreducedReason)>,
}

impl<'a> Definitions<'a> {
    pub(super) fn new(packages: &'a Packages, latest: Timestamp) -> Self {
        Definitions { packages, latest, visits: 0 }
    }

    /// Reduces a statement to values of which each alone is enough.
    pub(super) fn reduce(&mut self, id: &'a str, statement: &'a Statement) -> Reduction {
        let mut visit = Visit {
            definitions: self,
            with_instances: statement.is_indicator,
            open: vec![id],
            done: HashSet::new(),
            values: IndexSet::new(),
            rejected: Vec::new(),
            is_cut: false,
        };
        visit.node(&statement.node, Window::default());
        let mut reduction = Reduction { rejected: visit.rejected, ..Reduction::default() };
        for (value, limit) in visit.values {
            reduction.values.entry(limit).or_default().push(value);
        }
        reduction
    }

    fn get(&self, id: &str) -> Option<&'a Node> {
        let roots = &self.packages.roots;
        let parts = self.packages.parts.definitions.get(id).map_or(&[][..], |all| all);
        let part = parts
            .iter()
            .filter(|part| roots.counts(part.root))
            .max_by_key(|part| roots.is_new(part.root));
        part.map(|part| &*part.node).or_else(|| {
            let versions = self.packages.statements.get(id)?;
            self.packages.newest(versions, self.latest).map(|statement| &statement.node)
        })
    }
}

struct Visit<'d, 'a> {
    definitions: &'d mut Definitions<'a>,
    /// Objects without a condition count too.
    with_instances: bool,
    /// The ids that lead to the current node.
    open: Vec<&'a str>,
    /// What was visited: a second visit would add nothing.
    done: HashSet<(&'a str, Window)>,
    values: IndexSet<(Value, Limit)>,
    rejected: Vec<(String, UnreducedReason)>,
    /// The rest was left out.
    is_cut: bool,
}

impl<'a> Visit<'_, 'a> {
    fn node(&mut self, node: &'a Node, window: Window) {
        if self.definitions.visits >= MAX_VISITS {
            if !std::mem::replace(&mut self.is_cut, true) {
                self.reject(node, Reason::TooComplex.into());
            }
            return;
        }
        self.definitions.visits += 1;
        match node {
            Node::Value(..) if window.is_empty() => {
                self.reject(node, Reason::Contradiction.into());
            }
            Node::Value(value, port) => {
                self.values.insert((value.clone(), Limit { window, port: *port }));
            }
            Node::Nothing(_, reason) => self.reject(node, reason.clone()),
            Node::Reference(id) => self.reference(id, node, window),
            Node::Shared(node) => self.node(node, window),
            Node::Any(nodes) => nodes.iter().for_each(|node| self.node(node, window)),
            Node::Instance(node) if self.with_instances => self.node(node, window),
            Node::Instance(_) => {}
            Node::During(windows, node) => {
                windows.iter().for_each(|other| self.node(node, window.and(*other)));
            }
        }
    }

    fn reference(&mut self, id: &'a str, node: &'a Node, window: Window) {
        let Some(target) = self.definitions.get(id) else {
            return self.reject(node, ReferenceError::Unresolved.into());
        };
        if self.open.contains(&id) {
            return self.reject(node, ReferenceError::Cycle.into());
        }
        if self.open.len() > MAX_CHAIN {
            return self.reject(node, ReferenceError::Chain { limit: MAX_CHAIN }.into());
        }
        if self.done.insert((id, window)) {
            self.open.push(id);
            self.node(target, window);
            self.open.pop();
        }
    }

    fn reject(&mut self, node: &Node, reason: UnreducedReason) {
        self.rejected.push((node.text(), reason));
    }
}
