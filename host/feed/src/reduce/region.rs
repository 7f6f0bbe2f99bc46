//! The relation between the values that two comparisons of one path allow.

use threatsieve_blacklist::{AddressRange, DomainMode, Value};

/// The relation between two sets of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Same,
    /// The first is part of the second.
    Inside,
    /// The second is part of the first.
    Around,
    /// They have no value in common.
    Apart,
    /// Any other relation, or an unknown one.
    Unclear,
}

/// Returns the relation between the values of `a` and those of `b`. A domain means the name alone,
/// or all names below it, as its pattern says.
pub(super) fn relation(a: &Value, b: &Value) -> Relation {
    match (a, b) {
        (Value::Domain(a, a_mode), Value::Domain(b, b_mode)) => {
            domains(a, *a_mode == DomainMode::Below, b, *b_mode == DomainMode::Below)
        }
        (Value::Address(a), Value::Address(b)) => addresses(a, b),
        // The normaliser treats http and https as equal. In a pattern they are different texts.
        (Value::Url { key: a, shown: a_text, .. }, Value::Url { key: b, shown: b_text, .. }) => {
            match a == b {
                true if a_text == b_text => Relation::Same,
                true => Relation::Unclear,
                false => Relation::Apart,
            }
        }
        _ if a == b => Relation::Same,
        _ => Relation::Apart,
    }
}

/// Returns whether a name is below another one.
pub(super) fn is_below(name: &str, above: &str) -> bool {
    name.strip_suffix(above).is_some_and(|rest| rest.ends_with('.'))
}

fn domains(a: &str, all_below_a: bool, b: &str, all_below_b: bool) -> Relation {
    match (all_below_a, all_below_b) {
        _ if all_below_a == all_below_b && a == b => Relation::Same,
        (false, false) => Relation::Apart,
        (_, true) if is_below(a, b) => Relation::Inside,
        (true, _) if is_below(b, a) => Relation::Around,
        _ => Relation::Apart,
    }
}

fn addresses(a: &AddressRange, b: &AddressRange) -> Relation {
    let inside = b.first() <= a.first() && a.last() <= b.last();
    let around = a.first() <= b.first() && b.last() <= a.last();
    match (inside, around) {
        (true, true) => Relation::Same,
        (true, false) => Relation::Inside,
        (false, true) => Relation::Around,
        _ if a.last() < b.first() || b.last() < a.first() => Relation::Apart,
        _ => Relation::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_of_domains_follow_label_boundaries() {
        let at = |name| Value::domain(name, DomainMode::AtAndBelow).unwrap();
        let below = |name| Value::domain(name, DomainMode::Below).unwrap();
        for (a, b, want) in [
            (at("evil.com"), at("evil.com"), Relation::Same),
            (at("evil.com"), at("www.evil.com"), Relation::Apart),
            (at("www.evil.com"), below("evil.com"), Relation::Inside),
            (at("evil.com"), below("evil.com"), Relation::Apart),
            (at("notevil.com"), below("evil.com"), Relation::Apart),
            (below("evil.com"), at("www.evil.com"), Relation::Around),
            (below("www.evil.com"), below("evil.com"), Relation::Inside),
            (below("evil.com"), below("www.evil.com"), Relation::Around),
            (below("evil.com"), below("evil.com"), Relation::Same),
            (below("evil.com"), below("evil.net"), Relation::Apart),
        ] {
            assert_eq!(relation(&a, &b), want, "{a} to {b}");
        }
    }

    #[test]
    fn relations_of_networks() {
        let net = |text| Value::address(text).unwrap();
        for (a, b, want) in [
            ("10.0.0.0/8", "10.0.0.0/8", Relation::Same),
            ("10.1.2.3", "10.0.0.0/8", Relation::Inside),
            ("10.0.0.0/8", "10.1.2.3", Relation::Around),
            ("10.0.0.0/8", "11.0.0.0/8", Relation::Apart),
            ("10.0.0.0/8", "::/0", Relation::Apart),
        ] {
            assert_eq!(relation(&net(a), &net(b)), want, "{a} to {b}");
        }
    }
}
