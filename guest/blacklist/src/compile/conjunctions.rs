//! Adds conjunctions: their values become entries, and one of them finds the conjunction.

use super::metadata::FILE_NAME_SEPARATOR;
use super::{CompileError, Compiler, FeedId, RejectReason, RejectedValue, mode_bit, policy};
use crate::image::Role;
use crate::indicator::Indicator;
use crate::value::{Conjunction, ConjunctionPart, Value};

/// The most conjunctions that one value finds. This bounds the cost of judging an event.
pub const MAX_KEYED: usize = 1000;

impl Compiler {
    /// Adds a conjunction, or rejects the whole of it.
    ///
    /// A part alone flags nothing, so a part may be a broad or a special-purpose network. At least
    /// one part must be acceptable alone. Of these, the one that finds the fewest conjunctions
    /// finds this one. So a part that is in very many conjunctions costs nothing more.
    pub(super) fn conjunction(
        &mut self,
        role: Role,
        feed: FeedId,
        indicator: &Indicator,
        conjunction: Conjunction,
        rejected: &mut dyn FnMut(RejectedValue),
    ) -> Result<(), CompileError> {
        let (values, key) = match self.admit_parts(role, &conjunction) {
            Ok(admitted) => admitted,
            Err(reason) => {
                rejected(RejectedValue {
                    feed: self.metadata.feed_name(feed.0).to_owned(),
                    id: indicator.id.clone(),
                    value: conjunction.to_string(),
                    reason,
                });
                return Ok(());
            }
        };
        let names: Vec<&str> = conjunction.file_names().collect();
        let names = names.join(&FILE_NAME_SEPARATOR.to_string());
        let modes: Vec<u8> = values.iter().map(mode_bit).collect();
        *self.keyed.entry(without_mode(&values[key])).or_default() += 1;
        let first = self.metadata.conjunction(feed.0, indicator, &modes, key, &names)?;
        for ((part, value), mode) in (first..).zip(values).zip(modes) {
            let record = self.metadata.part(part)?;
            self.add(role, value, mode, record)?;
        }
        Ok(())
    }

    /// Returns the values of a conjunction as they are listed, and the place of the one that finds
    /// it.
    fn admit_parts(
        &mut self,
        role: Role,
        conjunction: &Conjunction,
    ) -> Result<(Vec<Value>, usize), RejectReason> {
        if role == Role::Allow {
            return Err(RejectReason::AllowedConjunction);
        }
        let mut values = Vec::with_capacity(conjunction.parts().len());
        let (mut fewest, mut broad) = (None, None);
        for part in conjunction.parts() {
            let ConjunctionPart::Value(value) = part else { continue };
            match policy::admit(role, value.clone(), &self.options) {
                Ok((value, _)) => {
                    let found = self.keyed.get(&without_mode(&value)).copied().unwrap_or(0);
                    if fewest.is_none_or(|(_, known)| found < known) {
                        fewest = Some((values.len(), found));
                    }
                    values.push(value);
                }
                Err((value @ Value::Address(_), reason)) => {
                    broad = broad.or(Some(reason));
                    values.push(value);
                }
                Err((_, reason)) => return Err(reason),
            }
        }
        match (fewest, broad) {
            (Some((key, found)), _) if found < MAX_KEYED => Ok((values, key)),
            (None, Some(reason)) => Err(RejectReason::BroadConjunction(Box::new(reason))),
            _ => Err(RejectReason::ManyConjunctions { limit: MAX_KEYED }),
        }
    }
}

/// The value in the mode of all values with the same entry.
fn without_mode(value: &Value) -> Value {
    match value {
        Value::Domain(name, _) => Value::Domain(name.clone(), crate::DomainMode::Exact),
        Value::Url { key, .. } => {
            Value::Url { key: key.clone(), shown: "".into(), mode: crate::UrlMode::Exact }
        }
        value => value.clone(),
    }
}
