//! The standing of a covering entry's indicators.

use threatsieve_blacklist::{EventContext, IndicatorView, Policy, Timestamp, Tlp};

use crate::text::rfc3339;

/// An indicator with its standing.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) indicator: IndicatorView,
    pub(crate) standing: Standing,
}

/// The standing of an indicator: it counts, or the reason why it does not.
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
    /// The feed has its ports matched. The value has another port, or none.
    OtherPort(u16),
    /// The indicator covers only the listed name, or only names below it; or `--exact` excludes
    /// names below.
    OtherNames,
}

impl Standing {
    /// Finds the standing. `holds` says whether the blacklist counts the indicator.
    pub(super) fn of(
        indicator: &IndicatorView,
        holds: bool,
        policy: &Policy,
        seen: EventContext,
    ) -> Standing {
        let at = seen.at;
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
        if let Some(marked) = indicator.tlp.filter(|marked| *marked > policy.max_tlp) {
            return Standing::AboveMarking { marked, ceiling: policy.max_tlp };
        }
        match indicator.port.filter(|port| port.is_matched && seen.port != Some(port.number)) {
            Some(port) => Standing::OtherPort(port.number),
            None => Standing::OtherNames,
        }
    }

    /// A fixed name, for programs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Standing::Valid => "valid",
            Standing::ExpiredSince(_) => "expired",
            Standing::NotBefore(_) => "not_yet_valid",
            Standing::BelowConfidence { .. } => "below_confidence",
            Standing::AboveMarking { .. } => "above_tlp",
            Standing::OtherPort(_) => "other_port",
            Standing::OtherNames => "covers_other_names",
        }
    }

    /// A short description, for people.
    pub(crate) fn words(&self) -> String {
        match self {
            Standing::Valid => "valid".to_owned(),
            Standing::ExpiredSince(until) => format!("expired since {}", rfc3339(*until)),
            Standing::NotBefore(from) => format!("not valid before {}", rfc3339(*from)),
            Standing::BelowConfidence { said, wanted } => {
                format!("confidence {said}, expected at least {wanted}")
            }
            Standing::AboveMarking { marked, ceiling } => {
                format!("marked TLP:{}, expected at most TLP:{}", marked.name(), ceiling.name())
            }
            Standing::OtherPort(port) => format!("matches only with port {port}"),
            Standing::OtherNames => {
                "does not cover this name (exact only, or only names below)".to_owned()
            }
        }
    }
}
