//! Checks of the fuzz target `pattern` and of the replay of its corpus.

use std::collections::HashSet;

use super::{Reduction, reduce};
use crate::pattern::{Grammar, MAX_PATTERN_BYTES, Pattern, PatternError};

/// Parses bytes as a pattern in both grammars and reduces it. Panics if a property does not hold
/// that must hold for all patterns.
pub fn pattern(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for grammar in [Grammar::V20, Grammar::V21] {
        match Pattern::parse(&text, grammar) {
            Ok(pattern) => check(&pattern, grammar),
            Err(error) => assert!(error.at() <= text.len(), "{error}"),
        }
    }
}

fn check(pattern: &Pattern, grammar: Grammar) {
    let text = pattern.text();
    if let Err(error) = pattern.check() {
        assert!(error.at() < text.len(), "{error}");
    }
    let reduction = reduce(pattern);
    assert!(
        !reduction.values.is_empty() || !reduction.unreduced.is_empty(),
        "a pattern is never lost"
    );
    let distinct: HashSet<_> = reduction.values.iter().collect();
    assert_eq!(distinct.len(), reduction.values.len(), "no value comes twice");
    for reduced in &reduction.values {
        assert!(reduced.start.is_none() || reduced.start < reduced.stop, "a validity is not empty");
    }
    for part in &reduction.unreduced {
        assert!(!part.text.is_empty() && part.at < text.len() && !part.reason.kind().is_empty());
    }
    // The line break ends a comment at the end of the pattern.
    if let Some(grouped) = again(&format!("({text}\n)"), grammar) {
        assert_eq!(grouped.values, reduction.values, "parentheses change nothing");
        assert_eq!(grouped.unreduced.len(), reduction.unreduced.len());
    }
    if let Some(twice) = again(&format!("({text}\n) OR ({text}\n)"), grammar) {
        assert_eq!(twice.values, reduction.values, "said twice is said once");
        assert_eq!(twice.unreduced.len(), reduction.unreduced.len() * 2);
    }
    if let Some(both) = again(&format!("({text}\n) AND ({text}\n)"), grammar) {
        assert!(both.values.is_empty(), "two events are no value");
    }
}

/// Reduces a pattern made from one that parsed, unless it became too large.
fn again(text: &str, grammar: Grammar) -> Option<Reduction> {
    match Pattern::parse(text, grammar) {
        Ok(pattern) => Some(reduce(&pattern)),
        Err(PatternError::Syntax { .. } | PatternError::Meaning { .. })
            if text.len() <= MAX_PATTERN_BYTES =>
        {
            panic!("no pattern any more: {text:?}")
        }
        Err(_) => None,
    }
}
