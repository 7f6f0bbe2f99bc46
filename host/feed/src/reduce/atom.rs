//! Comparisons, as statements about the values of one place.

use threatsieve_blacklist::{Malformed, Value};

use super::Reason;
use super::place::{self, Place};
use crate::pattern::{Literal, Path, Predicate, Step, Test};
use crate::text::cut;

/// The values that a path may have.
#[derive(Debug, Clone)]
pub(super) struct Claim<'a> {
    pub(super) path: &'a Path,
    pub(super) place: Place,
    pub(super) value: Value,
    /// The STIX type of the object with such a value.
    pub(super) object: &'static str,
}

/// The meaning of a comparison, or of one element of its set.
#[derive(Debug, Clone)]
pub(super) enum Atom<'a> {
    Is(Claim<'a>),
    IsNot(Claim<'a>),
    /// The path of a file's name has this text. It only counts together with values.
    FileName(&'a Path, &'a str),
    /// The object at the path's parent has, or does not have, one of these types.
    Type(&'a Path, Vec<&'a str>, bool),
    /// The path exists.
    Exists(&'a Path),
    /// The condition can never hold.
    Never,
    /// The condition is not understood here.
    Opaque(Reason),
}

/// A comparison as alternatives of atoms that hold together.
pub(super) enum Atoms<'a> {
    Any(Vec<Atom<'a>>),
    All(Vec<Atom<'a>>),
}

/// Returns the meaning of a comparison. `NOT !=` is `=`.
pub(super) fn atoms(test: &Test) -> Atoms<'_> {
    if let Some(names) = type_names(test) {
        let negated = test.negated != matches!(test.predicate, Predicate::NotEqual(_));
        return Atoms::Any(vec![Atom::Type(&test.path, names, negated)]);
    }
    if let Some(names) = file_names(test) {
        return Atoms::Any(names);
    }
    let place = match place::place(&test.path) {
        Ok(place) => place,
        Err(_) if matches!(test.predicate, Predicate::Exists) => return single(existence(test)),
        Err(reason) => return single(Atom::Opaque(reason)),
    };
    let path = &test.path;
    let claim = |(value, object)| Claim { path, place, value, object };
    let is = |negated: bool, found: Result<(Value, &'static str), Reason>| match found {
        Ok(found) if negated => Atom::IsNot(claim(found)),
        Ok(found) => Atom::Is(claim(found)),
        Err(_) if negated => Atom::Opaque(Reason::Negation),
        Err(reason) => Atom::Opaque(reason),
    };
    let equal = |literal: &Literal| match literal {
        Literal::Text(text) => place::value(path, &place, text).map_err(Reason::Unfit),
        other => Err(Reason::Unfit(Malformed { expected: "a text", got: cut(&other.to_string()) })),
    };
    single(match &test.predicate {
        Predicate::Equal(literal) => is(test.negated, equal(literal)),
        Predicate::NotEqual(literal) => is(!test.negated, equal(literal)),
        Predicate::In(set) if set.is_empty() => {
            if test.negated {
                Atom::Opaque(Reason::Negation)
            } else {
                Atom::Never
            }
        }
        Predicate::In(set) => {
            let atoms = set.iter().map(|literal| is(test.negated, equal(literal))).collect();
            return if test.negated { Atoms::All(atoms) } else { Atoms::Any(atoms) };
        }
        Predicate::Like(text) => is(test.negated, place::below(path, &place, text)),
        Predicate::IsSubset(text) => {
            is(test.negated, place::subset(path, &place, text).map_err(Reason::Unfit))
        }
        Predicate::Exists => existence(test),
        _ if test.negated => Atom::Opaque(Reason::Negation),
        Predicate::Matches(_) => Atom::Opaque(Reason::Expression),
        Predicate::IsSuperset(_) => Atom::Opaque(Reason::Superset),
        Predicate::Less(_) | Predicate::LessOrEqual(_) => Atom::Opaque(Reason::Ordering),
        Predicate::Greater(_) | Predicate::GreaterOrEqual(_) => Atom::Opaque(Reason::Ordering),
    })
}

fn single(atom: Atom<'_>) -> Atoms<'_> {
    Atoms::Any(vec![atom])
}

/// The names that a comparison of a file's name allows. Other comparisons of it have no meaning
/// here.
fn file_names(test: &Test) -> Option<Vec<Atom<'_>>> {
    if !place::is_file_name(&test.path) {
        return None;
    }
    let literals = match &test.predicate {
        Predicate::Equal(literal) if !test.negated => std::slice::from_ref(literal),
        Predicate::NotEqual(literal) if test.negated => std::slice::from_ref(literal),
        Predicate::In(literals) if !test.negated && !literals.is_empty() => literals,
        _ => return None,
    };
    let name = |literal| text(literal).map(|name| Atom::FileName(&test.path, name));
    literals.iter().map(name).collect()
}

fn existence(test: &Test) -> Atom<'_> {
    if test.negated { Atom::Opaque(Reason::Negation) } else { Atom::Exists(&test.path) }
}

/// The types that a comparison of a `type` property names. Types of objects without values are left
/// out: nothing asks for them, and a set may be long.
fn type_names(test: &Test) -> Option<Vec<&str>> {
    match test.path.steps.last() {
        Some(Step::Key(key)) if key == "type" => {}
        _ => return None,
    }
    let literals = match &test.predicate {
        Predicate::Equal(literal) | Predicate::NotEqual(literal) => std::slice::from_ref(literal),
        Predicate::In(literals) => literals,
        _ => return None,
    };
    let named: Vec<&str> = literals.iter().map(text).collect::<Option<_>>()?;
    Some(place::OWNERS.into_iter().filter(|owner| named.contains(owner)).collect())
}

fn text(literal: &Literal) -> Option<&str> {
    match literal {
        Literal::Text(text) => Some(text),
        _ => None,
    }
}
