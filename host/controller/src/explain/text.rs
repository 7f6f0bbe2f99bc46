//! An explanation as text and as JSON.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value as Json, json};
use utoipa::ToSchema;

use super::{Conjoint, Covering, Explanation};
use crate::output::{EntryJson, IndicatorJson, indicator};
use crate::text::{escape_controls, safe_json};

impl Explanation {
    /// The explanation as text, for people.
    pub(crate) fn text(&self) -> String {
        let verdict = if self.matches() { "matches" } else { "does not match" };
        let mut text = format!("{} {verdict}\n", escape_controls(&self.value));
        let forms: Vec<String> = self
            .forms
            .iter()
            .map(|(kind, form)| format!("{kind} {}", escape_controls(form)))
            .collect();
        match forms.as_slice() {
            [] => text.push_str("it is no host name, address, URL, file digest or email address\n"),
            forms => _ = writeln!(text, "looked up as: {}", forms.join(", ")),
        }
        if self.covering.is_empty() {
            text.push_str("nothing in the blacklist covers it\n");
        }
        self.covering.iter().for_each(|covering| covering.write(&mut text));
        if !self.nearest.is_empty() {
            text.push_str("near matches:\n");
        }
        for reason in &self.nearest {
            _ = writeln!(text, "  {}", escape_controls(reason));
        }
        text
    }

    /// The explanation as JSON, for programs.
    pub(crate) fn json(&self) -> anyhow::Result<String> {
        let json = serde_json::to_string(&ExplanationStatus::from(self))?;
        Ok(format!("{}\n", safe_json(&json)))
    }
}

/// An explanation, for programs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExplanationStatus {
    /// The value as given.
    pub(crate) value: String,
    pub(crate) matches: bool,
    /// The normal forms that are looked up.
    pub(crate) forms: Vec<FormStatus>,
    /// The entries that cover it, each with its indicators and the reason why it does not count.
    #[schema(value_type = Vec<Object>)]
    pub(crate) entries: Vec<Json>,
    /// Near matches, if it does not match.
    pub(crate) near: Vec<String>,
}

/// A normal form.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FormStatus {
    pub(crate) r#type: &'static str,
    pub(crate) value: String,
}

impl From<&Explanation> for ExplanationStatus {
    fn from(explanation: &Explanation) -> ExplanationStatus {
        let forms = explanation.forms.iter();
        ExplanationStatus {
            value: explanation.value.clone(),
            matches: explanation.matches(),
            forms: forms
                .map(|(kind, form)| FormStatus { r#type: kind, value: form.clone() })
                .collect(),
            entries: explanation.covering.iter().map(Covering::json).collect(),
            near: explanation.nearest.clone(),
        }
    }
}

impl Covering {
    /// The reason why the entry does not count, if it does not.
    fn remark(&self) -> Option<&'static str> {
        if self.allowed_by.is_some() {
            Some("suppressed")
        } else if self.counts {
            None
        } else if self.judged.is_empty() && !self.conjoint.is_empty() {
            Some("only together with other values")
        } else if self.how.is_partial()
            && self.judged.iter().any(|judged| judged.standing.name() == "valid")
        {
            Some("a partial match, which counts with --partial only")
        } else {
            Some("no indicator of it holds")
        }
    }

    fn write(&self, text: &mut String) {
        let remark = self.remark().map_or_else(String::new, |remark| format!(": {remark}"));
        let (kind, value) = (self.entry.kind.stix_name(), escape_controls(&self.entry.value));
        _ = writeln!(text, "{kind} {value} covers it ({}){remark}", self.how.name());
        for judged in &self.judged {
            let indicator = indicator(&judged.indicator);
            _ = writeln!(text, "  {}: {}", escape_controls(&indicator), judged.standing.words());
        }
        for conjoint in &self.conjoint {
            let missing = match conjoint.missing.as_slice() {
                [] => "all parts are here".to_owned(),
                missing => format!("missing here: {}", missing.join(", ")),
            };
            _ = writeln!(
                text,
                "  {}: {}; {}",
                escape_controls(&indicator(&conjoint.indicator)),
                conjoint.standing.words(),
                escape_controls(&missing)
            );
        }
        if let Some(allowed) = &self.allowed_by {
            _ = writeln!(
                text,
                "  suppressed by the allow-list's {} {}",
                allowed.kind.stix_name(),
                escape_controls(&allowed.value)
            );
            for view in &allowed.indicators {
                _ = writeln!(text, "    {}", escape_controls(&indicator(view)));
            }
        }
    }

    fn json(&self) -> Json {
        let indicators: Vec<Json> = self
            .judged
            .iter()
            .map(|judged| {
                let mut json = json!(IndicatorJson::new(&judged.indicator));
                json["status"] = judged.standing.name().into();
                json
            })
            .collect();
        let mut json = json!({
            "match": self.how.name(),
            "entry": EntryJson::new(&self.entry),
            "counts": self.counts,
            "indicators": indicators,
        });
        if !self.conjoint.is_empty() {
            json["conjunctions"] = self.conjoint.iter().map(Conjoint::json).collect();
        }
        if let Some(allowed) = &self.allowed_by {
            json["allowed_by"] = json!({
                "entry": EntryJson::new(allowed),
                "indicators": allowed.indicators.iter().map(IndicatorJson::new).collect::<Vec<_>>(),
            });
        }
        json
    }
}

impl Conjoint {
    fn json(&self) -> Json {
        json!({
            "parts": self.text,
            "missing": self.missing,
            "indicator": IndicatorJson::new(&self.indicator),
            "status": self.standing.name(),
        })
    }
}
