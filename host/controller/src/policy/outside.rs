//! The reasons why a value does not count.

use std::fmt;
use std::sync::Arc;

use threatsieve_blacklist::Tlp;

/// The reason why a policy takes a value away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outside {
    BelowConfidence {
        said: u8,
        wanted: u8,
    },
    AboveTlp {
        marked: Tlp,
        ceiling: Tlp,
    },
    /// Its type does not count.
    OtherType(&'static str),
    /// A list of values that the feed must not name covers it.
    Allowed {
        list: Arc<str>,
        entry: String,
    },
    /// A warninglist covers it.
    Warned {
        list: Arc<str>,
        entry: String,
    },
}

impl Outside {
    /// The rule's name, for counting and for programs.
    pub(crate) fn rule(&self) -> &'static str {
        match self {
            Outside::BelowConfidence { .. } => "below_confidence",
            Outside::AboveTlp { .. } => "above_tlp",
            Outside::OtherType(_) => "type",
            Outside::Allowed { .. } => "allow_list",
            Outside::Warned { .. } => "warninglist",
        }
    }

    /// Returns whether the reason is that the value is harmless, and so are flags of it.
    pub(crate) fn is_harmless(&self) -> bool {
        matches!(self, Outside::Allowed { .. } | Outside::Warned { .. })
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outside::BelowConfidence { said, wanted } => {
                write!(f, "confidence {said}, expected at least {wanted}")
            }
            Outside::AboveTlp { marked, ceiling } => {
                write!(f, "TLP:{}, expected at most TLP:{}", marked.name(), ceiling.name())
            }
            Outside::OtherType(name) => write!(f, "values of type {name} do not count"),
            Outside::Allowed { list, entry } => write!(f, "allowed by {entry} of {list}"),
            Outside::Warned { list, entry } => {
                write!(f, "on the warninglist {list:?}: {entry}")
            }
        }
    }
}
