//! Expands `AND` over `OR`.

use std::collections::HashMap;

use super::MAX_EXPANSION;
use super::atom::{Atom, Atoms, atoms};
use crate::pattern::{Comparison, ComparisonKind, Test};

/// The different atoms of an `AND`, each once.
#[derive(Default)]
pub(super) struct Table<'a> {
    pub(super) atoms: Vec<Atom<'a>>,
    numbers: HashMap<String, usize>,
}

impl<'a> Table<'a> {
    /// Expands a comparison to alternatives of atoms that hold together. Returns `None` if there
    /// would be too many.
    pub(super) fn expand(&mut self, comparison: &'a Comparison) -> Option<Vec<Vec<usize>>> {
        match &comparison.kind {
            ComparisonKind::Test(test) => Some(self.enter(test)),
            ComparisonKind::Or(branches) => {
                let (mut alternatives, mut atoms) = (Vec::new(), 0);
                for branch in branches {
                    let mut more = self.expand(branch)?;
                    atoms += total(&more);
                    fits(atoms)?;
                    alternatives.append(&mut more);
                }
                Some(alternatives)
            }
            ComparisonKind::And(operands) => {
                let mut product = vec![Vec::new()];
                for operand in operands {
                    product = multiply(product, self.expand(operand)?)?;
                }
                Some(product)
            }
        }
    }

    fn enter(&mut self, test: &'a Test) -> Vec<Vec<usize>> {
        let (all, together) = match atoms(test) {
            Atoms::All(atoms) => (atoms, true),
            Atoms::Any(atoms) => (atoms, false),
        };
        let mut numbers = Vec::with_capacity(all.len());
        let mut other = None;
        for atom in all {
            numbers.push(match (claim_key(&atom), other) {
                (Some(key), _) => self.number(key, atom),
                (None, Some(number)) => number,
                // Written once for each comparison: a set may have very many elements that are not
                // values.
                (None, None) => *other.insert(self.number(format!("{test:?}"), atom)),
            });
        }
        if together {
            vec![numbers]
        } else {
            numbers.into_iter().map(|number| vec![number]).collect()
        }
    }

    fn number(&mut self, key: String, atom: Atom<'a>) -> usize {
        *self.numbers.entry(key).or_insert_with(|| {
            self.atoms.push(atom);
            self.atoms.len() - 1
        })
    }
}

/// The key that tells atoms apart: values as the product compares them. All other atoms are
/// compared as written.
fn claim_key(atom: &Atom<'_>) -> Option<String> {
    match atom {
        Atom::Is(claim) => Some(format!("{}={:?}", claim.path, claim.value)),
        Atom::IsNot(claim) => Some(format!("{}!={:?}", claim.path, claim.value)),
        Atom::FileName(path, name) => Some(format!("{path}={name:?}")),
        _ => None,
    }
}

fn total(alternatives: &[Vec<usize>]) -> usize {
    alternatives.iter().map(Vec::len).sum()
}

fn fits(atoms: usize) -> Option<()> {
    (atoms <= MAX_EXPANSION).then_some(())
}

/// Combines each alternative on the left with each on the right.
fn multiply(mut left: Vec<Vec<usize>>, right: Vec<Vec<usize>>) -> Option<Vec<Vec<usize>>> {
    fits(
        total(&left)
            .checked_mul(right.len())?
            .checked_add(total(&right).checked_mul(left.len())?)?,
    )?;
    if let [only] = right.as_slice() {
        left.iter_mut().for_each(|one| one.extend(only));
        return Some(left);
    }
    Some(
        left.iter()
            .flat_map(|one| right.iter().map(move |other| [one.as_slice(), other].concat()))
            .collect(),
    )
}
