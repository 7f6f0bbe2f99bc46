//! Conjunctions: drops comparisons that add nothing, and reduces the others.

use threatsieve_blacklist::{DomainMode, Value};

use super::Reason;
use super::atom::{Atom, Claim};
use super::region::{Relation, is_below, relation};
use crate::pattern::{Path, Step};

/// The result of reducing a conjunction.
pub(super) enum Outcome {
    Value(Value),
    /// The conjunction can never hold.
    Never,
    Unreduced(Reason),
}

/// The effect of another comparison on the one with the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    /// It holds whenever the other one does.
    Implied,
    /// It asks for something else as well.
    Further,
    /// The two cannot both hold.
    Never,
}

/// Reduces comparisons that hold together. All of them are different.
pub(super) fn conjunction(atoms: &[&Atom<'_>]) -> Outcome {
    if atoms.iter().any(|atom| matches!(atom, Atom::Never)) {
        return Outcome::Never;
    }
    let claims = || {
        atoms.iter().filter_map(|atom| if let Atom::Is(claim) = atom { Some(claim) } else { None })
    };
    let Some(first) = claims().next() else { return Outcome::Unreduced(why_no_value(atoms)) };
    let (base, mut effect) = narrowest(first, claims());
    let mut exact = false;
    for atom in atoms {
        effect = effect.max(match atom {
            Atom::Is(_) => Effect::Implied,
            Atom::IsNot(claim) => {
                exact |= excludes_below(&base.value, &claim.value);
                exclusion(base, claim)
            }
            Atom::Type(path, names, negated) => typed(base, path, names, *negated),
            Atom::Exists(path) => existence(base, path),
            Atom::Never | Atom::Opaque(_) => Effect::Further,
        });
    }
    match effect {
        Effect::Never => Outcome::Never,
        Effect::Further => Outcome::Unreduced(Reason::Conjunction),
        Effect::Implied => Outcome::Value(match &base.value {
            // The pattern excludes the names below.
            Value::Domain(name, DomainMode::AtAndBelow) if exact => {
                Value::Domain(name.clone(), DomainMode::Exact)
            }
            value => value.clone(),
        }),
    }
}

/// Returns the claim that implies all others on its path, and the effect of the others on it.
fn narrowest<'a, 'b>(
    first: &'b Claim<'a>,
    claims: impl Iterator<Item = &'b Claim<'a>>,
) -> (&'b Claim<'a>, Effect) {
    let (mut base, mut effect) = (first, Effect::Implied);
    for claim in claims {
        effect = effect.max(if claim.path != base.path {
            Effect::Further
        } else {
            match relation(&base.value, &claim.value) {
                Relation::Same | Relation::Inside => Effect::Implied,
                Relation::Around => {
                    base = claim;
                    Effect::Implied
                }
                // One element of a list may be this value and another element that value.
                Relation::Apart if !base.place.many => Effect::Never,
                Relation::Apart | Relation::Unclear => Effect::Further,
            }
        });
    }
    (base, effect)
}

fn exclusion(base: &Claim<'_>, excluded: &Claim<'_>) -> Effect {
    if excluded.path != base.path {
        return Effect::Further;
    }
    match relation(&base.value, &excluded.value) {
        Relation::Apart => Effect::Implied,
        Relation::Same | Relation::Inside if !base.place.many => Effect::Never,
        _ => Effect::Further,
    }
}

fn excludes_below(base: &Value, excluded: &Value) -> bool {
    match (base, excluded) {
        (Value::Domain(base, _), Value::Domain(excluded, _)) => {
            base == excluded || is_below(excluded, base)
        }
        _ => false,
    }
}

/// The effect of a comparison of a `type`. If it is the type of the object with the value, the
/// value's form already says it.
fn typed(base: &Claim<'_>, path: &Path, names: &[&str], negated: bool) -> Effect {
    let (parent, owner) = (path.steps.len() - 1, base.place.object_steps);
    let same = path.object == base.path.object
        && parent == owner
        && path.steps.get(..parent) == base.path.steps.get(..owner);
    match names.contains(&base.object) != negated {
        _ if !same => Effect::Further,
        true => Effect::Implied,
        false if base.place.many => Effect::Further,
        false => Effect::Never,
    }
}

fn existence(base: &Claim<'_>, path: &Path) -> Effect {
    let there: &[Step] = base.path.steps.get(..path.steps.len()).unwrap_or_default();
    if path.object == base.path.object && there == path.steps {
        Effect::Implied
    } else {
        Effect::Further
    }
}

/// The reason why comparisons without values give none.
fn why_no_value(atoms: &[&Atom<'_>]) -> Reason {
    let reason = |atom: &Atom<'_>| match atom {
        Atom::Is(_) | Atom::Type(..) | Atom::Never => Reason::NoObservable,
        Atom::IsNot(_) => Reason::Negation,
        Atom::Exists(_) => Reason::Existence,
        Atom::Opaque(reason) => reason.clone(),
    };
    let companion = |atom: &&&Atom<'_>| matches!(atom, Atom::Type(..) | Atom::Exists(_));
    let mut telling = atoms.iter().filter(|atom| !companion(atom)).map(|atom| reason(atom));
    match telling.next() {
        Some(first) if telling.all(|other| other == first) => first,
        Some(_) => Reason::Conjunction,
        None if atoms.len() == 1 => reason(atoms[0]),
        None => Reason::Conjunction,
    }
}
