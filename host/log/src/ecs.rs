//! Events as nested JSON with the names of the Elastic Common Schema.

use serde_json::{Map, Value};
use threatsieve_blacklist::indicator::Timestamp;

use crate::time;

/// An event under construction.
#[derive(Default)]
pub(crate) struct Event(Map<String, Value>);

impl Event {
    /// Sets a field by its dotted name. If the parent already has a plain value, the name is stored
    /// as a literal dotted key.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        let mut map = &mut self.0;
        let mut rest = name;
        while let Some((head, tail)) = rest.split_once('.') {
            if !matches!(map.get(head), None | Some(Value::Object(_))) {
                break;
            }
            let entry = map.entry(head).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = entry else { return };
            (map, rest) = (inner, tail);
        }
        map.insert(rest.to_owned(), value.into());
    }

    /// Sets a field to text as logged, unless it is empty or `-`.
    pub(crate) fn text(&mut self, name: &str, value: &[u8]) {
        if !value.is_empty() && value != b"-" {
            self.set(name, String::from_utf8_lossy(value));
        }
    }

    /// Sets a field to a whole number, if the text is one.
    pub(crate) fn number(&mut self, name: &str, value: &[u8]) {
        if let Some(number) =
            std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok())
        {
            self.set(name, number);
        }
    }

    /// Sets `@timestamp`.
    pub(crate) fn time(&mut self, time: Option<Timestamp>) {
        if let Some(text) = time.and_then(time::rfc3339) {
            self.set("@timestamp", text);
        }
    }

    /// Sets `url.original` and the fields that follow from it.
    pub(crate) fn url(&mut self, url: &[u8]) {
        self.text("url.original", url);
        if let Some(host) = crate::host::of_url(url) {
            self.text("url.domain", host);
        }
    }

    pub(crate) fn finish(self) -> Map<String, Value> {
        self.0
    }
}

/// Returns a field of a JSON object by its dotted name, nested or with literal dots. For an array,
/// the field of the first element.
pub(crate) fn get<'v>(map: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    if let Some(value) = map.get(name) {
        return Some(value);
    }
    name.match_indices('.').find_map(|(dot, _)| {
        let mut inner = map.get(&name[..dot])?;
        if let Value::Array(values) = inner {
            inner = values.first()?;
        }
        get(inner.as_object()?, &name[dot + 1..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_nest_and_are_found_again() {
        let mut event = Event::default();
        event.set("url.original", "http://a.example/");
        event.set("url.domain", "a.example");
        event.set("user", "x");
        event.set("user.name", "y");
        let map = event.finish();
        assert_eq!(
            serde_json::to_string(&map).unwrap(),
            r#"{"url":{"domain":"a.example","original":"http://a.example/"},"user":"x","user.name":"y"}"#
        );
        assert_eq!(get(&map, "url.domain").unwrap(), "a.example");
        assert_eq!(get(&map, "user.name").unwrap(), "y");
        assert_eq!(get(&map, "url.path"), None);
    }

    #[test]
    fn a_field_is_found_through_arrays_and_half_dotted_names() {
        let map = serde_json::json!({"Records": [{"a.b": {"c": 1}}]});
        assert_eq!(get(map.as_object().unwrap(), "Records.a.b.c").unwrap(), 1);
    }
}
