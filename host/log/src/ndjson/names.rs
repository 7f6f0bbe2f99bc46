//! The wanted names as a tree, which is followed along the nesting of an event.

use crate::fields::{Field, Fields};

/// The index of a node in the tree.
pub(crate) type Node = u32;

#[derive(Debug, Default)]
struct Branch {
    /// The children's names, sorted by length and bytes.
    children: Vec<(Box<[u8]>, Node)>,
    /// The number of children whose names are shorter than `i` bytes, at index `i`.
    shorter: Vec<u32>,
    /// The index of the field whose name ends here.
    field: Option<u32>,
}

/// Nodes that contain an event as it was: the wanted names are searched below them too. `_source`
/// is an exported document, `hits.hits` the result of a search. The others are from Filebeat's
/// modules, its `json` input, and Wazuh.
const EVENTS: [&str; 5] = ["_source", "hits.hits", "suricata.eve", "json", "data"];

/// The wanted fields.
#[derive(Debug)]
pub(crate) struct Names {
    branches: Vec<Branch>,
    fields: Vec<Field>,
}

impl Names {
    pub(crate) const ROOT: Node = 0;

    pub(crate) fn new(fields: &Fields) -> Names {
        let mut names = Names { branches: vec![Branch::default()], fields: fields.list.clone() };
        for (i, field) in fields.list.iter().enumerate() {
            let node = field
                .name
                .split('.')
                .fold(Names::ROOT, |node, part| names.grow(node, part.as_bytes()));
            names.branches[node as usize].field = Some(i as u32);
        }
        EVENTS.iter().for_each(|place| names.hold_event(place));
        names.branches.iter_mut().for_each(Branch::count_lengths);
        names
    }

    /// Searches the wanted names below a node too, unless one of them is the node itself.
    fn hold_event(&mut self, place: &str) {
        let (above, last) = place.rsplit_once('.').unwrap_or(("", place));
        let parts = above.split('.').filter(|part| !part.is_empty());
        let node = parts.fold(Names::ROOT, |node, part| self.grow(node, part.as_bytes()));
        let branch = &mut self.branches[node as usize];
        if let Err(at) = branch.place(last.as_bytes()) {
            branch.children.insert(at, (last.as_bytes().into(), Names::ROOT));
        }
    }

    fn grow(&mut self, node: Node, part: &[u8]) -> Node {
        match self.branches[node as usize].place(part) {
            Ok(child) => child,
            Err(at) => {
                let child = self.branches.len() as Node;
                self.branches.push(Branch::default());
                self.branches[node as usize].children.insert(at, (part.into(), child));
                child
            }
        }
    }

    /// Returns the node of a key below a node. The key is one name, or several with literal dots.
    pub(crate) fn below(&self, node: Node, key: &[u8]) -> Option<Node> {
        let branch = &self.branches[node as usize];
        if let Some(child) = branch.find(key) {
            return Some(child);
        }
        memchr::memchr(b'.', key)?;
        key.split(|&b| b == b'.')
            .try_fold(node, |node, part| self.branches[node as usize].find(part))
    }

    /// Returns the field whose name ends at a node.
    pub(crate) fn ends(&self, node: Node) -> Option<u32> {
        self.branches[node as usize].field
    }

    /// Returns the field with this index.
    pub(crate) fn field(&self, index: u32) -> &Field {
        &self.fields[index as usize]
    }
}

impl Branch {
    /// Returns the child with a name. Few names have the same length, and fewer the same first
    /// byte.
    #[inline]
    fn find(&self, name: &[u8]) -> Option<Node> {
        let from = *self.shorter.get(name.len())? as usize;
        let to = *self.shorter.get(name.len() + 1)? as usize;
        self.children[from..to]
            .iter()
            .find(|(child, _)| child.first() == name.first() && **child == *name)
            .map(|(_, node)| *node)
    }

    /// Fills `shorter`, after which `find` knows the children.
    fn count_lengths(&mut self) {
        let longest = self.children.last().map_or(0, |(name, _)| name.len());
        self.shorter = (0..=longest + 1)
            .map(|len| self.children.partition_point(|(name, _)| name.len() < len) as u32)
            .collect();
    }

    /// Returns the child with a name, or the index where it belongs.
    fn place(&self, part: &[u8]) -> Result<Node, usize> {
        self.children
            .binary_search_by(|(name, _)| {
                name.len().cmp(&part.len()).then_with(|| (**name).cmp(part))
            })
            .map(|at| self.children[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_within_events() {
        let names = Names::new(&Fields::named(["a.b", "data.c"]));
        let below = |keys: &[&str]| {
            let node =
                keys.iter().try_fold(Names::ROOT, |node, key| names.below(node, key.as_bytes()))?;
            names.ends(node)
        };
        for place in
            [&["_source"][..], &["hits", "hits", "_source"], &["suricata", "eve"], &["json"], &[]]
        {
            assert_eq!(below(&[place, &["a", "b"]].concat()), Some(0), "{place:?}");
        }
        assert_eq!(below(&["_source.a.b"]), Some(0));
        // A wanted name of the user is at this node.
        assert_eq!((below(&["data", "a", "b"]), below(&["data", "c"])), (None, Some(1)));
    }

    #[test]
    fn nested_dotted_and_half_dotted() {
        let names = Names::new(&Fields::named(["a.b.c", "a.b", "d"]));
        let name = |keys: &[&str]| {
            let node =
                keys.iter().try_fold(Names::ROOT, |node, key| names.below(node, key.as_bytes()))?;
            names.ends(node).map(|field| names.field(field).name.as_str())
        };
        assert_eq!(name(&["a", "b", "c"]), Some("a.b.c"));
        assert_eq!(name(&["a.b", "c"]), Some("a.b.c"));
        assert_eq!(name(&["a", "b.c"]), Some("a.b.c"));
        assert_eq!(name(&["a.b.c"]), Some("a.b.c"));
        assert_eq!(name(&["a.b"]), Some("a.b"));
        assert_eq!(name(&["d"]), Some("d"));
        for keys in [&["a"][..], &["b"], &["a.b.x"], &["."], &[""], &["d", "d"]] {
            assert_eq!(name(keys), None, "{keys:?}");
        }
    }
}
