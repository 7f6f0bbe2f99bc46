//! Statements about observables, and their reduction to values.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use threatsieve_blacklist::{
    Conjunction, ConjunctionError, ConjunctionPart, DomainMode, Port, Timestamp, Value,
};

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

/// The most of these visits inside conjunctions, where a node may be visited again and again.
const MAX_JOINED_VISITS: u64 = 1024 * 1024;
/// The most alternatives of one conjunction.
const MAX_ALTERNATIVES: usize = 1000;

/// A part of a conjunction.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Item {
    Value(Value),
    /// The name of a file. It only counts together with values.
    FileName(Box<str>),
}

/// Items that together are enough.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Alternative {
    /// In order, each once.
    items: Vec<Item>,
    limit: Limit,
}

impl Alternative {
    /// Begins a conjunction.
    fn open(window: Window) -> Alternative {
        Alternative { items: Vec::new(), limit: Limit { window, port: None } }
    }

    /// Joins two alternatives; `None` if they cannot hold together, or only for some ports.
    fn and(&self, other: &Alternative) -> Option<Alternative> {
        let mut items = [self.items.as_slice(), &other.items].concat();
        items.sort_unstable();
        items.dedup();
        let window = self.limit.window.and(other.limit.window);
        let port = match (self.limit.port, other.limit.port) {
            (one, two) if one == two || self.items.is_empty() => two,
            (one, two) if items.len() == 1 => one.or(two),
            (one, two) => {
                let is_matched = one.into_iter().chain(two).any(|port| port.is_matched);
                return (!is_matched && !window.is_empty())
                    .then_some(Alternative { items, limit: Limit { window, port: None } });
            }
        };
        (!window.is_empty()).then_some(Alternative { items, limit: Limit { window, port } })
    }
}

/// A statement about an event. Negations are rejected when they are read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// A value, and the port with which it is named.
    Value(Value, Option<Port>),
    /// The name of a file.
    FileName(Box<str>),
    /// A part that gives no values: its text and the reason.
    Nothing(String, UnreducedReason),
    /// The observable, object or indicator with this id, in any package.
    Reference(Box<str>),
    /// An element with an id, which others may refer to.
    Shared(Arc<Node>),
    Any(Vec<Node>),
    /// Nodes that have to hold together.
    All(Vec<Node>),
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
        match one(nodes).unwrap_or_else(Node::All) {
            node @ Node::All(_) if seen => Node::Instance(Box::new(node)),
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
            Node::Value(..) | Node::FileName(_) | Node::Nothing(..) | Node::Reference(_) => true,
            Node::Instance(_) => false,
            Node::Shared(node) => node.may_be_pattern(),
            Node::During(_, node) => node.may_be_pattern(),
            Node::Any(nodes) | Node::All(nodes) => nodes.iter().any(Node::may_be_pattern),
        }
    }

    /// Describes the node in a few words.
    pub(super) fn text(&self) -> String {
        match self {
            Node::Value(value, None) => cut(&value.to_string()),
            Node::Value(value, Some(port)) => cut(&format!("{value} port {}", port.number)),
            Node::FileName(name) => cut(&format!("the file name {name}")),
            Node::Nothing(text, _) => text.clone(),
            Node::Reference(id) => cut(&format!("idref {id}")),
            Node::Shared(node) => node.text(),
            Node::Instance(node) | Node::During(_, node) => node.text(),
            Node::Any(nodes) => joined(nodes, " OR "),
            Node::All(nodes) => joined(nodes, " AND "),
        }
    }
}

fn joined(nodes: &[Node], word: &str) -> String {
    let text: Vec<String> = nodes.iter().take(8).map(Node::text).collect();
    cut(&text.join(word))
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
    /// The visits inside conjunctions.
    joined_visits: u64,
}

/// The values of a statement, and its parts without values.
#[derive(Default)]
pub(super) struct Reduction {
    pub(super) values: IndexMap<Limit, Vec<Value>>,
    pub(super) rejected: Vec<(String, UnreducedReason)>,
}

impl<'a> Definitions<'a> {
    pub(super) fn new(packages: &'a Packages, latest: Timestamp) -> Self {
        Definitions { packages, latest, visits: 0, joined_visits: 0 }
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
            is_joined: false,
        };
        visit.node(&statement.node, Window::default());
        let mut reduction = Reduction { rejected: visit.rejected, ..Reduction::default() };
        for Alternative { items, limit } in visit.values {
            match value(&items, limit) {
                Ok((value, limit)) => reduction.values.entry(limit).or_default().push(value),
                Err(reason) => {
                    let text = items.iter().map(Item::to_string).collect::<Vec<_>>().join(" AND ");
                    reduction.rejected.push((cut(&text), reason.into()));
                }
            }
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
    /// References that were visited: a second visit would add nothing.
    done: HashSet<(&'a str, Window)>,
    values: IndexSet<Alternative>,
    rejected: Vec<(String, UnreducedReason)>,
    /// The rest was left out.
    is_cut: bool,
    /// It is inside a conjunction.
    is_joined: bool,
}

/// Returns the value of items that together are enough.
fn value(items: &[Item], limit: Limit) -> Result<(Value, Limit), Reason> {
    match items {
        [Item::Value(value)] => Ok((value.clone(), limit)),
        [Item::FileName(_)] => Err(Reason::NoObservable),
        _ => together(items).map(|value| (value, limit)),
    }
}

/// Makes a conjunction. Its values are equal, or addresses in a network.
fn together(items: &[Item]) -> Result<Value, Reason> {
    let is_below = |item: &Item| matches!(item, Item::Value(Value::Domain(_, DomainMode::Below)));
    if items.iter().any(is_below) {
        return Err(Reason::Conjunction);
    }
    let parts = items.iter().cloned().map(|item| match item {
        Item::Value(value) => ConjunctionPart::Value(value),
        Item::FileName(name) => ConjunctionPart::FileName(name),
    });
    Conjunction::new(parts.collect()).map(Value::All).map_err(|error| match error {
        ConjunctionError::TooMany => Reason::TooComplex,
        ConjunctionError::Single => Reason::Conjunction,
        ConjunctionError::NoValue | ConjunctionError::FileName => Reason::NoObservable,
    })
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Value(value) => value.fmt(f),
            Item::FileName(name) => write!(f, "the file name {name}"),
        }
    }
}

impl<'a> Visit<'_, 'a> {
    fn node(&mut self, node: &'a Node, window: Window) {
        let is_beyond = self.definitions.visits >= MAX_VISITS
            || self.is_joined && self.definitions.joined_visits >= MAX_JOINED_VISITS;
        if is_beyond {
            if !std::mem::replace(&mut self.is_cut, true) {
                self.reject(node, Reason::TooComplex.into());
            }
            return;
        }
        self.definitions.visits += 1;
        self.definitions.joined_visits += u64::from(self.is_joined);
        match node {
            Node::Value(..) | Node::FileName(_) if window.is_empty() => {
                self.reject(node, Reason::Contradiction.into());
            }
            Node::Value(value, port) => {
                let items = vec![Item::Value(value.clone())];
                self.values.insert(Alternative { items, limit: Limit { window, port: *port } });
            }
            Node::FileName(name) => {
                let items = vec![Item::FileName(name.clone())];
                self.values.insert(Alternative { items, limit: Limit { window, port: None } });
            }
            Node::All(nodes) => self.together(node, nodes, window),
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

    /// Joins each alternative of one node with each of the others.
    fn together(&mut self, node: &Node, nodes: &'a [Node], window: Window) {
        let mut joined: Option<Vec<Alternative>> = None;
        let (mut reasons, mut has_values) = (Vec::new(), false);
        for (place, operand) in nodes.iter().enumerate() {
            if nodes[..place].contains(operand) {
                continue;
            }
            let mut visit = Visit {
                definitions: &mut *self.definitions,
                with_instances: self.with_instances,
                open: self.open.clone(),
                done: HashSet::new(),
                values: IndexSet::new(),
                rejected: Vec::new(),
                is_cut: false,
                is_joined: true,
            };
            visit.node(operand, window);
            let (values, rejected) = (visit.values, visit.rejected);
            has_values |= !values.is_empty();
            if values.is_empty() {
                reasons.extend(rejected.into_iter().map(|(_, reason)| reason));
            } else {
                self.rejected.extend(rejected);
            }
            let before = joined.take().unwrap_or_else(|| vec![Alternative::open(window)]);
            if before.len().saturating_mul(values.len()) > MAX_ALTERNATIVES {
                return self.reject(node, Reason::TooComplex.into());
            }
            let pairs = before.iter().flat_map(|one| values.iter().map(move |two| (one, two)));
            joined = Some(pairs.filter_map(|(one, two)| one.and(two)).collect());
        }
        let joined = joined.unwrap_or_default();
        if joined.is_empty() {
            // Without any value, the reason is that of the parts, if it is the same for all.
            let same = reasons.first().filter(|first| reasons.iter().all(|one| one == *first));
            let reason = same.filter(|_| !has_values).cloned();
            return self.reject(node, reason.unwrap_or_else(|| Reason::Conjunction.into()));
        }
        self.values.extend(joined);
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
