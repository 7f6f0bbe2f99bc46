//! `threatsieve opensearch check` and `template`: prepare a cluster for flagged events.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::configured::{loaded, network_runtime};
use crate::config::{Config, OpenSearch};
use crate::exit::{Exit, Failure};
use crate::opensearch::cluster::{Cluster, Server};
use crate::opensearch::events::{CLAIM_INDEX, create_claim_index};
use crate::opensearch::mappings::{
    Expected, Finding, Judged, NodePlugin, TEMPLATE, TEMPLATE_NAME, check, node_findings,
    node_plugins, put_template,
};
use crate::output::Sink;
use crate::text::{counted, escape_controls, safe_json};

/// Reports what would make the cluster reject or spoil flagged events.
pub(crate) fn check_opensearch(
    path: &Path,
    patterns: &[String],
    flag_field: &str,
    as_json: bool,
) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(path)? else { return Ok(Exit::Usage) };
    let (config, expected) =
        (&loaded.config, Expected::new(&loaded.config.blacklist.name, flag_field)?);
    let cluster = cluster(config)?;
    let (server, nodes, judged) = network_runtime()?
        .block_on(async {
            let server = cluster.connect().await?;
            let nodes = node_plugins(&cluster).await?;
            anyhow::Ok((server, nodes, check(&cluster, patterns, &expected).await?))
        })
        .map_err(Failure::remote)?;
    let of_nodes = node_findings(&nodes);
    let text = if as_json {
        let report = json!({
            "host": server.host,
            "cluster": server.cluster,
            "version": server.version,
            "nodes": nodes,
            "findings": of_nodes,
            "indices": judged,
        });
        format!("{}\n", safe_json(&report.to_string()))
    } else {
        text(&server, &nodes, &of_nodes, &judged)
    };
    Sink::stdout()?.write(text.as_bytes())?;
    let all = of_nodes.iter().chain(judged.iter().flat_map(|judged| &judged.findings));
    Ok(if all.into_iter().any(|finding| finding.is_problem) { Exit::Damaged } else { Exit::Done })
}

fn cluster(config: &Config) -> anyhow::Result<Cluster> {
    let settings: &OpenSearch = config
        .opensearch
        .as_ref()
        .context("expected [opensearch] in the configuration, got none: it names the cluster")?;
    Cluster::new(settings, &config.http.user_agent)
}

fn text(server: &Server, nodes: &[NodePlugin], of_nodes: &[Finding], judged: &[Judged]) -> String {
    let with = nodes.iter().filter(|node| node.plugin.is_some()).count();
    let mut text = format!(
        "cluster {} at {}, OpenSearch {}: the plugin is on {with} of {}\n",
        escape_controls(server.cluster.as_deref().unwrap_or("(not shown)")),
        escape_controls(&server.host),
        escape_controls(server.version.as_deref().unwrap_or("(not shown)")),
        counted(nodes.len() as u64, "ingest node", "ingest nodes")
    );
    findings(&mut text, of_nodes);
    let clean = judged.iter().filter(|judged| judged.findings.is_empty()).count();
    for judged in judged.iter().filter(|judged| !judged.findings.is_empty()) {
        _ = writeln!(text, "{} {}", judged.kind, escape_controls(&judged.name));
        findings(&mut text, &judged.findings);
    }
    _ = writeln!(
        text,
        "{clean} of {} take flagged events as they are",
        counted(judged.len() as u64, "index or index template", "indices and index templates")
    );
    text
}

fn findings(text: &mut String, findings: &[Finding]) {
    for finding in findings {
        let kind = if finding.is_problem { "problem" } else { "note" };
        _ = writeln!(
            text,
            "  {kind}: {}\n    {}",
            escape_controls(&finding.what),
            escape_controls(&finding.remedy)
        );
    }
}

/// Prints the component template, or puts it into the cluster of the configuration.
pub(crate) fn component_template(put_into: Option<&Path>) -> Result<Exit, Failure> {
    let mut out = Sink::stdout()?;
    let Some(path) = put_into else {
        out.write(TEMPLATE.as_bytes())?;
        return Ok(Exit::Done);
    };
    let Some(loaded) = loaded(path)? else { return Ok(Exit::Usage) };
    let cluster = cluster(&loaded.config)?;
    let server = network_runtime()?
        .block_on(async {
            let server = cluster.connect().await?;
            put_template(&cluster).await?;
            create_claim_index(&cluster).await?;
            anyhow::Ok(server)
        })
        .map_err(Failure::remote)?;
    let text = format!(
        "{}: the component template {TEMPLATE_NAME:?} is stored; name it in `composed_of` of the \
         index templates of flagged indices. The index {CLAIM_INDEX:?} is there\n",
        escape_controls(&server.host)
    );
    out.write(text.as_bytes())?;
    Ok(Exit::Done)
}
