//! Checks whether the indices of a cluster accept the fields that the ingest processor writes.
//!
//! An index with a strict mapping, or with another type of field under a name of ours, refuses a
//! flagged event after the processor has run. If the sender does not look at the answers, the event
//! is lost. This check finds such indices beforehand.

mod expected;
mod judge;
mod nodes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use anyhow::Context;
use opensearch::cluster::ClusterPutComponentTemplateParts;
use opensearch::http::Method;
use opensearch::indices::{
    IndicesGetIndexTemplateParts, IndicesGetMappingParts, IndicesGetSettingsParts,
    IndicesSimulateTemplateParts,
};
use serde::Serialize;
use serde_json::Value as Json;

pub(crate) use self::expected::{Expected, TEMPLATE, TEMPLATE_NAME};
pub(crate) use self::judge::judge;
pub(crate) use self::nodes::{NodePlugin, node_findings, node_plugins};
use crate::opensearch::cluster::{Cluster, Fault, Request};

/// Maximum number of index templates that are checked.
const MAX_TEMPLATES: usize = 1000;

/// A fault of the cluster that should be corrected before events are flagged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Events are refused, or not matched. Otherwise only searches are affected.
    pub(crate) is_problem: bool,
    pub(crate) what: String,
    /// The step that corrects it.
    pub(crate) remedy: String,
}

/// An index or an index template, with its findings.
#[derive(Debug, Serialize)]
pub(crate) struct Judged {
    /// `index` or `index template`.
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) findings: Vec<Finding>,
}

/// Checks all open indices that the patterns name, and the templates of future ones. Without
/// patterns, checks all that are open and not hidden.
pub(crate) async fn check(
    cluster: &Cluster,
    patterns: &[String],
    expected: &Expected,
) -> anyhow::Result<Vec<Judged>> {
    let mut judged = indices(cluster, patterns, expected).await?;
    judged.extend(templates(cluster, patterns, expected).await?);
    Ok(judged)
}

async fn indices(
    cluster: &Cluster,
    patterns: &[String],
    expected: &Expected,
) -> Result<Vec<Judged>, Fault> {
    let all = ["*".to_owned()];
    let named = if patterns.is_empty() { &all } else { patterns };
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    let place = IndicesGetMappingParts::Index(&named).url();
    let request =
        Request::get(place, "the indices' mappings").query("expand_wildcards", "open").large();
    let mappings: BTreeMap<String, Json> = cluster.ask(&request).await?;
    let place = IndicesGetSettingsParts::Index(&named).url();
    let request = Request::get(place, "the indices' settings")
        .query("expand_wildcards", "open")
        .query("filter_path", "*.settings.index.mapping")
        .large();
    let settings: BTreeMap<String, Json> = cluster.ask(&request).await?;
    let judge_one = |(name, index): (String, Json)| {
        let settings = flat(settings.get(&name).map_or(&Json::Null, |index| &index["settings"]));
        let findings = judge(expected, &index["mappings"], &settings);
        Judged { kind: "index", name, findings }
    };
    Ok(mappings.into_iter().map(judge_one).collect())
}

/// Checks the templates whose indices the patterns may name.
async fn templates(
    cluster: &Cluster,
    patterns: &[String],
    expected: &Expected,
) -> anyhow::Result<Vec<Judged>> {
    let request = Request::get(IndicesGetIndexTemplateParts::None.url(), "the index templates")
        .query("filter_path", "index_templates.name,index_templates.index_template.index_patterns");
    let all: Json = cluster.ask(&request).await?;
    let mut judged = Vec::new();
    for template in all["index_templates"].as_array().into_iter().flatten().take(MAX_TEMPLATES) {
        let name = template["name"].as_str().context("an index template without a name")?;
        let theirs = &template["index_template"]["index_patterns"];
        let theirs: Vec<&str> =
            theirs.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let is_meant = |theirs: &&str| {
            !theirs.starts_with('.')
                && (patterns.is_empty() || patterns.iter().any(|ours| may_meet(ours, theirs)))
        };
        if !theirs.iter().any(is_meant) {
            continue;
        }
        let simulate = IndicesSimulateTemplateParts::Name(name).url();
        let simulate = Request::new(Method::Post, simulate, "the result of an index template");
        let made: Json = cluster.ask(&simulate).await?;
        let (mappings, settings) =
            (&made["template"]["mappings"], flat(&made["template"]["settings"]));
        let findings = judge(expected, mappings, &settings);
        judged.push(Judged { kind: "index template", name: name.to_owned(), findings });
    }
    Ok(judged)
}

/// Returns whether some name of an index matches both patterns. `*` stands for any text.
fn may_meet(ours: &str, theirs: &str) -> bool {
    let (ours, theirs) = (ours.as_bytes(), theirs.as_bytes());
    // `meets[i][j]`: some text matches both `ours[i..]` and `theirs[j..]`. Filled from the ends.
    let mut meets = vec![vec![false; theirs.len() + 1]; ours.len() + 1];
    for i in (0..=ours.len()).rev() {
        for j in (0..=theirs.len()).rev() {
            let (a, b) = (ours.get(i), theirs.get(j));
            let is_star = a == Some(&b'*') || b == Some(&b'*');
            meets[i][j] = match (a, b) {
                (None, None) => true,
                (Some(b'*'), None) => meets[i + 1][j],
                (None, Some(b'*')) => meets[i][j + 1],
                (Some(_), Some(_)) if is_star => meets[i + 1][j] || meets[i][j + 1],
                (Some(a), Some(b)) => a == b && meets[i + 1][j + 1],
                (Some(_), None) | (None, Some(_)) => false,
            };
        }
    }
    meets[0][0]
}

/// Flattens nested settings: `index.a.b`.
pub(crate) fn flat(settings: &Json) -> Json {
    fn add(path: &str, value: &Json, flat: &mut serde_json::Map<String, Json>) {
        match value {
            Json::Object(inner) => {
                for (key, value) in inner {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    add(&path, value, flat);
                }
            }
            value => _ = flat.insert(path.to_owned(), value.clone()),
        }
    }
    let mut all = serde_json::Map::new();
    add("", settings, &mut all);
    Json::Object(all)
}

/// Puts the component template into the cluster.
pub(crate) async fn put_template(cluster: &Cluster) -> anyhow::Result<()> {
    let template: Json = serde_json::from_str(TEMPLATE).context("the component template")?;
    let place = ClusterPutComponentTemplateParts::Name(TEMPLATE_NAME).url();
    let request =
        Request::new(Method::Put, place, "the component template's receipt").json(&template);
    let _: Json = cluster.ask(&request).await?;
    Ok(())
}
