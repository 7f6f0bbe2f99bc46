//! Reads a line's wanted fields without building the rest.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::names::{Names, Node};
use crate::fields::Role;
use crate::malformed::MalformedLine;

/// An item found in a line, in the line's order.
#[derive(Debug)]
pub(super) enum Found<'de> {
    /// A value of the field with this index.
    Value(u32, Cow<'de, str>),
    /// The event ends. Another may follow in the same line's array.
    EventEnd,
}

/// Reads a line. Within wanted fields, nesting deeper than serde_json's limit of 128 is rejected.
pub(super) fn read<'de>(names: &Names, text: &'de str) -> Result<Vec<Found<'de>>, MalformedLine> {
    let mut found = Vec::with_capacity(16);
    let mut reader = serde_json::Deserializer::from_str(text);
    let root = Events { names, found: &mut found };
    root.deserialize(&mut reader).and_then(|()| reader.end()).map_err(|error| {
        MalformedLine::Json {
            column: error.column(),
            expected: match error.classify() {
                Category::Eof => "more: the object ends early",
                Category::Data => "a JSON object",
                Category::Syntax | Category::Io => "valid JSON",
            },
        }
    })?;
    Ok(found)
}

/// A line: an event, or an array of events.
struct Events<'s, 'de> {
    names: &'s Names,
    found: &'s mut Vec<Found<'de>>,
}

impl<'de> DeserializeSeed<'de> for Events<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Events<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Inside { names: self.names, node: Names::ROOT, found: self.found }.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while events.next_element_seed(Events { names: self.names, found: self.found })?.is_some() {
        }
        Ok(())
    }
}

/// The value at a node of the tree of wanted names.
struct Inside<'s, 'de> {
    names: &'s Names,
    node: Node,
    found: &'s mut Vec<Found<'de>>,
}

impl<'de> Inside<'_, 'de> {
    fn value(self, value: Cow<'de, str>) {
        if let Some(field) = self.names.ends(self.node) {
            self.found.push(Found::Value(field, value));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Inside<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inside<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<(), E> {
        self.value(Cow::Borrowed(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.value(Cow::Owned(value.to_owned()));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        // Of the wanted fields only ports are numbers.
        self.value(Cow::Owned(value.to_string()));
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        let Inside { names, node, found } = self;
        let before = found.len();
        while values.next_element_seed(Inside { names, node, found })?.is_some() {}
        if let Some(field) = names.ends(node)
            && names.field(field).role == Role::Text
        {
            join_bytes(field, before, found);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Inside { names, node, found } = self;
        while let Some(child) = map.next_key_seed(Key { names, node })? {
            match child {
                Some(node) => map.next_value_seed(Inside { names, node, found })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if node == Names::ROOT {
            found.push(Found::EventEnd);
        }
        Ok(())
    }
}

/// Joins the elements of a text if they are the numbers of its bytes. systemd's journal writes a
/// text that is not printable in this way.
fn join_bytes(field: u32, before: usize, found: &mut Vec<Found<'_>>) {
    let bytes: Option<Vec<u8>> = found[before..]
        .iter()
        .map(|found| match found {
            Found::Value(of, number) if *of == field => number.parse().ok(),
            _ => None,
        })
        .collect();
    if let Some(bytes) = bytes.filter(|bytes| bytes.len() > 1) {
        found.truncate(before);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        found.push(Found::Value(field, Cow::Owned(text)));
    }
}

/// A key: the node it leads to, if a wanted name is there.
struct Key<'s> {
    names: &'s Names,
    node: Node,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<Node>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Node>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<Node>, E> {
        Ok(self.names.below(self.node, key.as_bytes()))
    }
}
