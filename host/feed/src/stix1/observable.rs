//! Observables and their objects, alone, composed and by reference.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use threatsieve_blacklist::UrlMode;

use super::node::Node;
use super::object::properties;
use super::tree::Element;
use crate::reduce::Reason;

/// A part of a package, with the number of the outermost package that it is in.
pub(super) struct Definition {
    pub(super) root: usize,
    pub(super) node: Arc<Node>,
}

/// Everything with an id that a reference may lead to, and the ids that references name.
pub(super) struct Parts {
    /// For each id its definitions in different packages, usually one.
    pub(super) definitions: HashMap<Box<str>, Vec<Definition>>,
    pub(super) referenced: HashSet<Box<str>>,
    /// The number of definitions.
    count: usize,
    /// The number of the current outermost package, and the ids in it.
    root: usize,
    defines: HashSet<Box<str>>,
    refers: HashSet<Box<str>>,
    url_mode: UrlMode,
}

impl Parts {
    pub(super) fn new(url_mode: UrlMode) -> Parts {
        Parts {
            definitions: HashMap::new(),
            referenced: HashSet::new(),
            count: 0,
            root: 0,
            defines: HashSet::new(),
            refers: HashSet::new(),
            url_mode,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count + self.referenced.len()
    }

    /// Begins an outermost package.
    pub(super) fn begin_package(&mut self, root: usize) {
        self.root = root;
        self.defines.clear();
        self.refers.clear();
    }

    /// Ends the outermost package. Returns the ids that it defines, and those that it refers to and
    /// does not define.
    pub(super) fn end_package(&mut self) -> (Vec<String>, Vec<String>) {
        let defines = std::mem::take(&mut self.defines);
        let mut refers = std::mem::take(&mut self.refers);
        refers.retain(|id| !defines.contains(id));
        let sorted = |ids: HashSet<Box<str>>| {
            let mut ids: Vec<String> = ids.into_iter().map(String::from).collect();
            ids.sort_unstable();
            ids
        };
        (sorted(defines), sorted(refers))
    }

    /// Notes that the current package has an indicator with this id, which a reference may name.
    pub(super) fn has_indicator(&mut self, id: &str) {
        self.defines.insert(id.into());
    }

    /// Reads an observable.
    pub(super) fn observable(&mut self, element: &Element) -> Node {
        if let Some(id) = element.reference() {
            return self.reference(id);
        }
        let node = if let Some(composition) = element.child("Observable_Composition") {
            let nodes = composition.all("Observable").map(|one| self.observable(one)).collect();
            composed(composition, nodes)
        } else if let Some(object) = element.child("Object") {
            self.object(object)
        } else {
            let text = match element.child("Event") {
                Some(_) => "an event",
                None => "an observable without an object",
            };
            instance(text)
        };
        let node = if element.is("negate") { node.negated() } else { node };
        self.define(element, node)
    }

    /// Reads an object. The objects related to it are not alternatives, but they may be referred
    /// to.
    fn object(&mut self, element: &Element) -> Node {
        if let Some(id) = element.reference() {
            return self.reference(id);
        }
        for related in element.all("Related_Objects").flat_map(|all| all.all("Related_Object")) {
            // Only its id matters here.
            if related.reference().is_none() {
                self.object(related);
            }
        }
        let node = match element.child("Properties") {
            Some(found) => match found.attribute("object_reference") {
                Some(id) => self.reference(id),
                None => properties(found, self.url_mode),
            },
            None => instance("an object without properties"),
        };
        self.define(element, node)
    }

    /// Makes a node available to references, if its element has an id.
    pub(super) fn define(&mut self, element: &Element, node: Node) -> Node {
        let Some(id) = element.attribute("id") else { return node };
        let node = Arc::new(node);
        let definition = Definition { root: self.root, node: Arc::clone(&node) };
        let known = self.definitions.entry(id.into()).or_default();
        match known.iter_mut().find(|known| known.root == self.root) {
            Some(known) => *known = definition,
            None => {
                known.push(definition);
                self.count += 1;
            }
        }
        self.defines.insert(id.into());
        Node::Shared(node)
    }

    pub(super) fn reference(&mut self, id: &str) -> Node {
        self.referenced.insert(id.into());
        self.refers.insert(id.into());
        Node::Reference(id.into())
    }
}

/// Joins the operands of a composition.
pub(super) fn composed(composition: &Element, nodes: Vec<Node>) -> Node {
    match composition.attribute("operator") {
        _ if nodes.is_empty() => instance("a composition without operands"),
        Some("OR") => Node::any(nodes),
        _ => Node::all(nodes),
    }
}

fn instance(text: &str) -> Node {
    Node::Instance(Box::new(Node::nothing(text, Reason::NoObservable)))
}
