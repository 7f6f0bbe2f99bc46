//! `threatsieve config check` and `show`. Neither changes anything.

use std::fmt::Write as _;
use std::path::Path;

use super::configured::{loaded, network_runtime};
use crate::alerts;
use crate::config::{Config, MispPlace, Origin, Transport};
use crate::exit::{Exit, Failure};
use crate::feeds;
use crate::follow::shared_logs;
use crate::network::{shown_server, shown_url};
use crate::output::Sink;
use crate::service::InUse;
use crate::status::probe;
use crate::text::escape_controls;

/// Reports the problems of the configuration. Without any, prints what a round would work on.
/// Unless `offline`, it then connects to every feed, MISP server, the mail server and the cluster.
pub(crate) fn check_config(path: &Path, offline: bool) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(path)? else { return Ok(Exit::Usage) };
    let mut out = Sink::stdout()?;
    InUse::new(loaded.config.clone())?;
    out.write(report(path, &loaded.config).as_bytes())?;
    if offline {
        return Ok(Exit::Done);
    }
    let runtime = network_runtime()?;
    let mut exit = Exit::Done;
    let mut say = |what: String, answer: anyhow::Result<String>| {
        let answer = answer.unwrap_or_else(|error| {
            exit = Exit::Remote;
            format!("failed: {error:#}")
        });
        out.write(format!("{}: {}\n", escape_controls(&what), escape_controls(&answer)).as_bytes())
    };
    for feed in &loaded.config.feeds {
        say(
            format!("feed {}", feed.name),
            runtime.block_on(feeds::probe(feed, &loaded.config.http)),
        )?;
    }
    for server in &loaded.config.misp {
        let answer = runtime.block_on(crate::misp::probe(server, &loaded.config));
        say(format!("misp {}", server.name), answer)?;
    }
    if let Some(Transport::Smtp(smtp)) =
        loaded.config.alerts.as_ref().map(|alerts| &alerts.transport)
    {
        let answer = runtime.block_on(alerts::probe(smtp)).map(|offer| offer.to_string());
        say("mail".to_owned(), answer)?;
    }
    if let Some(settings) = &loaded.config.opensearch {
        say("opensearch".to_owned(), runtime.block_on(probe(settings, &loaded.config)))?;
    }
    Ok(exit)
}

fn report(path: &Path, config: &Config) -> String {
    let shown = |path: &Path| escape_controls(&path.display().to_string()).into_owned();
    let mut text = format!("{}: valid\nstate   {}\n", shown(path), shown(&config.state));
    for feed in &config.feeds {
        let origin = match &feed.origin {
            Origin::Taxii(taxii) => format!("TAXII 2 at {}", shown_url(&taxii.url)),
            Origin::Taxii1(taxii) => format!("TAXII 1 at {}", shown_url(&taxii.server.url)),
            Origin::Url(url) => shown_url(&url.url),
            Origin::Path(path) => path.display().to_string(),
            Origin::Misp(misp) => format!("MISP at {}", shown_url(&misp.server.url)),
            Origin::MispFeed(files) => match &files.place {
                MispPlace::Url(url) => format!("MISP feed at {}", shown_url(&url.url)),
                MispPlace::Folder(path) => format!("MISP feed at {}", path.display()),
            },
        };
        _ = writeln!(
            text,
            "feed    {} ({:?}): {}",
            escape_controls(&feed.name),
            feed.role,
            escape_controls(&origin)
        );
    }
    for server in &config.misp {
        let url = shown_url(&server.url);
        _ = writeln!(text, "misp    {}: {}", escape_controls(&server.name), escape_controls(&url));
    }
    for log in &config.logs {
        _ = writeln!(
            text,
            "log     {}: {}",
            escape_controls(&log.name),
            escape_controls(&log.paths.join(", "))
        );
    }
    for shared in shared_logs(config) {
        _ = writeln!(text, "warning {}", escape_controls(&shared));
    }
    _ = writeln!(text, "output  {}", shown(&config.output.file));
    match &config.alerts {
        Some(alerts) => {
            let to: Vec<&str> =
                alerts.recipients.iter().map(|recipient| recipient.address.as_str()).collect();
            _ = writeln!(text, "alerts  to {}", escape_controls(&to.join(", ")));
        }
        None => text.push_str("alerts  to nobody\n"),
    }
    for webhook in &config.webhooks {
        _ = writeln!(
            text,
            "webhook {} ({}, at most TLP:{}): {}",
            escape_controls(&webhook.name),
            webhook.preset.name(),
            webhook.max_tlp.name(),
            shown_server(&webhook.url)
        );
    }
    if let Some(server) = &config.server {
        let scheme = if server.certificate.is_some() { "https" } else { "http" };
        _ = writeln!(text, "server  {scheme}://{}", server.listen);
    }
    if let Some(opensearch) = &config.opensearch {
        let hosts: Vec<String> = opensearch.hosts.iter().map(shown_url).collect();
        _ = writeln!(text, "cluster {}", escape_controls(&hosts.join(", ")));
    }
    text
}

/// Prints every setting with its value.
pub(crate) fn show_config(path: &Path) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(path)? else { return Ok(Exit::Usage) };
    let mut text = String::new();
    for (key, value) in &loaded.shown {
        _ = writeln!(text, "{} = {}", escape_controls(key), escape_controls(value));
    }
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
}
