//! The values that an index can map as one field, when it maps fields by their first values. The
//! ingest processor has the same rules.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// The type that an index gives to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Type {
    Text,
    /// A text that the index takes for a date.
    Date,
    /// A number or a truth value.
    Other,
}

#[derive(Debug, Default)]
struct Shapes {
    objects: HashSet<String>,
    leaves: HashMap<String, HashSet<Type>>,
}

/// Returns whether one field can hold both: the values in the event, which the index maps first,
/// and those to add.
pub(crate) fn map_together(first: &[Value], added: &[Value]) -> bool {
    let (before, after) = (Shapes::of(first), Shapes::of(added));
    before.leaves.keys().all(|leaf| !after.objects.contains(leaf))
        && after.leaves.keys().all(|leaf| !before.objects.contains(leaf))
        && before.leaves.iter().all(|(leaf, first)| takes(first, after.leaves.get(leaf)))
}

/// Returns whether a field of the first types takes the added ones. With a text among the first
/// values it is a text field, or the index rejects the event whatever is added.
fn takes(first: &HashSet<Type>, added: Option<&HashSet<Type>>) -> bool {
    let Some(added) = added else { return true };
    first.contains(&Type::Text) || *first == HashSet::from([Type::Date]) && added == first
}

impl Shapes {
    fn of(values: &[Value]) -> Shapes {
        let mut shapes = Shapes::default();
        for value in values {
            shapes.add("", value);
        }
        shapes
    }

    fn add(&mut self, path: &str, value: &Value) {
        match value {
            Value::Null => {}
            Value::Object(object) => {
                self.objects.insert(path.to_owned());
                let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
                for (key, inner) in object {
                    let name = format!("{prefix}{key}");
                    // A dotted key `a.b` is inside an object `a`.
                    for (dot, _) in name.match_indices('.').filter(|(dot, _)| *dot > prefix.len()) {
                        self.objects.insert(name[..dot].to_owned());
                    }
                    self.add(&name, inner);
                }
            }
            Value::Array(all) => all.iter().for_each(|one| self.add(path, one)),
            value => _ = self.leaves.entry(path.to_owned()).or_default().insert(type_of(value)),
        }
    }
}

/// OpenSearch detects dates that start with a year and continue with the month, or end there.
fn type_of(value: &Value) -> Type {
    let Some(text) = value.as_str() else { return Type::Other };
    let (year, rest) = text.split_at_checked(4).unwrap_or(("", text));
    let is_year = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    match is_year && (rest.is_empty() || rest.starts_with(['-', '/', 'T'])) {
        true => Type::Date,
        false => Type::Text,
    }
}
