//! Conjunctions: drops comparisons that add nothing, and reduces the others.

use threatsieve_blacklist::{Conjunction, ConjunctionError, ConjunctionPart, DomainMode, Value};

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
    let claims = atoms.iter().filter_map(|atom| match atom {
        Atom::Is(claim) => Some(claim),
        _ => None,
    });
    let (bases, mut effect) = narrowest(claims);
    if bases.is_empty() {
        return Outcome::Unreduced(why_no_value(atoms));
    }
    let mut names: Vec<(&Path, &str)> = Vec::new();
    // For each base, whether the pattern excludes names below it.
    let mut exact = vec![false; bases.len()];
    for atom in atoms {
        let over = |of: &dyn Fn(&Claim<'_>) -> Effect| over_all(bases.iter().map(|base| of(base)));
        effect = effect.max(match atom {
            Atom::Is(_) => Effect::Implied,
            Atom::IsNot(claim) => {
                for (exact, base) in exact.iter_mut().zip(&bases) {
                    *exact |= excludes_below(&base.value, &claim.value);
                }
                over(&|base| exclusion(base, claim))
            }
            Atom::FileName(path, name) => {
                let is_other = |&(known, other): &(&Path, &str)| known == *path && other != *name;
                let contradicts = names.iter().any(is_other);
                names.push((path, name));
                if contradicts { Effect::Never } else { Effect::Implied }
            }
            Atom::Type(path, types, negated) => over(&|base| typed(base, path, types, *negated)),
            Atom::Exists(path) => over(&|base| existence(base, path)),
            Atom::Never | Atom::Opaque(_) => Effect::Further,
        });
    }
    match effect {
        Effect::Never => return Outcome::Never,
        Effect::Further => return Outcome::Unreduced(Reason::Conjunction),
        Effect::Implied => {}
    }
    let value = |(base, exact): (&&Claim<'_>, bool)| match &base.value {
        // The pattern excludes the names below.
        Value::Domain(name, DomainMode::AtAndBelow) if exact => {
            Value::Domain(name.clone(), DomainMode::Exact)
        }
        value => value.clone(),
    };
    let values: Vec<Value> = bases.iter().zip(exact).map(value).collect();
    match values.as_slice() {
        [only] if names.is_empty() => Outcome::Value(only.clone()),
        _ => together(values, names.into_iter().map(|(_, name)| name)),
    }
}

/// Makes a conjunction of values and names of files. Its values are equal, or addresses in a
/// network.
fn together<'n>(values: Vec<Value>, names: impl Iterator<Item = &'n str>) -> Outcome {
    let is_below = |value: &Value| matches!(value, Value::Domain(_, DomainMode::Below));
    if values.iter().any(is_below) {
        return Outcome::Unreduced(Reason::Conjunction);
    }
    let values = values.into_iter().map(ConjunctionPart::Value);
    let names = names.map(|name| ConjunctionPart::FileName(name.into()));
    Outcome::from(Conjunction::new(values.chain(names).collect()))
}

impl From<Result<Conjunction, ConjunctionError>> for Outcome {
    fn from(made: Result<Conjunction, ConjunctionError>) -> Outcome {
        match made {
            Ok(conjunction) => Outcome::Value(Value::All(conjunction)),
            Err(ConjunctionError::TooMany) => Outcome::Unreduced(Reason::TooComplex),
            // One value at two places: an event does not show that it was seen at both.
            Err(ConjunctionError::Single) => Outcome::Unreduced(Reason::Conjunction),
            Err(ConjunctionError::NoValue | ConjunctionError::FileName) => {
                Outcome::Unreduced(Reason::NoObservable)
            }
        }
    }
}

/// The effect of a comparison on several values: it is implied if it follows from one of them.
fn over_all(effects: impl Iterator<Item = Effect>) -> Effect {
    let mut least = None;
    for effect in effects {
        if effect == Effect::Never {
            return Effect::Never;
        }
        least = Some(least.map_or(effect, |least: Effect| least.min(effect)));
    }
    least.unwrap_or(Effect::Further)
}

/// Returns the claims that imply all others on their paths, and the effect of the others on them. A
/// path that is no list has one.
fn narrowest<'a, 'b>(claims: impl Iterator<Item = &'b Claim<'a>>) -> (Vec<&'b Claim<'a>>, Effect) {
    let (mut bases, mut effect): (Vec<&Claim<'_>>, _) = (Vec::new(), Effect::Implied);
    'claims: for claim in claims {
        for base in bases.iter_mut().filter(|base| base.path == claim.path) {
            match relation(&base.value, &claim.value) {
                Relation::Same | Relation::Inside => continue 'claims,
                Relation::Around => {
                    *base = claim;
                    continue 'claims;
                }
                // One element of a list may be this value and another element that value.
                Relation::Apart if base.place.many => {}
                Relation::Apart => {
                    effect = Effect::Never;
                    continue 'claims;
                }
                Relation::Unclear => {
                    effect = effect.max(Effect::Further);
                    continue 'claims;
                }
            }
        }
        bases.push(claim);
    }
    (bases, effect)
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
        Atom::Is(_) | Atom::FileName(..) | Atom::Type(..) | Atom::Never => Reason::NoObservable,
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
