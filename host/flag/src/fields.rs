//! Fields of a JSON object by their dotted names.

use serde_json::{Map, Value};

/// Removes a field and returns it. Its name may be nested or written with dots.
pub fn take(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    if let Some(value) = object.remove(name) {
        return Some(value);
    }
    let (outer, inner) = name.split_once('.')?;
    take(object.get_mut(outer)?.as_object_mut()?, inner)
}

/// Sets a field, nested. If a parent is not an object, the key is written with dots.
pub fn set(object: &mut Map<String, Value>, name: &str, value: Value) {
    take(object, name);
    if let Some((outer, inner)) = name.split_once('.') {
        match object.entry(outer).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(object) => set(object, inner, value),
            _ => {
                object.insert(name.to_owned(), value);
            }
        }
    } else {
        object.insert(name.to_owned(), value);
    }
}
