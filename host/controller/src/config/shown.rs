//! Values of the file, as messages and `config show` write them.

use serde::Serialize as _;
use toml::de::DeValue;
use url::Url;

use crate::network::{shown_server, shown_url};
use crate::text::clipped;

/// The type of a value, with its article.
pub(super) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A value in a message; of lists and tables only the type.
pub(super) fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => clipped(number.to_string().as_bytes(), 60),
        DeValue::Float(number) => clipped(number.as_str().as_bytes(), 60),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => kind_of(value).to_owned(),
    }
}

/// Returns whether an item of a list is a table.
pub(super) fn holds_tables(value: &DeValue<'_>) -> bool {
    value.as_array().is_some_and(|list| list.iter().any(|item| item.get_ref().is_table()))
}

/// The way in which strings are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShownAs {
    Text,
    /// A URL, without keys.
    Url,
    /// The server of a URL.
    Server,
}

/// A value in TOML.
pub(super) fn as_toml(value: &DeValue<'_>, shown_as: ShownAs) -> String {
    match value {
        DeValue::String(text) => {
            let shown = |text| match Url::parse(text) {
                Ok(url) if shown_as == ShownAs::Server => shown_server(&url),
                Ok(url) => shown_url(&url),
                Err(_) => "no URL".to_owned(),
            };
            let url = (shown_as != ShownAs::Text).then(|| shown(text));
            let text = url.as_deref().unwrap_or(text.as_ref());
            let mut toml = String::new();
            match text.serialize(toml::ser::ValueSerializer::new(&mut toml)) {
                Ok(_) => toml,
                Err(_) => format!("{text:?}"),
            }
        }
        DeValue::Array(list) => {
            let items: Vec<String> =
                list.iter().map(|item| as_toml(item.get_ref(), shown_as)).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(_) => String::from("{ .. }"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
    }
}

/// A text in quotes, clipped to 60 characters.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", clipped(text.as_bytes(), 60))
}
