//! `threatsieve feeds test`: shows which values of a feed would be accepted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use indexmap::map::Entry;
use indexmap::{IndexMap, IndexSet};
use serde::Serialize;
use serde_json::json;
use threatsieve_blacklist::compile::admitted;
use threatsieve_blacklist::{
    CompileOptions, EntryType, Indicator, IndicatorId, Timestamp, Tlp, Value,
};
use threatsieve_feed::{FeedError, FeedReport};

use super::configured::{loaded, network_runtime, now};
use crate::cli::{ConfigArgs, FeedTestArgs};
use crate::config::{self, Feed, FeedRole, Http};
use crate::exit::{Exit, Failure};
use crate::feeds::{Examiner, Fault, examine, examine_input};
use crate::output::{Sink, note};
use crate::policy::FeedRules;
use crate::sources::{self, Input, Waiting, Walk};
use crate::store::body::Statement;
use crate::store::statements::RowDates;
use crate::text::{escape_controls, grouped};

/// A value that would be accepted, as printed. The names are fixed, because scripts rely on them.
#[derive(Debug, Serialize)]
struct Taken {
    r#type: &'static str,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<u8>,
    /// `exact` or `subtree`, if the source says which hosts a domain covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    /// The publisher's identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

/// Collects accepted values: one object for each value and port, with the highest confidence.
struct Gathered {
    options: CompileOptions,
    /// The feed's defaults and its policy.
    confidence: Option<u8>,
    tlp: Option<Tlp>,
    rules: FeedRules,
    at: Timestamp,
    values: IndexMap<(&'static str, String, Option<u16>), Taken>,
    rejected: u64,
    reasons: BTreeMap<String, u64>,
}

impl Examiner for Gathered {
    fn take(&mut self, indicator: Indicator) {
        let id = match &indicator.id {
            IndicatorId::Stix(id) => Some(id.clone()),
            IndicatorId::Line(_) => None,
        };
        let port = indicator.port.map(|port| port.number);
        let confidence = indicator.confidence.or(self.confidence);
        let dates = RowDates { modified: indicator.modified, changed: self.at };
        let mut statement = Statement::of(indicator);
        (statement.confidence, statement.tlp) = (confidence, statement.tlp.or(self.tlp));
        let mut outside = Vec::new();
        self.rules.apply(dates, &mut statement, &mut |_, why| outside.push(why.rule()));
        outside.into_iter().for_each(|rule| self.reject(rule));
        for value in statement.parts.into_iter().flat_map(|part| part.values) {
            let scope = scope_of(&value);
            let value = match admitted(value, &self.options) {
                Ok(value) => value,
                Err(reason) => {
                    self.reject(reason.kind());
                    continue;
                }
            };
            let r#type = value.entry_type().map_or("conjunction", EntryType::stix_name);
            for value in value.normal_forms() {
                match self.values.entry((r#type, value.clone(), port)) {
                    Entry::Occupied(mut known) => {
                        let known = known.get_mut();
                        known.confidence = known.confidence.max(confidence);
                        // A name, and the names below it in another line.
                        if scope == Some("subtree") {
                            known.scope = scope;
                        }
                    }
                    Entry::Vacant(place) => {
                        place.insert(Taken {
                            r#type,
                            value,
                            port,
                            confidence,
                            scope,
                            id: id.clone(),
                        });
                    }
                }
            }
        }
    }

    fn reject(&mut self, kind: &str) {
        self.rejected += 1;
        *self.reasons.entry(kind.to_owned()).or_default() += 1;
    }
}

/// Reads the source and prints the values that would be accepted.
pub(super) fn test_feed(
    args: &FeedTestArgs,
    config: &ConfigArgs,
    is_json: bool,
) -> Result<Exit, Failure> {
    let Some(source) = Source::find(args, config)? else { return Ok(Exit::Usage) };
    let mut gathered = Gathered {
        options: source.options.clone(),
        confidence: source.feed.confidence,
        tlp: source.feed.tlp,
        rules: FeedRules::of_feed(&source.feed)?,
        at: now(),
        values: IndexMap::new(),
        rejected: 0,
        reasons: BTreeMap::new(),
    };
    let read = source.read(&mut gathered);
    let (report, doubt) = match read {
        Ok(report) => {
            let is_allow = source.feed.role == FeedRole::Allow;
            let doubt = report.doubt(source.feed.may_be_empty || is_allow, source.feed.max_bad);
            (report, doubt)
        }
        Err(error) => match error.downcast_ref::<FeedError>() {
            Some(of_feed) if of_feed.is_ambiguous() => return Err(error.into()),
            Some(_) => (FeedReport::default(), Some(format!("{error:#}"))),
            None if error.downcast_ref::<sources::Damage>().is_some() => {
                return Err(Failure::damaged(error));
            }
            None if error.downcast_ref::<Fault>().is_some() => return Err(Failure::remote(error)),
            None => return Err(error.into()),
        },
    };
    Sink::stdout()?.write(shown(&gathered, &report, is_json)?.as_bytes())?;
    match doubt {
        None => Ok(Exit::Done),
        Some(doubt) => {
            note(&format!("rejected: {doubt}"));
            Ok(Exit::Damaged)
        }
    }
}

fn shown(gathered: &Gathered, report: &FeedReport, is_json: bool) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut reasons = gathered.reasons.clone();
    for (reason, count) in &report.skipped {
        *reasons.entry((*reason).to_owned()).or_default() += count;
    }
    let (taken, rejected) = (gathered.values.len() as u64, gathered.rejected);
    let skipped: u64 = report.skipped.values().sum();
    if is_json {
        for one in gathered.values.values() {
            _ = writeln!(text, "{}", serde_json::to_string(one)?);
        }
        for (r#type, value, scope) in exceptions(report) {
            let allow = json!({ "type": r#type, "value": value, "scope": scope });
            _ = writeln!(text, "{}", json!({ "allow": allow }));
        }
        let format = Some(report.format).filter(|format| !format.is_empty());
        let summary = json!({
            "format": format,
            "taken": taken,
            "skipped": skipped,
            "rejected": rejected,
            "reasons": reasons,
        });
        _ = writeln!(text, "{}", json!({ "summary": summary }));
        return Ok(text);
    }
    for one in gathered.values.values() {
        _ = write!(text, "{:<11} {}", one.r#type, escape_controls(&one.value));
        if let Some(port) = one.port {
            _ = write!(text, " port {port}");
        }
        if let Some(scope) = one.scope {
            _ = write!(text, " {scope}");
        }
        if let Some(confidence) = one.confidence {
            _ = write!(text, " confidence {confidence}");
        }
        if let Some(id) = &one.id {
            _ = write!(text, " {}", escape_controls(id));
        }
        text.push('\n');
    }
    for (r#type, value, _) in exceptions(report) {
        _ = writeln!(text, "exception   {type} {}", escape_controls(&value));
    }
    let format = if report.format.is_empty() { "no feed" } else { report.format };
    let preset = match report.preset.as_str() {
        "" => String::new(),
        preset => format!(" (preset {preset})"),
    };
    _ = writeln!(
        text,
        "read as {format}{preset}: {} taken, {} skipped, {} rejected",
        grouped(taken),
        grouped(skipped),
        grouped(rejected)
    );
    for (reason, count) in &reasons {
        _ = writeln!(text, "  {} {}", grouped(*count), escape_controls(reason));
    }
    Ok(text)
}

/// Returns the exceptions of a list: type, value and scope, each value once.
fn exceptions(report: &FeedReport) -> IndexSet<(&'static str, String, Option<&'static str>)> {
    let each = report.exceptions.iter().flat_map(|value| {
        let (r#type, scope) =
            (value.entry_type().map_or("conjunction", EntryType::stix_name), scope_of(value));
        value.normal_forms().into_iter().map(move |value| (r#type, value, scope))
    });
    each.collect()
}

/// The hosts that a domain covers, if the source says it.
fn scope_of(value: &Value) -> Option<&'static str> {
    value.is_subtree().map(|is_subtree| if is_subtree { "subtree" } else { "exact" })
}

/// The source that is tested.
struct Source {
    feed: Feed,
    http: Http,
    options: CompileOptions,
    /// Files to read instead of the feed's origin.
    files: Option<PathBuf>,
    /// The URL, if it may also be a TAXII resource.
    url: Option<String>,
}

impl Source {
    /// Finds the source that the argument names. Returns `None` if the configuration has problems,
    /// which it prints.
    fn find(args: &FeedTestArgs, config: &ConfigArgs) -> Result<Option<Source>, Failure> {
        let text = args.source.as_str();
        let is_url = text.starts_with("http://") || text.starts_with("https://");
        let is_file = !is_url && (text == "-" || PathBuf::from(text).exists());
        let path = config.path();
        let has_config = config.config.is_some() || path.exists();
        let known = match has_config && !is_file {
            true => match loaded(&path)? {
                Some(loaded) => Some(loaded.config),
                None => return Ok(None),
            },
            false => None,
        };
        let mut options = CompileOptions::default();
        if let Some(config) = &known {
            options.accept_special = config.blacklist.accept_special;
            options.accept_broad = config.blacklist.accept_broad;
        }
        let named =
            known.as_ref().and_then(|config| config.feeds.iter().find(|feed| feed.name == text));
        let (mut files, mut url, mut limits) = (None, None, None);
        let mut standard = |kind: &str, url: &str| -> Result<Feed, Failure> {
            let (feed, http) = config::feed_of_url(kind, url)?;
            limits = Some(http);
            Ok(feed)
        };
        let mut feed = if let Some(feed) = named {
            feed.clone()
        } else if is_url && looks_like_taxii(text) {
            standard("taxii", text)?
        } else if is_url {
            url = Some(text.to_owned());
            standard("url", text)?
        } else if is_file {
            files = Some(PathBuf::from(text));
            standard("url", "http://localhost/")?
        } else {
            let feeds = known.iter().flat_map(|config| &config.feeds);
            let names = feeds.map(|feed| feed.name.as_str()).collect::<Vec<_>>().join(", ");
            let error = anyhow!(
                "{text}: expected a file, `-`, a URL or a configured feed ({names}), got none of them"
            );
            return Err(error.into());
        };
        feed.format = args.format.clone().or(feed.format);
        let http = known.map(|config| config.http).or(limits).context("no limits of requests")?;
        Ok(Some(Source { feed, http, options, files, url }))
    }

    fn read(&self, gathered: &mut Gathered) -> anyhow::Result<FeedReport> {
        if let Some(path) = &self.files {
            let mut report = FeedReport::default();
            for input in Walk::new([path]) {
                let input: Input = input?;
                let decoder =
                    sources::open(&input, Waiting::Silently).with_context(|| input.name())?;
                report.add(
                    &examine_input(decoder, &self.feed, now(), gathered)
                        .with_context(|| input.name())?,
                );
            }
            return Ok(report);
        }
        let at: Timestamp = now();
        let runtime = network_runtime()?;
        let read = runtime.block_on(examine(&self.feed, &self.http, at, gathered));
        match (read, &self.url) {
            (Err(error), Some(url)) if is_taxii(&error) => {
                let (feed, _) = config::feed_of_url("taxii", url)?;
                runtime.block_on(examine(&feed, &self.http, at, gathered))
            }
            (read, _) => read,
        }
    }
}

/// Returns whether the path of a URL looks like a TAXII resource.
fn looks_like_taxii(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let mut segments = path.split('/').skip(3);
    segments.any(|segment| matches!(segment, "taxii" | "taxii2" | "taxii21" | "collections"))
}

/// Returns whether the error shows that the server answered with a TAXII resource, or speaks
/// nothing but TAXII (status 406).
fn is_taxii(error: &anyhow::Error) -> bool {
    let is_resource = |got: &str| {
        ["api_roots", "can_read", "max_content_length"].iter().any(|key| got.contains(key))
    };
    match error.downcast_ref::<FeedError>() {
        Some(FeedError::NotStix { got, .. }) => is_resource(got),
        _ => error.downcast_ref::<Fault>().and_then(Fault::status) == Some(406),
    }
}
