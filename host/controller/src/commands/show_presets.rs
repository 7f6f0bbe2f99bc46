//! `threatsieve feeds presets`: the presets for well-known feeds.

use std::fmt::Write as _;

use anyhow::anyhow;
use serde_json::json;
use threatsieve_feed::preset::{Preset, PresetRole, Presets};

use super::configured::loaded;
use crate::cli::ConfigArgs;
use crate::config::unknown_preset;
use crate::exit::{Exit, Failure};
use crate::output::Sink;

/// Prints all presets, or one with its settings.
pub(super) fn show_presets(
    name: Option<&str>,
    config: &ConfigArgs,
    is_json: bool,
) -> Result<Exit, Failure> {
    let path = config.path();
    let has_config = config.config.is_some() || path.exists();
    let presets = match has_config {
        true => match loaded(&path)? {
            Some(loaded) => loaded.config.presets,
            None => return Ok(Exit::Usage),
        },
        false => Presets::default(),
    };
    let text = match name {
        Some(name) => one(name, &presets, is_json)?,
        None => all(&presets, is_json),
    };
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
}

fn all(presets: &Presets, is_json: bool) -> String {
    let mut text = String::new();
    for preset in presets.all().iter().map(|feed| feed.first()) {
        if is_json {
            _ = writeln!(text, "{}", as_json(preset));
            continue;
        }
        let interval = preset.interval.as_deref().unwrap_or("-");
        let what = match (&preset.no_indicators, preset.role) {
            (Some(_), _) => ", without indicators",
            (None, PresetRole::Allow) => ", good values",
            (None, PresetRole::Block) => "",
        };
        _ = writeln!(text, "{:<27} {interval:<4} {}{what}", preset.name, preset.about);
    }
    text
}

fn one(name: &str, presets: &Presets, is_json: bool) -> anyhow::Result<String> {
    let Some(feed) = presets.get(name) else { return Err(anyhow!(unknown_preset(name, presets))) };
    let first = feed.first();
    if is_json {
        return Ok(format!("{}\n", as_json(first)));
    }
    let mut text = String::new();
    let facts = [
        ("", Some(&first.about)),
        ("URL: ", first.url.as_ref()),
        ("Key: ", first.key.as_ref()),
        ("Terms: ", first.terms.as_ref()),
        ("Not more often than every: ", first.interval.as_ref()),
        ("Refused, because it holds: ", first.no_indicators.as_ref()),
    ];
    for (label, fact) in facts {
        if let Some(fact) = fact.filter(|fact| !fact.is_empty()) {
            _ = writeln!(text, "# {label}{fact}");
        }
    }
    if first.no_indicators.is_none() {
        _ = writeln!(text, "#\n# [[feeds]]\n# name = \"{name}\"\n# preset = \"{name}\"");
        if first.url.is_none() {
            _ = writeln!(text, "# path = \"FILE\"");
        }
    }
    if let Some(tables) = Presets::built_in(name) {
        _ = write!(text, "\n{tables}");
    }
    Ok(text)
}

fn as_json(preset: &Preset) -> serde_json::Value {
    json!({
        "name": preset.name,
        "about": preset.about,
        "format": preset.format.name(),
        "url": preset.url,
        "interval": preset.interval,
        "terms": preset.terms,
        "key": preset.key,
        "role": match preset.role {
            PresetRole::Block => "block",
            PresetRole::Allow => "allow",
        },
        "no_indicators": preset.no_indicators,
    })
}
