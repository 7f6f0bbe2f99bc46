//! `AND` multiplied out over `OR`.

use std::collections::HashMap;

use super::MAX_EXPANSION;
use super::atom::{Atom, Atoms, atoms};
use crate::pattern::{Comparison, ComparisonKind, Test};

/// The atoms of an `AND`, the same comparison once.
#[derive(Default)]
pub(super) struct Table<'a> {
    pub(super) atoms: Vec<Atom<'a>>,
    numbers: HashMap<String, usize>,
}

impl<'a> Table<'a> {
    /// The comparison as alternatives of atoms that hold together, or `None` if that would be too many.
    pub(super) fn expand(&mut self, comparison: &'a Comparison) -> Option<Vec<Vec<usize>>> {
        match &comparison.kind {
            ComparisonKind::Test(test) => Some(self.enter(test)),
            ComparisonKind::Or(branches) => {
                let mut alternatives = Vec::new();
                for branch in branches {
                    alternatives.append(&mut self.expand(branch)?);
                    fits(total(&alternatives))?;
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
        let numbers: Vec<usize> = all.into_iter().map(|atom| self.number(test, atom)).collect();
        if together { vec![numbers] } else { numbers.into_iter().map(|number| vec![number]).collect() }
    }

    /// The number of an atom. Values are told apart as the product compares them, all else as it is written.
    fn number(&mut self, test: &Test, atom: Atom<'a>) -> usize {
        let key = match &atom {
            Atom::Is(claim) => format!("{}={:?}", claim.path, claim.value),
            Atom::IsNot(claim) => format!("{}!={:?}", claim.path, claim.value),
            _ => format!("{test:?}"),
        };
        *self.numbers.entry(key).or_insert_with(|| {
            self.atoms.push(atom);
            self.atoms.len() - 1
        })
    }
}

fn total(alternatives: &[Vec<usize>]) -> usize {
    alternatives.iter().map(Vec::len).sum()
}

fn fits(atoms: usize) -> Option<()> {
    (atoms <= MAX_EXPANSION).then_some(())
}

/// Each of the one together with each of the other.
fn multiply(mut left: Vec<Vec<usize>>, right: Vec<Vec<usize>>) -> Option<Vec<Vec<usize>>> {
    fits(total(&left).checked_mul(right.len())?.checked_add(total(&right).checked_mul(left.len())?)?)?;
    if let [only] = right.as_slice() {
        left.iter_mut().for_each(|one| one.extend(only));
        return Some(left);
    }
    Some(
        left.iter().flat_map(|one| right.iter().map(move |other| [one.as_slice(), other].concat())).collect(),
    )
}
