//! Outermost packages: which of several with the same id counts.

use std::collections::HashMap;

use threatsieve_blacklist::Timestamp;

/// The reason for reading a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PackageRole {
    /// It was delivered now.
    #[default]
    New,
    /// It was delivered before. Its indicators are reduced again.
    Again,
    /// It was delivered before. Only what others refer to in it counts.
    Definitions,
}

/// An outermost package.
struct Root {
    role: PackageRole,
    modified: Option<Timestamp>,
    digest: u64,
    /// Another content of the same package counts.
    is_replaced: bool,
}

/// All outermost packages of a set, by number.
#[derive(Default)]
pub(super) struct Roots {
    all: Vec<Root>,
    /// The number of the one that counts, by id.
    newest: HashMap<Box<str>, usize>,
}

impl Roots {
    /// Adds a package, and returns its number.
    pub(super) fn add(&mut self, role: PackageRole, modified: Option<Timestamp>) -> usize {
        self.all.push(Root { role, modified, digest: 0, is_replaced: false });
        self.all.len() - 1
    }

    /// Ends the package that was added last, and returns its time: its own, or the newest of its
    /// indicators. If its id is known with another content, only the newer of the two counts.
    /// Without different times, that is the one that was read last.
    pub(super) fn end(
        &mut self,
        id: Option<&str>,
        digest: u64,
        newest: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let last = self.all.last_mut()?;
        last.digest = digest;
        last.modified = last.modified.or(newest);
        let modified = last.modified;
        if let Some(id) = id {
            self.replace(id);
        }
        modified
    }

    /// Decides between the package that was added last and another content of it.
    fn replace(&mut self, id: &str) {
        let (number, digest) = match self.all.last() {
            Some(last) => (self.all.len() - 1, last.digest),
            None => return,
        };
        let Some(&known) = self.newest.get(id) else {
            self.newest.insert(id.into(), number);
            return;
        };
        if self.all[known].digest == digest {
            return;
        }
        let is_older = match (self.all[known].modified, self.all[number].modified) {
            (Some(known), Some(read)) => read < known,
            _ => false,
        };
        let replaced = if is_older { number } else { known };
        // All copies of the replaced content go with it.
        let content = self.all[replaced].digest;
        if replaced == known {
            self.newest.insert(id.into(), number);
            for root in self.all.iter_mut().filter(|root| root.digest == content) {
                root.is_replaced = true;
            }
        }
        self.all[replaced].is_replaced = true;
    }

    /// Returns whether a package counts: no newer content of it was read.
    pub(super) fn counts(&self, number: usize) -> bool {
        self.all.get(number).is_some_and(|root| !root.is_replaced)
    }

    pub(super) fn is_new(&self, number: usize) -> bool {
        self.all.get(number).is_some_and(|root| root.role == PackageRole::New)
    }

    /// Returns whether the package's own indicators are passed on.
    pub(super) fn emits(&self, number: usize) -> bool {
        self.all.get(number).is_some_and(|root| root.role != PackageRole::Definitions)
    }
}
