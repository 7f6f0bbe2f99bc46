//! Records within a JSON document, at paths such as `data[]`. The document is read as a stream, one
//! record after the other.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use crate::FeedError;

/// The longest record, and all bytes since the one before it.
const MAX_RECORD_BYTES: u64 = 64 * 1024 * 1024;

/// A step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step<'p> {
    Key(&'p str),
    /// `*`: every property.
    EachProperty,
    /// `[]`: every element.
    EachElement,
}

/// Divides a path: `results[].indicators[]`, `*[]`, or nothing for the whole document.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let key = part.trim_end_matches("[]");
        match key {
            "" => {}
            "*" => steps.push(Step::EachProperty),
            key => steps.push(Step::Key(key)),
        }
        steps.extend(vec![Step::EachElement; (part.len() - key.len()) / 2]);
    }
    steps
}

/// Passes each record at any of the paths to `each`.
///
/// # Errors
///
/// The JSON is damaged or truncated, has a record that is too long, or has nothing at the paths.
pub(super) fn records(
    input: &mut dyn BufRead,
    paths: &[&str],
    each: &mut dyn FnMut(&Json),
) -> Result<u64, FeedError> {
    let whole_paths = paths;
    let whole: Vec<Vec<Step<'_>>> = paths.iter().map(|path| steps(path)).collect();
    let paths: Vec<&[Step<'_>]> = whole.iter().map(Vec::as_slice).collect();
    let (left, count, is_found) = (Cell::new(MAX_RECORD_BYTES), Cell::new(0), Cell::new(false));
    let mut input = Limited { input, left: &left, offset: 0 };
    input.skip_mark()?;
    let failed = {
        let mut each = |record: &Json| {
            left.set(MAX_RECORD_BYTES);
            count.set(count.get() + 1);
            each(record);
        };
        let mut reader = serde_json::Deserializer::from_reader(&mut input);
        let at = At { paths, each: &mut each, is_found: &is_found };
        at.deserialize(&mut reader).and_then(|()| reader.end()).err()
    };
    if let Some(error) = failed {
        return Err(match error.is_io() {
            true => FeedError::Read { offset: input.offset, source: error.into() },
            false => FeedError::Json {
                offset: input.offset,
                expected: "JSON with records",
                got: error.to_string(),
                objects: count.get(),
            },
        });
    }
    if !is_found.get() {
        let expected = whole_paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>();
        return Err(FeedError::NoRecords { paths: expected.join(" or ") });
    }
    Ok(count.get())
}

/// The input, with a limit on the bytes between two records.
struct Limited<'r, 'c> {
    input: &'r mut dyn BufRead,
    left: &'c Cell<u64>,
    offset: u64,
}

impl Limited<'_, '_> {
    /// Skips a byte order mark.
    fn skip_mark(&mut self) -> Result<(), FeedError> {
        let start =
            self.input.fill_buf().map_err(|source| FeedError::Read { offset: 0, source })?;
        if start.starts_with(b"\xef\xbb\xbf") {
            self.input.consume(3);
            self.offset = 3;
        }
        Ok(())
    }
}

impl Read for Limited<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.offset += count as u64;
        let left = self.left.get().checked_sub(count as u64).ok_or_else(|| {
            io::Error::other(format!(
                "expected a record of at most {MAX_RECORD_BYTES} bytes, got a longer one"
            ))
        })?;
        self.left.set(left);
        Ok(count)
    }
}

/// A place in the document, with the rest of each path.
struct At<'a, 'p, 'c> {
    paths: Vec<&'p [Step<'p>]>,
    each: &'a mut dyn FnMut(&Json),
    is_found: &'c Cell<bool>,
}

impl<'p> At<'_, 'p, '_> {
    /// Returns the rest of the paths behind a step.
    fn behind(&self, takes: impl Fn(&Step<'p>) -> bool) -> Vec<&'p [Step<'p>]> {
        let rest = |path: &&'p [Step<'p>]| path.split_first().filter(|(step, _)| takes(step));
        self.paths.iter().filter_map(rest).map(|(_, rest)| rest).collect()
    }
}

impl<'de> DeserializeSeed<'de> for At<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        if self.paths.iter().any(|path| path.is_empty()) {
            let record: Json = serde::Deserialize::deserialize(reader)?;
            self.is_found.set(true);
            if !record.is_null() {
                (self.each)(&record);
            }
            return Ok(());
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let paths = self.behind(|step| match step {
                Step::Key(wanted) => *wanted == key,
                Step::EachProperty => true,
                Step::EachElement => false,
            });
            if paths.is_empty() {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(At { paths, each: &mut *self.each, is_found: self.is_found })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let paths = self.behind(|step| *step == Step::EachElement);
        if paths.is_empty() {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        self.is_found.set(true);
        while let Some(()) = seq.next_element_seed(At {
            paths: paths.clone(),
            each: &mut *self.each,
            is_found: self.is_found,
        })? {}
        Ok(())
    }

    /// A list that is `null` has no records.
    fn visit_unit<E>(self) -> Result<(), E> {
        self.is_found.set(true);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, paths: &[&str]) -> String {
        let mut all = Vec::new();
        match records(&mut text.as_bytes(), paths, &mut |record| all.push(record.to_string())) {
            Ok(count) => {
                assert_eq!(count, all.len() as u64);
                all.join(" ")
            }
            Err(error) => format!("{} then {error}", all.join(" ")),
        }
    }

    #[test]
    fn records_are_found_at_their_paths() {
        assert_eq!(found("[1, 2]", &["[]"]), "1 2");
        assert_eq!(found(r#"{"a": [1], "b": [2, 3]}"#, &["*[]"]), "1 2 3");
        assert_eq!(found(r#"{"a": {"b": [1]}, "c": [2]}"#, &["a.b[]"]), "1");
        assert_eq!(
            found(r#"{"x": [{"y": [1]}, {"y": [2]}], "z": [3]}"#, &["x[].y[]", "z[]"]),
            "1 2 3"
        );
        assert_eq!(found(r#"{"a": 1}"#, &[""]), r#"{"a":1}"#);
        assert_eq!(found(r#"{"new": null, "deleted": [1]}"#, &["new[]"]), "");
        assert!(
            found(r#"{"query_status": "no_result", "data": "none"}"#, &["data[]"])
                .contains("expected")
        );
        assert!(found(r#"{"a": [1, 2"#, &["a[]"]).starts_with("1 2 then damaged JSON"));
    }
}
