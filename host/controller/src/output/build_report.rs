//! The report of a build.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use threatsieve_blacklist::{EntryType, Role, Summary};

use crate::indicators::Rejections;
use crate::text::safe_json;
use crate::text::{counted, escape_controls, grouped};

/// Number of public suffixes that are named. The rest is counted.
const SUFFIXES_SHOWN: usize = 10;

/// The facts that a build reports.
pub(crate) struct BuildReport<'a> {
    pub(crate) file: &'a Path,
    pub(crate) name: &'a str,
    pub(crate) generation: u64,
    pub(crate) signed: bool,
    pub(crate) summary: &'a Summary,
    pub(crate) rejections: &'a Rejections,
    pub(crate) elapsed: Duration,
}

impl BuildReport<'_> {
    /// The report as text, for people.
    pub(crate) fn text(&self) -> String {
        let signed = if self.signed { ", signed" } else { "" };
        let mut text = format!(
            "{}: blacklist {}, generation {}{signed}\n",
            escape_controls(&self.file.display().to_string()),
            self.name,
            self.generation
        );
        self.entries(&mut text);
        self.bytes(&mut text);
        self.rejected(&mut text);
        self.skipped(&mut text);
        self.suffixes(&mut text);
        _ = writeln!(text, "built in {:.2} s", self.elapsed.as_secs_f64());
        text
    }

    fn entries(&self, text: &mut String) {
        text.push_str("entries\n");
        for role in Role::ALL {
            let entries = self.by_type(role);
            if role == Role::Allow && entries.is_empty() {
                continue;
            }
            let what = if role == Role::Allow { "allowed " } else { "" };
            for (name, count) in &entries {
                row(text, &format!("{what}{name}"), *count);
            }
            row(text, &format!("{what}total"), entries.values().sum());
        }
        row(text, "statements of indicators", self.summary.statements);
    }

    fn by_type(&self, role: Role) -> BTreeMap<&'static str, u64> {
        let counts = self.summary.entries[role as usize];
        let mut by_type = BTreeMap::new();
        for (kind, count) in EntryType::ALL.into_iter().zip(counts) {
            // The three kinds of digests are one type.
            *by_type.entry(kind.stix_name()).or_default() += u64::from(count);
        }
        by_type.retain(|_, count| *count > 0);
        by_type
    }

    fn bytes(&self, text: &mut String) {
        text.push_str("bytes\n");
        for (section, bytes) in &self.summary.section_bytes {
            row(text, section, *bytes);
        }
        row(text, "in the matcher", self.summary.guest_bytes);
        row(text, "file", self.summary.file_bytes);
        _ = writeln!(text, "  {:<40} {:>13.1}", "in the matcher, an entry", self.bytes_an_entry());
    }

    fn bytes_an_entry(&self) -> f64 {
        self.summary.guest_bytes as f64 / self.summary.blocked().max(1) as f64
    }

    fn rejected(&self, text: &mut String) {
        if !self.rejections.values.is_empty() {
            text.push_str("rejected values\n");
        }
        self.rejections.values.iter().for_each(|(kind, count)| row(text, kind, *count));
        if !self.rejections.patterns.is_empty() {
            text.push_str("STIX patterns not or not fully reduced\n");
        }
        self.rejections.patterns.iter().for_each(|(kind, count)| row(text, kind, *count));
    }

    fn skipped(&self, text: &mut String) {
        if !self.rejections.skipped.is_empty() {
            text.push_str("skipped records\n");
        }
        self.rejections.skipped.iter().for_each(|(reason, count)| row(text, reason, *count));
    }

    fn suffixes(&self, text: &mut String) {
        let suffixes = &self.summary.suffixes_made_exact;
        if suffixes.is_empty() {
            return;
        }
        let shown =
            suffixes.iter().take(SUFFIXES_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = match suffixes.len().saturating_sub(SUFFIXES_SHOWN) {
            0 => String::new(),
            more => format!(" and {} more", grouped(more as u64)),
        };
        let count = counted(suffixes.len() as u64, "public suffix", "public suffixes");
        _ = writeln!(text, "{count} matched exactly, without the names below: {shown}{more}");
    }

    /// The report as JSON, for programs.
    pub(crate) fn json(&self) -> String {
        let sections: BTreeMap<_, _> = self.summary.section_bytes.iter().cloned().collect();
        let json = json!({
            "file": self.file.display().to_string(),
            "name": self.name,
            "generation": self.generation,
            "signed": self.signed,
            "entries": self.by_type(Role::Block),
            "allowed": self.by_type(Role::Allow),
            "statements": self.summary.statements,
            "bytes": {
                "file": self.summary.file_bytes,
                "matcher": self.summary.guest_bytes,
                "per_entry": self.bytes_an_entry(),
                "sections": sections,
            },
            "rejected": self.rejections.values,
            // The key's earlier name.
            "refused": self.rejections.values,
            "skipped": self.rejections.skipped,
            "unreduced_patterns": self.rejections.patterns,
            "suffixes_made_exact": self.summary.suffixes_made_exact,
            "seconds": self.elapsed.as_secs_f64(),
        });
        format!("{}\n", safe_json(&json.to_string()))
    }
}

fn row(text: &mut String, what: &str, number: u64) {
    _ = writeln!(text, "  {what:<40} {:>13}", grouped(number));
}
