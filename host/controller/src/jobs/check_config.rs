//! What the configuration says, without connecting to anything.

use std::fmt::Write as _;
use std::path::Path;

use super::configured::loaded;
use crate::config::{Config, Origin};
use crate::exit::{Exit, Failure};
use crate::output::{Sink, harmless};

/// Says whether the configuration holds, and what a round would work on.
pub(crate) fn check_config(path: &Path) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(path)? else { return Ok(Exit::Usage) };
    let text = report(path, &loaded.config);
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
}

fn report(path: &Path, config: &Config) -> String {
    let mut text = format!("{}: holds\nstate   {}\n", path.display(), config.state.display());
    for feed in &config.feeds {
        let origin = match &feed.origin {
            Origin::Taxii(taxii) => format!("TAXII 2.1 at {}", taxii.url),
            Origin::Url(url) => url.url.to_string(),
            Origin::Path(path) => path.display().to_string(),
        };
        _ = writeln!(text, "feed    {} ({:?}): {}", harmless(&feed.name), feed.role, harmless(&origin));
    }
    for log in &config.logs {
        _ = writeln!(text, "log     {}: {}", harmless(&log.name), harmless(&log.paths.join(", ")));
    }
    _ = writeln!(text, "output  {}", config.output.file.display());
    match &config.alerts {
        Some(alerts) => {
            let to: Vec<&str> =
                alerts.recipients.iter().map(|recipient| recipient.address.as_str()).collect();
            _ = writeln!(text, "alerts  to {}", harmless(&to.join(", ")));
        }
        None => text.push_str("alerts  to nobody\n"),
    }
    text
}

/// Prints every setting with its value.
pub(crate) fn show_config(path: &Path) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(path)? else { return Ok(Exit::Usage) };
    let mut text = String::new();
    for (key, value) in &loaded.shown {
        _ = writeln!(text, "{} = {}", harmless(key), harmless(value));
    }
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
}
