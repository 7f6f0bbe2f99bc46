//! Observables and their objects, alone, composed and by reference.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use threatsieve_blacklist::UrlMode;

use super::node::Node;
use super::object::properties;
use super::tree::Element;
use crate::reduce::Reason;

/// Everything with an id that a reference may lead to, and the ids that references name.
pub(super) struct Parts {
    pub(super) definitions: HashMap<Box<str>, Arc<Node>>,
    pub(super) referenced: HashSet<Box<str>>,
    url_mode: UrlMode,
}

impl Parts {
    pub(super) fn new(url_mode: UrlMode) -> Parts {
        Parts { definitions: HashMap::new(), referenced: HashSet::new(), url_mode }
    }

    /// Reads an observable.
    pub(super) fn observable(&mut self, element: &Element) -> Node {
        if let Some(id) = element.attribute("idref") {
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
        if let Some(id) = element.attribute("idref") {
            return self.reference(id);
        }
        for related in element.all("Related_Objects").flat_map(|all| all.all("Related_Object")) {
            // Only its id matters here.
            if related.attribute("idref").is_none() {
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
        self.definitions.insert(id.into(), Arc::clone(&node));
        Node::Shared(node)
    }

    pub(super) fn reference(&mut self, id: &str) -> Node {
        self.referenced.insert(id.into());
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
