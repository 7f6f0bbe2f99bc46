//! Conjunctions: values and names of files that only together say that an event is bad.

use std::fmt;

use super::Value;

/// The most parts of a conjunction.
pub const MAX_PARTS: usize = 32;
/// The longest name of a file in a conjunction, in bytes.
pub const MAX_FILE_NAME_BYTES: usize = 1024;

/// A part of a conjunction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConjunctionPart {
    /// A value that an observable of the event has to have. It is never a conjunction itself.
    Value(Value),
    /// The name of a file, exactly as written. It only counts together with values.
    FileName(Box<str>),
}

/// Parts that an event has to carry all of: at least one value, and at least two parts. They are
/// sorted and distinct.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conjunction(Box<[ConjunctionPart]>);

/// The reason why parts make no conjunction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ConjunctionError {
    /// All parts are equal, so an event with that one value would match.
    #[error("expected at least two different parts")]
    Single,
    /// There are only names of files.
    #[error("expected a value as a part, got only names of files")]
    NoValue,
    /// More than [`MAX_PARTS`].
    #[error("expected at most {MAX_PARTS} parts")]
    TooMany,
    /// A name of a file is empty, longer than [`MAX_FILE_NAME_BYTES`], or has a zero byte.
    #[error("expected a file name of 1 to {MAX_FILE_NAME_BYTES} bytes without zeros")]
    FileName,
}

impl Conjunction {
    /// Makes a conjunction of parts in any order. A part that is a conjunction is replaced by its
    /// parts.
    pub fn new(parts: Vec<ConjunctionPart>) -> Result<Conjunction, ConjunctionError> {
        let mut all = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                ConjunctionPart::Value(Value::All(inner)) => all.extend(inner.0),
                ConjunctionPart::FileName(name) if !is_file_name(&name) => {
                    return Err(ConjunctionError::FileName);
                }
                part => all.push(part),
            }
        }
        all.sort_unstable();
        all.dedup();
        match all.as_slice() {
            parts if parts.len() > MAX_PARTS => Err(ConjunctionError::TooMany),
            [] | [ConjunctionPart::FileName(_), ..] => Err(ConjunctionError::NoValue),
            [_] => Err(ConjunctionError::Single),
            _ => Ok(Conjunction(all.into())),
        }
    }

    /// The parts: first the values, then the names of files.
    pub fn parts(&self) -> &[ConjunctionPart] {
        &self.0
    }

    /// The parts that are values.
    pub fn values(&self) -> impl Iterator<Item = &Value> + Clone {
        self.0.iter().filter_map(|part| match part {
            ConjunctionPart::Value(value) => Some(value),
            ConjunctionPart::FileName(_) => None,
        })
    }

    /// Returns the conjunction with other values in place of its own. If that would be no
    /// conjunction, it stays as it is.
    #[must_use]
    pub fn map(&self, each: impl Fn(&Value) -> Value) -> Conjunction {
        let part = |part: &ConjunctionPart| match part {
            ConjunctionPart::Value(value) => ConjunctionPart::Value(each(value)),
            name => name.clone(),
        };
        Conjunction::new(self.0.iter().map(part).collect()).unwrap_or_else(|_| self.clone())
    }

    /// The parts that are names of files.
    pub fn file_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.iter().filter_map(|part| match part {
            ConjunctionPart::Value(_) => None,
            ConjunctionPart::FileName(name) => Some(&**name),
        })
    }
}

fn is_file_name(name: &str) -> bool {
    (1..=MAX_FILE_NAME_BYTES).contains(&name.len()) && !name.contains('\0')
}

/// Writes the parts with `AND` between them.
impl fmt::Display for Conjunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, part) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(" AND ")?;
            }
            match part {
                ConjunctionPart::Value(value) => value.fmt(f)?,
                ConjunctionPart::FileName(name) => write_file_name(f, name)?,
            }
        }
        Ok(())
    }
}

/// Writes the name of a file as a part is shown.
pub(crate) fn write_file_name(out: &mut impl fmt::Write, name: &str) -> fmt::Result {
    write!(out, "file name {name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DomainMode;

    fn domain(name: &str) -> ConjunctionPart {
        ConjunctionPart::Value(Value::domain(name, DomainMode::AtAndBelow).unwrap())
    }

    fn file(name: &str) -> ConjunctionPart {
        ConjunctionPart::FileName(name.into())
    }

    #[test]
    fn parts_are_sorted_and_distinct() {
        let one = Conjunction::new(vec![file("a.exe"), domain("b.com"), domain("a.com")]).unwrap();
        assert_eq!(one.to_string(), "a.com AND b.com AND file name a.exe");
        let nested = Conjunction::new(vec![
            ConjunctionPart::Value(Value::All(one.clone())),
            domain("b.com"),
        ]);
        assert_eq!(nested, Ok(one));
    }

    #[test]
    fn parts_that_make_no_conjunction_are_rejected() {
        use ConjunctionError::*;
        let error = |parts| Conjunction::new(parts).unwrap_err();
        assert_eq!(error(vec![]), NoValue);
        assert_eq!(error(vec![domain("a.com"), domain("A.com")]), Single);
        assert_eq!(error(vec![file("a"), file("b")]), NoValue);
        assert_eq!(error(vec![domain("a.com"), file("")]), FileName);
        assert_eq!(error(vec![domain("a.com"), file("a\0b")]), FileName);
        let many = (0..=MAX_PARTS).map(|number| domain(&format!("a{number}.com"))).collect();
        assert_eq!(error(many), TooMany);
    }
}
