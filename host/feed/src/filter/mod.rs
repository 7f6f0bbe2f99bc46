//! Filters on the properties of STIX objects: which indicators are read for their values.
//!
//! ```
//! use threatsieve_feed::{Expression, ObjectFilter};
//!
//! let drop = Expression::parse("[indicator:confidence < 50 OR indicator:name LIKE 'Test%']")?;
//! let filter = ObjectFilter { drop: Some(drop), ..ObjectFilter::default() };
//! let object = |confidence| serde_json::json!({"name": "C2", "confidence": confidence});
//! assert!(filter.dropped(&object(10)).is_some());
//! assert!(filter.dropped(&object(90)).is_none());
//! # Ok::<(), threatsieve_feed::ExpressionError>(())
//! ```

mod expression;
#[cfg(test)]
mod tests;

use serde_json::Value as Json;

pub use self::expression::{Expression, ExpressionError, MAX_EXPRESSION_BYTES, Subject};

/// Conditions that an indicator must meet. Otherwise it is not read for its values. The default has
/// none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectFilter {
    /// Labels of which an indicator must have one; empty for any.
    pub pass_labels: Vec<String>,
    /// Labels of which an indicator must have none.
    pub drop_labels: Vec<String>,
    /// An expression that must hold.
    pub pass: Option<Expression>,
    /// An expression that must not hold.
    pub drop: Option<Expression>,
    /// An expression that must hold for a package of STIX 1.x, or the whole package is dropped.
    pub pass_package: Option<Expression>,
    /// An expression that must not hold for a package of STIX 1.x.
    pub drop_package: Option<Expression>,
}

/// The reason why a filter drops an indicator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Dropped {
    /// It has none of the labels of which it must have one.
    #[error("expected one of the labels that the feed's policy passes, got none of them")]
    NoLabel,
    /// It has a label of which it must have none.
    #[error("the feed's policy drops the label {0:?}")]
    Label(String),
    /// The expression that must hold does not.
    #[error("expected an indicator that the feed's filter passes, got another one")]
    NotPassed,
    /// The expression that must not hold does.
    #[error("the feed's filter drops it")]
    Filtered,
    /// The filter drops the whole package of STIX 1.x with this id; empty if it has none.
    #[error("the feed's filter drops the package {0:?}")]
    Package(String),
}

impl Dropped {
    /// The reason's kind in a few words, for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Dropped::NoLabel | Dropped::Label(_) => "dropped by its labels",
            Dropped::NotPassed | Dropped::Filtered => "dropped by the filter",
            Dropped::Package(_) => "dropped with its package",
        }
    }
}

impl ObjectFilter {
    /// Returns whether it lets everything through.
    pub fn is_open(&self) -> bool {
        self.pass_labels.is_empty()
            && self.drop_labels.is_empty()
            && self.pass.is_none()
            && self.drop.is_none()
            && !self.has_package_filter()
    }

    /// Returns whether packages of STIX 1.x are dropped as a whole.
    pub fn has_package_filter(&self) -> bool {
        self.pass_package.is_some() || self.drop_package.is_some()
    }

    /// Returns the reason to drop a whole package of STIX 1.x, if there is one.
    pub(crate) fn dropped_package(&self, package: &Json) -> Option<Dropped> {
        let passes = self.pass_package.as_ref().is_none_or(|pass| pass.holds(package))
            && !self.drop_package.as_ref().is_some_and(|drop| drop.holds(package));
        let id = || package.get("id").and_then(Json::as_str).unwrap_or_default();
        (!passes).then(|| Dropped::Package(crate::text::cut(id())))
    }

    /// Returns the reason to drop an indicator with these properties, if there is one.
    pub fn dropped(&self, object: &Json) -> Option<Dropped> {
        let labels = ["labels", "indicator_types"].into_iter().filter_map(|key| object.get(key));
        let labels = labels.filter_map(Json::as_array).flatten().filter_map(Json::as_str);
        if let Some(dropped) = self.dropped_by_labels(labels) {
            return Some(dropped);
        }
        if self.pass.as_ref().is_some_and(|pass| !pass.holds(object)) {
            return Some(Dropped::NotPassed);
        }
        self.drop.as_ref().is_some_and(|drop| drop.holds(object)).then_some(Dropped::Filtered)
    }

    /// Returns the reason to drop an indicator with these labels, if there is one.
    pub fn dropped_by_labels<'a>(&self, labels: impl Iterator<Item = &'a str>) -> Option<Dropped> {
        let is_in = |list: &[String], label: &str| {
            let label = label.to_lowercase();
            list.iter().any(|one| one.to_lowercase() == label)
        };
        let mut passes = self.pass_labels.is_empty();
        for label in labels {
            if is_in(&self.drop_labels, label) {
                return Some(Dropped::Label(crate::text::cut(label)));
            }
            passes = passes || is_in(&self.pass_labels, label);
        }
        (!passes).then_some(Dropped::NoLabel)
    }
}
