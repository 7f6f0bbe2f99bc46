//! Conditions and lists of values (CybOX 2.1, `BaseObjectPropertyGroup`).

use threatsieve_blacklist::{DomainMode, Malformed, UrlMode, Value};

use super::node::Node;
use super::tree::Element;
use crate::pattern::HashKind;
use crate::reduce::{Reason, digest};
use crate::text::cut;

/// The text between the values of a list, unless the property names another.
const DELIMITER: &str = "##comma##";

/// The type of a property's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Domain,
    Address,
    Url,
    Email,
    /// A digest of a file. Its name, if it has a known one.
    Digest(Option<HashKind>),
    /// The name of a file, which only counts together with values.
    FileName,
}

/// Reads a property with its condition. Without one, the property is read as `Equals`.
pub(super) fn property(
    element: &Element,
    kind: Option<Kind>,
    label: &str,
    url_mode: UrlMode,
) -> Node {
    let condition = match element.attribute("condition") {
        Some(name) if !name.eq_ignore_ascii_case("equals") => name,
        _ => "Equals",
    };
    let text = element.text.trim();
    let shown = format!("{label} {condition} {}", cut(text));
    let Some(kind) = kind else { return Node::nothing(shown, Reason::NoObservable) };
    // A changed or masked text is not the value.
    let is_changed = element.is("is_obfuscated") || element.attribute("bit_mask").is_some();
    if is_changed {
        return Node::nothing(shown, Reason::Condition("a changed value".to_owned()));
    }
    let values = values(element);
    match element.attribute("apply_condition").unwrap_or("ANY") {
        "NONE" => return Node::nothing(shown, Reason::Negation),
        "ALL" if values.len() > 1 && condition == "Equals" => {
            return Node::nothing(shown, Reason::Conjunction);
        }
        _ => {}
    }
    match condition {
        "Equals" if kind == Kind::FileName => {
            Node::any(values.into_iter().map(|text| Node::FileName(text.into())).collect())
        }
        "Equals" => Node::any(
            values.into_iter().map(|text| node(value(kind, text, url_mode), &shown)).collect(),
        ),
        "InclusiveBetween" if kind == Kind::Address => match values[..] {
            [first, last] => node(Value::address(&format!("{first}-{last}")), &shown),
            _ => Node::nothing(shown, Reason::Ordering),
        },
        "EndsWith" if kind == Kind::Domain => match text.strip_prefix('.') {
            Some(name) => node(Value::domain(name, DomainMode::Below), &shown),
            None => Node::nothing(shown, Reason::Condition(condition.to_owned())),
        },
        "DoesNotEqual" | "DoesNotContain" => Node::nothing(shown, Reason::Negation),
        "FitsPattern" => Node::nothing(shown, Reason::Expression),
        "GreaterThan" | "GreaterThanOrEqual" | "LessThan" | "LessThanOrEqual"
        | "InclusiveBetween" | "ExclusiveBetween" => Node::nothing(shown, Reason::Ordering),
        other => Node::nothing(shown, Reason::Condition(cut(other))),
    }
}

/// Returns the ports that a property equals; `None` if it has another condition.
pub(super) fn port_numbers(element: &Element) -> Option<Vec<u16>> {
    let is_one_of = |attribute, allowed: &[&str]| {
        element.attribute(attribute).is_none_or(|value| allowed.contains(&value))
    };
    let is_changed = element.is("is_obfuscated") || element.attribute("bit_mask").is_some();
    let values = values(element);
    let may_be_any = values.len() == 1 || is_one_of("apply_condition", &["ANY"]);
    if is_changed
        || !may_be_any
        || !is_one_of("condition", &["Equals", "equals"])
        || !is_one_of("apply_condition", &["ANY", "ALL"])
    {
        return None;
    }
    values.into_iter().map(|text| text.parse().ok().filter(|number| *number > 0)).collect()
}

/// Returns the values of a list, or the only value.
fn values(element: &Element) -> Vec<&str> {
    let delimiter = element.attribute("delimiter").filter(|text| !text.is_empty());
    element.text.trim().split(delimiter.unwrap_or(DELIMITER)).map(str::trim).collect()
}

fn node(value: Result<Value, Malformed>, shown: &str) -> Node {
    match value {
        Ok(value) => Node::Value(value, None),
        Err(malformed) => Node::nothing(shown, Reason::Unfit(malformed)),
    }
}

fn value(kind: Kind, text: &str, url_mode: UrlMode) -> Result<Value, Malformed> {
    match kind {
        Kind::Domain => Value::domain(text, DomainMode::AtAndBelow),
        Kind::Url => Value::url(text, url_mode),
        Kind::Email => Value::email(text),
        // Its condition is evaluated above.
        Kind::FileName => Err(Malformed { expected: "a file name", got: cut(text) }),
        Kind::Digest(None) => Value::hash(text),
        Kind::Digest(Some(kind)) => digest(kind, text),
        // STIX writes ranges with a condition.
        Kind::Address if text.contains('-') => Err(Malformed {
            expected: "an IPv4 or IPv6 address or network",
            got: text.chars().take(100).collect(),
        }),
        Kind::Address => Value::address(text),
    }
}
