//! What an indicator of a covering entry comes to.

use threatsieve_blacklist::{IndicatorView, Policy, Timestamp, Tlp};

use crate::output::moment;

/// An indicator with its standing.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) indicator: IndicatorView,
    pub(crate) standing: Standing,
}

/// Whether an indicator holds, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Valid,
    ExpiredSince(Timestamp),
    NotBefore(Timestamp),
    BelowConfidence {
        said: u8,
        wanted: u8,
    },
    AboveMarking {
        marked: Tlp,
        ceiling: Tlp,
    },
    /// It covers only the listed name itself, or only what is below, or `--exact` leaves out what is below.
    OtherNames,
}

impl Standing {
    /// `holds` is the blacklist's word on it.
    pub(super) fn of(indicator: &IndicatorView, holds: bool, policy: &Policy, at: Timestamp) -> Standing {
        if holds {
            return Standing::Valid;
        }
        if let Some(until) = indicator.valid_until.filter(|until| *until <= at) {
            return Standing::ExpiredSince(until);
        }
        if let Some(from) = indicator.valid_from.filter(|from| *from > at) {
            return Standing::NotBefore(from);
        }
        if let Some(said) = indicator.confidence.filter(|said| *said < policy.min_confidence) {
            return Standing::BelowConfidence { said, wanted: policy.min_confidence };
        }
        match indicator.tlp.filter(|marked| *marked > policy.max_tlp) {
            Some(marked) => Standing::AboveMarking { marked, ceiling: policy.max_tlp },
            None => Standing::OtherNames,
        }
    }

    /// A word for programs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Standing::Valid => "valid",
            Standing::ExpiredSince(_) => "expired",
            Standing::NotBefore(_) => "not_yet_valid",
            Standing::BelowConfidence { .. } => "below_confidence",
            Standing::AboveMarking { .. } => "above_tlp",
            Standing::OtherNames => "covers_other_names",
        }
    }

    /// A few words for people.
    pub(crate) fn words(&self) -> String {
        match self {
            Standing::Valid => "valid".to_owned(),
            Standing::ExpiredSince(until) => format!("expired since {}", moment(*until)),
            Standing::NotBefore(from) => format!("not valid before {}", moment(*from)),
            Standing::BelowConfidence { said, wanted } => {
                format!("confidence {said}, wanted at least {wanted}")
            }
            Standing::AboveMarking { marked, ceiling } => {
                format!("marked TLP:{}, wanted at most TLP:{}", marked.name(), ceiling.name())
            }
            Standing::OtherNames => "does not cover this name (exact, or only what lies below)".to_owned(),
        }
    }
}
